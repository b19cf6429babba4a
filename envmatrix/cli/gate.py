"""``envmatrix gate``."""

from __future__ import annotations

import os

import click
from click.core import ParameterSource

from envmatrix.cli.options import complete_formats, complete_names, json_option
from envmatrix.console.output import get_width, use_color, working_directory


def _check_revision(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse an empty name: where a variable of the CI system is not set, another question would be answered."""
    if not value and ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE:
        raise click.BadParameter("the revision is empty; is the variable set that should name it?", ctx, param)
    return value


@click.command("gate", short_help="Judge a revision by all evidence that hosts have reported for it.")
@click.argument("rev", required=False, default="", callback=_check_revision)
@json_option
@click.option(
    "--format",
    "format_",
    default="text",
    metavar="NAME",
    shell_complete=complete_formats,
    help="text, markdown, junit, gerrit, github, gitlab…",
)
@click.option(
    "--profile",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_names,
    help="Judge only this profile or cell; repeatable.",
)
@click.option(
    "--policy",
    metavar="REV",
    default="",
    callback=_check_revision,
    help="Read profiles from REV, so that a change cannot weaken its gate.",
)
@click.option(
    "--changed-since", metavar="REV", default="", help="Leave out the profiles that the change does not need."
)
@click.option("--staged", is_flag=True, help="The same for what is staged, against HEAD where no revision is given.")
@click.option("--expect", multiple=True, metavar="HOST", help="A host that has to have reported; repeatable.")
@click.option(
    "--store", "stores", multiple=True, metavar="URL", help="Where evidence is; repeatable. [ENVMATRIX_STORE]"
)
def gate_command(
    rev: str,
    as_json: bool,
    format_: str,
    names: tuple[str, ...],
    policy: str,
    changed_since: str,
    staged: bool,
    expect: tuple[str, ...],
    stores: tuple[str, ...],
) -> int:
    """Judge REV, or what is on disk, by the union of all evidence of exactly that content.

    Exit code 0 only when every required cell ran and passed somewhere; 1 when something failed on any host; 3 when
    something is owed, stale, or ran nowhere.

    Example: envmatrix gate HEAD --policy origin/main --format markdown
    """
    from envmatrix.commands.gate import GateOptions, run_gate

    options = GateOptions(
        rev=rev,
        names=names,
        policy=policy,
        since=changed_since,
        staged=staged,
        expect=expect,
        stores=stores or tuple(filter(None, [os.environ.get("ENVMATRIX_STORE")])),
        format="json" if as_json else format_,
        color=use_color(),
        width=get_width(),
    )
    return run_gate(working_directory(), options)
