"""Which commands were to run tests of which none is known.

What tox was told to look away from, and when that leaves nothing that could have failed.

Tests that a profile says have to execute: which of them did not, and what they may be called now.

What can be said of a run in which no test was executed, or none that proves anything.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from envmatrix.config.model import Profile
from envmatrix.evidence.model import CommandRun, Evidence, Session, TestResult
from envmatrix.evidence.runners import find_runner, is_recorded, is_unrecorded
from envmatrix.evidence.subunit import RUNNERS
from envmatrix.util.text import count, listed
from envmatrix.verdict.model import Tests
from envmatrix.verdict.tally import NOT_TRIED, Tally
from envmatrix.verdict.test_ids import matches_pattern

_SLACK_S = 0.05  # both times are cut to milliseconds, and come from two processes


def is_unseen(command: CommandRun, evidence: Evidence) -> bool:
    """Whether a command was to run tests that would have been recorded, and no session is of it."""
    if command.phase != "commands" or not is_recorded(command.argv):
        return False
    if find_runner(command.argv) == "stestr":  # read afterwards, from streams that say nothing of commands
        return not any(session.runner in RUNNERS.values() for session in evidence.counted_sessions)
    return not any(_began_in(command, session.at) for session in evidence.counted_sessions)


def is_uncounted(command: CommandRun, evidence: Evidence) -> bool:
    """Tell whether a command ran tests with a runner that nothing here records, and no session is of it."""
    if command.phase != "commands" or not is_unrecorded(command.argv):
        return False
    return not any(_began_in(command, session.at) for session in evidence.counted_sessions if session.runner != "junit")


def _began_in(command: CommandRun, at: float) -> bool:
    if not at or not command.started:  # evidence of a release that did not note it
        return True
    begun = datetime.datetime.fromisoformat(command.started.replace("Z", "+00:00")).timestamp()
    return begun - _SLACK_S <= at <= begun + command.duration_s + _SLACK_S


def explain_ignored_failure(evidence: Evidence, profile: Profile, tally: Tally) -> str:
    """Return a sentence where a failure that tox ignores keeps the cell from having passed, "" otherwise.

    A cleaning command may fail; a command that runs tests may not, nor the only ones that an environment has.
    """
    main = [command for command in evidence.commands if command.phase == "commands"]
    ignoring = list(evidence.ignored) or [f"- before {' '.join(command.argv)}" for command in main if command.ignored]
    if ignoring and profile.gate.required:
        return f"the gate requires profile {profile.name!r}, and tox ignores failures in it: {listed(ignoring)}"
    if tally.failed or (evidence.counted_sessions and not tally.ran and profile.gate.min_tests):
        return ""  # told already
    alone = all(command.ignored for command in main)
    for command in main:
        runs_tests = bool(find_runner(command.argv))
        if command.ignored and command.has_failed and not command.not_started and (alone or runs_tests):
            what = f"{' '.join(command.argv)} ended with {command.exit_code} and tox ignores that"
            if runs_tests and not evidence.tests:
                return f"{what}; none of its tests is known"
            return f"{what}; nothing else ran that counts" if alone else what
    return ""


def find_unmet_patterns(
    patterns: Sequence[str], tests: Sequence[TestResult], ran: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each pattern that was not kept: a sentence, and the tests that it met and that did not run (``ran``: those
    that did).

    A pattern is kept when something that it meets was executed and nothing that it meets was left out; a glob lets
    skips pass that the profile declares, an id that is named outright has to run.
    """
    for pattern in patterns:
        met = [test for test in tests if matches_pattern(test.id, pattern)]
        exact = not any(sign in pattern for sign in "*?")
        missing = [t for t in met if t.id not in ran and (exact or t.skip_class != "declared")]
        if missing:
            what = f'{missing[0].outcome}: "{missing[0].reason}"' if missing[0].reason else missing[0].outcome
            message = (
                f"must_run {pattern!r}: {count(len(missing), 'test')} did not run, such as {missing[0].id} ({what})"
            )
            yield message, tuple(test.id for test in missing)
        elif not any(test.id in ran for test in met):
            yield f"must_run {pattern!r}: {_nothing_met(pattern, tests, met)}", tuple(test.id for test in met)


def _nothing_met(pattern: str, tests: Sequence[TestResult], met: Sequence[TestResult]) -> str:
    if met:
        return f"all of its {count(len(met), 'test')} were skipped"
    for test in tests:
        if test.stands_for_module and matches_pattern(pattern, test.id):
            return f'its module {test.id} did not run: "{test.reason}"'
    near = _find_nearest(pattern, [test.id for test in tests])
    return f"no such test was collected; nearest: {', '.join(near)}" if near else "no such test was collected"


def _find_nearest(pattern: str, ids: Sequence[str]) -> list[str]:
    import difflib

    plain = pattern.strip("*")
    near = difflib.get_close_matches(plain, ids, n=3, cutoff=0.6)
    if near:
        return near
    by_end = {test_id.replace("::", ".").rpartition(".")[2]: test_id for test_id in ids}
    end = plain.replace("::", ".").rpartition(".")[2]
    return [by_end[name] for name in difflib.get_close_matches(end, by_end, n=3, cutoff=0.6)]


NONE_PASSED: Final = "no test passed: {} ran, and failed as xfail or expectedFailure says, so that nothing is proved"
_NO_TESTS_CODE = 5  # pytest, and unittest of Python 3.12: nothing was collected
LISTING: Final = "--collect-only"  # why a session stopped that was only to list its tests


def silent_sessions(evidence: Evidence) -> list[Session]:
    """The test sessions that found nothing."""
    alone = len(evidence.counted_sessions) == 1 and bool(evidence.tests)
    return [
        session
        for session in evidence.counted_sessions
        if session.finished
        and session.stopped != LISTING
        and (session.exit_code == _NO_TESTS_CODE or (session.tests == 0 and not alone))
    ]


def why_no_tests(evidence: Evidence) -> str:
    """A sentence about what became of the tests, where none was executed."""
    skipped = [test for test in evidence.tests if test.outcome == "skipped"]
    if skipped:
        first = skipped[0]
        return f"no test was executed: {count(len(skipped), 'test')} skipped, such as {first.id}: {first.reason}"
    broken = [test for test in evidence.tests if test.outcome == "error"]
    if broken:
        return f"no test was executed: {count(len(broken), 'error')} before any test, such as in {broken[0].id}"
    untried = [test for test in evidence.tests if test.outcome == "xfailed"]
    if untried:
        first, why = untried[0], untried[0].reason.removeprefix(NOT_TRIED).strip()
        facts = f": {why}" if why else ""
        return f"no test was executed: {count(len(untried), 'xfail')} not even tried, such as {first.id}{facts}"
    if evidence.tests:
        return f"no test was executed: {count(len(evidence.tests), 'test')} deselected"
    if died := [session for session in evidence.counted_sessions if not session.finished]:
        return f"no test was executed: {died[0].runner} ended before its first test"
    if evidence.counted_sessions:
        return f"no test was executed: {evidence.counted_sessions[0].runner} found none"
    failed = next(
        (command for command in evidence.commands if command.has_failed and is_unseen(command, evidence)), None
    )
    if failed is not None:
        return f"no test was executed: `{' '.join(failed.argv)}` failed before its first test, see its own words"
    return (
        "no test was executed, or none by a runner that is known here; where only some factors run tests in tox's file,"
        " name them in an axis or run an environment of the project's own; else name the JUnit files in results = […],"
        " or set [gate] min_tests = 0 where no tests are meant"
    )


def only_expected(tests: Tests) -> bool:
    """Whether all that ran failed and was to fail."""
    return not (tests.passed or tests.failed or tests.error or tests.xpassed)
