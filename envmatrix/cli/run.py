"""``envmatrix run``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from envmatrix.cli.common import complete_formats, json_option, profiles_argument, verbosity_options
from envmatrix.cli.terminal import start

if TYPE_CHECKING:
    from envmatrix.cli.progress import Mode


@click.command("run", short_help="Run profiles on this host and judge what really ran.")
@profiles_argument
@click.argument("posargs", nargs=-1, type=click.UNPROCESSED)
@json_option
@click.option(
    "--format",
    "format_",
    default="text",
    metavar="NAME",
    shell_complete=complete_formats,
    help="How to show the verdict (text, markdown, …).",
)
@click.option("--allow-blocked", is_flag=True, help="Count cells that this host cannot run as owed to another, exit 0.")
@click.option("--changed-since", metavar="REV", help="Only the profiles that a change since REV touches.")
@click.option("--staged", is_flag=True, help="Only the profiles that the staged change touches.")
@click.option(
    "--jobs", "-j", metavar="N|auto", default="1", envvar="ENVMATRIX_JOBS", help="How many cells at once; 1 by default."
)
@click.option("--fail-fast", is_flag=True, help="Stop after the first cell that did not pass; name what was not run.")
@click.option(
    "--retries",
    metavar="N",
    type=click.IntRange(0, 10),
    default=2,
    show_default=True,
    help="Further attempts where the package index or a service fails.",
)
@click.option(
    "--rerun-failed",
    metavar="N",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    help="Further attempts at cells whose tests fail; one that then passes is flaky.",
)
@click.option("--recreate", "-r", is_flag=True, help="Build the environments anew.")
@click.option("--warm/--no-warm", default=True, help="Run what has not changed without tox (default), or never.")
@click.option("--reuse", is_flag=True, help="Do not run again what has passed with everything as it is now.")
@click.option("--store", metavar="URL", default=None, envvar="ENVMATRIX_STORE", help="Where evidence goes.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain"]),
    default="auto",
    envvar="ENVMATRIX_PROGRESS",
    help="A live table, or plain lines (for pipes and screen readers); auto: a table on a terminal.",
)
@verbosity_options
def command(
    names: tuple[str, ...],
    posargs: tuple[str, ...],
    as_json: bool,
    format_: str,
    allow_blocked: bool,
    changed_since: str | None,
    staged: bool,
    jobs: str,
    fail_fast: bool,
    retries: int,
    rerun_failed: int,
    recreate: bool,
    warm: bool,
    reuse: bool,
    store: str | None,
    progress: Mode,
) -> int:
    """Run profiles on this host and judge what really ran.

    PROFILE is a profile, a cell, or tox:NAME for an environment of the project's own; without any, the project's own
    profiles, or `restricted` and `full`. What follows -- goes to the commands in place of
    {posargs}; a cell whose commands have no place for it is not run, and inconclusive.

    Exit code 0 only when everything asked for ran and passed; 1 when something failed; 3 when something did not run.

    Example: envmatrix run full -- -k migration
    """
    from envmatrix.cli.wanted import Wanted, run

    wanted = Wanted(
        names=names,
        posargs=posargs,
        format="json" if as_json else format_,
        allow_blocked=allow_blocked,
        since=changed_since,
        staged=staged,
        jobs=jobs,
        fail_fast=fail_fast,
        retries=retries,
        reruns=rerun_failed,
        recreate=recreate,
        warm=warm,
        reuse=reuse,
        store=store,
        progress=progress,
    )
    return run(start(), wanted, os.environ)


def _split_posargs(args: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in args:
        return args, []
    at = args.index("--")
    return args[:at], args[at + 1 :]


_parse_args = command.parse_args


def _parse_keeping_posargs(ctx: click.Context, args: list[str]) -> list[str]:
    # click drops the "--" and cannot tell a profile before it from an argument of the commands after it.
    own, posargs = _split_posargs(args)
    rest = _parse_args(ctx, own)
    ctx.params["posargs"] = tuple(posargs)
    return rest


command.params = [parameter for parameter in command.params if parameter.name != "posargs"]
command.parse_args = _parse_keeping_posargs  # type: ignore[method-assign]
