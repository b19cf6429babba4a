"""``envmatrix doctor``.

``envmatrix explain``.

``envmatrix list``.

``envmatrix plan``.

``envmatrix report``.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from envmatrix.cli.options import complete_formats, complete_names, json_option, profiles_argument, verbosity_options
from envmatrix.console.output import get_verbosity, get_width, use_color, working_directory, write_text
from envmatrix.errors import ExitCode

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from envmatrix.cli.options import complete_profiles_and_capabilities

    return complete_profiles_and_capabilities(ctx, param, incomplete)


@click.command("doctor", short_help="Say what this host has, what it lacks, and how to change that.")
@click.argument("names", metavar="[PROFILE|CAPABILITY]...", nargs=-1, shell_complete=_complete_names)
@json_option
@click.option(
    "--labels", metavar="STYLE", help="Print what is ok as labels: jenkins, labels-file, github, gitlab or dask."
)
@verbosity_options
def doctor_command(names: tuple[str, ...], as_json: bool, labels: str | None) -> int:
    """Probe this host and say what each finding blocks, with the one command that would unblock everything.

    With names of capabilities, only those are probed. Exit code 0 when the profiles asked for can run here and the
    capabilities asked for are there, 3 otherwise.

    Example: envmatrix doctor libvirt
    """
    from envmatrix.commands.doctor import check_style, examine_host

    check_style(labels)
    examined = examine_host(working_directory(), names, os.environ)
    if labels is not None:
        write_text(examined.make_labels(labels) + "\n")
    elif as_json:
        write_text(examined.render_json())
    else:
        write_text(examined.render_text(everything=get_verbosity() > 0, width=get_width(), color=use_color()))
    return ExitCode.INCOMPLETE if examined.list_blocked or examined.lacking else ExitCode.PASSED


@click.command("explain", short_help="Say where each setting of a cell comes from, and why this interpreter.")
@click.argument("cell", shell_complete=complete_names)
@json_option
@click.option("--all", "everything", is_flag=True, help="Also the settings that have tox's own default.")
def explain_command(cell: str, as_json: bool, everything: bool) -> int:
    """Say of one cell what it would run, where each setting comes from, and every interpreter that was considered.

    CELL is a cell, tox:NAME, or a profile of one cell. Exit code 0 when it can run here, 3 when it is blocked.

    Example: envmatrix explain libvirt
    """
    from envmatrix.commands.explain import explain_cell

    explained = explain_cell(working_directory(), cell, os.environ)
    if as_json:
        write_text(explained.as_json(everything) + "\n")
    else:
        write_text(explained.as_text(everything, width=get_width(), color=use_color()))
    return explained.exit_code


@click.command("list", short_help="List profiles, their cells, and the project's own tox environments.")
@json_option
@click.option("--tox", "with_tox", is_flag=True, help="Also the project's own tox environments (asks tox).")
def list_command(as_json: bool, with_tox: bool) -> int:
    """List the profiles that can be run here by name, with their cells.

    A `*` marks those that `envmatrix run` takes without a name. With --tox the project's own environments follow; each
    can be run as tox:NAME.

    Example: envmatrix list --tox
    """
    from envmatrix.commands.list import list_profiles

    profiles = list_profiles(working_directory(), with_tox=with_tox)
    write_text((json.dumps(profiles.make_document(), indent=2) if as_json else profiles.render_text()) + "\n")
    return 0


@click.command("plan", short_help="Say what can run on this host and what cannot, and why.")
@profiles_argument
@json_option
@click.option("--changed-since", metavar="REV", help="Only the profiles that a change since REV touches.")
@click.option("--staged", is_flag=True, help="Only the profiles that the staged change touches.")
def plan_command(names: tuple[str, ...], as_json: bool, changed_since: str | None, staged: bool) -> int:
    """Say what of the matrix can run on this host, and why the rest cannot.

    Exit code 0 when every cell can run here, 3 when something is blocked.

    Example: envmatrix plan full libvirt
    """
    from envmatrix.commands.plan import plan_matrix
    from envmatrix.config.matrix import load_matrix
    from envmatrix.plan import Blocked
    from envmatrix.report import plan as report

    plan = plan_matrix(load_matrix(working_directory(), names), os.environ, since=changed_since, staged=staged)
    write_text(report.render_json(plan) if as_json else report.render_text(plan, color=use_color(), width=get_width()))
    return ExitCode.INCOMPLETE if any(isinstance(item, Blocked) for item in plan.cells) else ExitCode.PASSED


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
def report_command(
    evidence: tuple[str, ...], format_: str, output: str | None, against: str | None, store: str | None
) -> int:
    """Show the last run; or the EVIDENCE named by id, by file or by tree, judged together.

    Exit code as the verdict's.

    Example: envmatrix report --format html -o report.html
    """
    from envmatrix.commands.report import show_report

    code: int = show_report(
        working_directory(),
        evidence,
        format_,
        output,
        against=against,
        store=store,
        color=use_color(),
        width=get_width(),
    )
    return code
