"""What tox was told to look away from, and when that leaves nothing that could have failed."""

from __future__ import annotations

from envmatrix.config.model import Profile
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.runners import runner_of
from envmatrix.util.text import listed
from envmatrix.verdict.counting import Tally


def ignored(evidence: Evidence, profile: Profile, tally: Tally) -> str:
    """Return a sentence where a failure that tox ignores keeps the cell from having passed, "" otherwise.

    A cleaning command may fail; a command that runs tests may not, nor the only ones that an environment has.
    """
    main = [command for command in evidence.commands if command.phase == "commands"]
    ignoring = list(evidence.ignored) or [f"- before {' '.join(command.argv)}" for command in main if command.ignored]
    if ignoring and profile.gate.required:
        return f"the gate requires profile {profile.name!r}, and tox ignores failures in it: {listed(ignoring)}"
    if tally.failed or (evidence.runs and not tally.ran and profile.gate.min_tests):
        return ""  # told already
    alone = all(command.ignored for command in main)
    for command in main:
        runs_tests = bool(runner_of(command.argv))
        if command.ignored and command.failed and not command.not_started and (alone or runs_tests):
            what = f"{' '.join(command.argv)} ended with {command.exit_code} and tox ignores that"
            if runs_tests and not evidence.tests:
                return f"{what}; none of its tests is known"
            return f"{what}; nothing else ran that counts" if alone else what
    return ""
