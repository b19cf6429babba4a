"""``envmatrix clean``."""

from __future__ import annotations

import click

from envmatrix.cli.terminal import say, start


@click.command("clean", short_help="Stop and remove what killed runs left behind.")
@click.option("--runs", is_flag=True, help="Also the folders of finished runs (logs, recordings); evidence stays.")
def command(runs: bool) -> int:
    """Stop daemons and remove folders that runs left behind because they were killed; what is in use stays.

    Example: envmatrix clean
    """
    from envmatrix.cli.cleaning import clean

    for line in clean(start(), runs=runs):
        say(f"{line}\n")
    return 0
