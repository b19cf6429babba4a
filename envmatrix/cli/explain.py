"""``envmatrix explain``."""

from __future__ import annotations

import os

import click

from envmatrix.cli.common import complete_names, json_option
from envmatrix.cli.terminal import say, start, use_color, width


@click.command("explain", short_help="Say where each setting of a cell comes from, and why this interpreter.")
@click.argument("cell", shell_complete=complete_names)
@json_option
@click.option("--all", "everything", is_flag=True, help="Also the settings that have tox's own default.")
def command(cell: str, as_json: bool, everything: bool) -> int:
    """Say of one cell what it would run, where each setting comes from, and every interpreter that was considered.

    CELL is a cell, tox:NAME, or a profile of one cell. Exit code 0 when it can run here, 3 when it is blocked.

    Example: envmatrix explain libvirt
    """
    from envmatrix.cli.explaining import explain

    explained = explain(start(), cell, os.environ)
    if as_json:
        say(explained.as_json(everything) + "\n")
    else:
        say(explained.as_text(everything, width=width(), color=use_color()))
    return explained.exit_code
