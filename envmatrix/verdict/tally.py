"""Counting one record: what was executed, what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from envmatrix.evidence.model import EXECUTED, FAILING, TestResult
from envmatrix.verdict.model import Tests

NOT_TRIED: Final = "[NOTRUN]"  # how pytest begins the reason of an xfail that it did not even try


def was_executed(test: TestResult) -> bool:
    """Whether a test's own code ran, which an xfail that was not even tried did not."""
    if test.outcome not in EXECUTED or test.stands_for_module:
        return False
    return not (test.outcome == "xfailed" and test.reason.startswith(NOT_TRIED))


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One pass over a record's tests: the ids of those that ran, those left out, those that failed, and the numbers."""

    ran: frozenset[str]
    left: tuple[TestResult, ...]
    failed: tuple[TestResult, ...]
    flaky: tuple[TestResult, ...]
    tests: Tests
    with_parts: frozenset[str] = frozenset()  # those that ran subtests, of which only what did not run is listed


def make_tally(tests: Sequence[TestResult]) -> Tally:
    """Sort a record's tests by what became of them. A test that ran once is not left out by being skipped as well."""
    ran = {test.id for test in tests if test.outcome == "passed" and not test.stands_for_module}
    rest = [test for test in tests if test.outcome != "passed" or test.stands_for_module]
    ran.update(test.id for test in rest if was_executed(test))
    numbers: Counter[str] = Counter(test.outcome for test in rest)
    numbers["passed"] += len(tests) - len(rest)
    return Tally(
        ran=frozenset(ran),
        left=tuple(test for test in rest if test.id not in ran),
        failed=tuple(test for test in rest if test.outcome in FAILING),
        flaky=tuple(t for t in tests if t.attempts and t.outcome == "passed" and not FAILING.isdisjoint(t.attempts)),
        tests=Tests(**numbers),
        with_parts=frozenset(test.id for test in tests if test.has_parts),
    )
