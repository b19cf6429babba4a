"""``envmatrix plan``."""

from __future__ import annotations

import os

import click

from envmatrix.cli.common import json_option, profiles_argument
from envmatrix.cli.terminal import say, start, use_color, width
from envmatrix.errors import ExitCode


@click.command("plan", short_help="Say what can run on this host and what cannot, and why.")
@profiles_argument
@json_option
@click.option("--changed-since", metavar="REV", help="Only the profiles that a change since REV touches.")
@click.option("--staged", is_flag=True, help="Only the profiles that the staged change touches.")
def command(names: tuple[str, ...], as_json: bool, changed_since: str | None, staged: bool) -> int:
    """Say what of the matrix can run on this host, and why the rest cannot.

    Exit code 0 when every cell can run here, 3 when something is blocked.

    Example: envmatrix plan full libvirt
    """
    from envmatrix.cli.planned import plan_matrix
    from envmatrix.config.matrix import load_matrix
    from envmatrix.plan import Blocked
    from envmatrix.report import plan as report

    plan = plan_matrix(load_matrix(start(), names), os.environ, since=changed_since, staged=staged)
    say(report.json(plan) if as_json else report.text(plan, color=use_color(), width=width()))
    return ExitCode.INCOMPLETE if any(isinstance(one, Blocked) for one in plan.cells) else ExitCode.PASSED
