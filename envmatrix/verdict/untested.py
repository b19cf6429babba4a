"""What can be said of a run in which no test was executed, or none that proves anything."""

from __future__ import annotations

from typing import Final

from envmatrix.evidence.model import Evidence, Session
from envmatrix.util.text import count
from envmatrix.verdict.commands import unseen
from envmatrix.verdict.counting import NOT_TRIED
from envmatrix.verdict.model import Tests

NONE_PASSED: Final = "no test passed: {} ran, and failed as xfail or expectedFailure says, so that nothing is proved"
_NO_TESTS_CODE = 5  # pytest, and unittest of Python 3.12: nothing was collected
LISTING: Final = "--collect-only"  # why a session stopped that was only to list its tests


def silent_sessions(evidence: Evidence) -> list[Session]:
    """The test sessions that found nothing."""
    alone = len(evidence.runs) == 1 and bool(evidence.tests)
    return [
        session
        for session in evidence.runs
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
        told = f": {why}" if why else ""
        return f"no test was executed: {count(len(untried), 'xfail')} not even tried, such as {first.id}{told}"
    if evidence.tests:
        return f"no test was executed: {count(len(evidence.tests), 'test')} deselected"
    if died := [session for session in evidence.runs if not session.finished]:
        return f"no test was executed: {died[0].runner} ended before its first test"
    if evidence.runs:
        return f"no test was executed: {evidence.runs[0].runner} found none"
    failed = next((command for command in evidence.commands if command.failed and unseen(command, evidence)), None)
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
