"""Counting one record: what was executed, what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from envmatrix.evidence.model import Evidence, TestResult
from envmatrix.verdict.model import Tests

FAILING = frozenset({"failed", "error"})
_RAN = frozenset({"passed", "failed", "error", "xfailed", "xpassed"})


def executed(test: TestResult) -> bool:
    """Whether a test's own code ran: pytest marks an xfail that it did not even try with "[NOTRUN]"."""
    if test.outcome not in _RAN or test.stands_for_module:
        return False
    return not (test.outcome == "xfailed" and test.reason.startswith("[NOTRUN]"))


def count(tests: Iterable[TestResult]) -> Tests:
    """How many tests ended how."""
    numbers: Counter[str] = Counter(test.outcome for test in tests)
    return Tests(**numbers)


def failures(evidence: Evidence) -> tuple[TestResult, ...]:
    """The tests of a record that failed or could not be set up."""
    return tuple(test for test in evidence.tests if test.outcome in FAILING)


def number(count: int, word: str) -> str:
    """ "1 test", "3 tests"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def listed(names: Iterable[str], limit: int = 5) -> str:
    """The first names, and how many there are besides."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown
