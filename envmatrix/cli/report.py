"""``envmatrix report``."""

from __future__ import annotations

import click

from envmatrix.cli.common import complete_formats
from envmatrix.cli.terminal import start, use_color, width


@click.command("report", short_help="Show the last run, or given evidence, in some format.")
@click.argument("evidence", nargs=-1, metavar="[EVIDENCE]...")
@click.option(
    "--format",
    "format_",
    default="text",
    metavar="NAME",
    shell_complete=complete_formats,
    help="text, markdown, json, junit, html, …",
)
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout.")
@click.option("--against", metavar="EVIDENCE|TREE", help="Also what differs from this earlier evidence.")
@click.option("--store", metavar="URL", default=None, envvar="ENVMATRIX_STORE", help="Where evidence is.")
def command(evidence: tuple[str, ...], format_: str, output: str | None, against: str | None, store: str | None) -> int:
    """Show the last run; or the EVIDENCE named by id, by file or by tree, judged together.

    Exit code as the verdict's.

    Example: envmatrix report --format html -o report.html
    """
    from envmatrix.cli.reporting import report

    code: int = report(
        start(), evidence, format_, output, against=against, store=store, color=use_color(), width=width()
    )
    return code
