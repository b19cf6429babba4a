"""``envmatrix doctor``."""

from __future__ import annotations

import os

import click

from envmatrix.cli.common import json_option, profiles_argument, start, use_color, width
from envmatrix.errors import ExitCode


@click.command("doctor", short_help="Say what this host has, what it lacks, and how to change that.")
@profiles_argument
@json_option
@click.option(
    "--labels", metavar="STYLE", help="Print what is ok as labels: jenkins, labels-file, github, gitlab or dask."
)
def command(names: tuple[str, ...], as_json: bool, labels: str | None) -> int:
    """Probe this host and say what each finding blocks, with the one command that would unblock everything.

    Exit code 0 when the profiles asked for can run here, 3 otherwise.

    Example: envmatrix doctor libvirt
    """
    from envmatrix.cli.examining import examine

    examined = examine(start(), names, os.environ)
    if labels is not None:
        click.echo(examined.labels(labels))
    elif as_json:
        click.echo(examined.json(), nl=False)
    else:
        click.echo(examined.text(width=width(), color=use_color()), nl=False)
    return ExitCode.INCOMPLETE if examined.blocked else ExitCode.PASSED
