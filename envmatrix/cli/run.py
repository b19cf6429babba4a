"""``envmatrix run``."""

from __future__ import annotations

import os
from typing import Any

import click

from envmatrix.cli.options import complete_formats, json_option, profiles_argument, verbosity_options
from envmatrix.commands.run import RunOptions, run_profiles
from envmatrix.console.output import working_directory


class _Command(click.Command):
    """A command that takes what follows ``--`` as ``posargs``.

    click drops the ``--``, after which nothing tells a profile from an argument of the commands.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what precedes ``--``, and keep the rest as it is."""
        end = args.index("--") if "--" in args else len(args)
        ctx.params["posargs"] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])


@click.command("run", cls=_Command, short_help="Run profiles on this host and judge what really ran.")
@profiles_argument
@json_option
@click.option(
    "--format",
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
@click.option("--missing", is_flag=True, help="Run only the cells that the gate still lacks a pass of.")
@click.option("--store", metavar="URL", default=None, envvar="ENVMATRIX_STORE", help="Where evidence goes.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain"]),
    default="auto",
    envvar="ENVMATRIX_PROGRESS",
    help="A live table, or plain lines (for pipes and screen readers); auto: a table on a terminal.",
)
@verbosity_options
def run_command(as_json: bool, **options: Any) -> int:
    """Run profiles on this host and judge what really ran.

    PROFILE is a profile, a cell, or tox:NAME for an environment of the project's own; without any, the project's own
    profiles, or `restricted` and `full`. What follows -- goes to the commands in place of
    {posargs}; a cell whose commands have no place for it is not run, and inconclusive.

    Exit code 0 only when everything asked for ran and passed; 1 when something failed; 3 when something did not run.

    Example: envmatrix run full -- -k migration
    """
    if as_json:
        options["format"] = "json"
    return run_profiles(working_directory(), RunOptions(**options), os.environ)
