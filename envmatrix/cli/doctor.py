"""``envmatrix doctor``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from envmatrix.cli.common import json_option, verbosity_options
from envmatrix.cli.terminal import say, start, use_color, verbosity, width
from envmatrix.errors import ExitCode

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from envmatrix.cli.completing import names_and_capabilities

    return names_and_capabilities(ctx, param, incomplete)


@click.command("doctor", short_help="Say what this host has, what it lacks, and how to change that.")
@click.argument("names", metavar="[PROFILE|CAPABILITY]...", nargs=-1, shell_complete=_complete)
@json_option
@click.option(
    "--labels", metavar="STYLE", help="Print what is ok as labels: jenkins, labels-file, github, gitlab or dask."
)
@verbosity_options
def command(names: tuple[str, ...], as_json: bool, labels: str | None) -> int:
    """Probe this host and say what each finding blocks, with the one command that would unblock everything.

    With names of capabilities, only those are probed. Exit code 0 when the profiles asked for can run here and the
    capabilities asked for are there, 3 otherwise.

    Example: envmatrix doctor libvirt
    """
    from envmatrix.cli.examining import check_style, examine

    check_style(labels)
    examined = examine(start(), names, os.environ)
    if labels is not None:
        say(examined.labels(labels) + "\n")
    elif as_json:
        say(examined.json())
    else:
        say(examined.text(everything=verbosity() > 0, width=width(), color=use_color()))
    return ExitCode.INCOMPLETE if examined.blocked or examined.lacking else ExitCode.PASSED
