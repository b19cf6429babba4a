"""Which commands were to run tests of which none is known."""

from __future__ import annotations

import datetime

from envmatrix.evidence.model import CommandRun, Evidence
from envmatrix.evidence.runners import is_recorded, is_unrecorded, runner_of
from envmatrix.evidence.subunit import RUNNERS

_SLACK_S = 0.05  # both times are cut to milliseconds, and come from two processes


def unseen(command: CommandRun, evidence: Evidence) -> bool:
    """Whether a command was to run tests that would have been recorded, and no session is of it."""
    if command.phase != "commands" or not is_recorded(command.argv):
        return False
    if runner_of(command.argv) == "stestr":  # read afterwards, from streams that say nothing of commands
        return not any(session.runner in RUNNERS.values() for session in evidence.runs)
    return not any(_began_in(command, session.at) for session in evidence.runs)


def uncounted(command: CommandRun, evidence: Evidence) -> bool:
    """Tell whether a command ran tests with a runner that nothing here records, and no session is of it."""
    if command.phase != "commands" or not is_unrecorded(command.argv):
        return False
    return not any(_began_in(command, session.at) for session in evidence.runs if session.runner != "junit")


def _began_in(command: CommandRun, at: float) -> bool:
    if not at or not command.started:  # evidence of a release that did not note it
        return True
    begun = datetime.datetime.fromisoformat(command.started.replace("Z", "+00:00")).timestamp()
    return begun - _SLACK_S <= at <= begun + command.duration_s + _SLACK_S
