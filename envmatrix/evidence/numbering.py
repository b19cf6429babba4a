"""One id, one test: different tests of one run that have the same id are numbered, and reruns of a test are joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Final

import msgspec

from envmatrix.evidence.model import WORST_FIRST, Outcome, TestResult

RANK: Final = {outcome: rank for rank, outcome in enumerate(WORST_FIRST)}
_NOT_TRIED: Final = "[NOTRUN]"  # how pytest begins the reason of an xfail that it did not even try


class Numbers:
    """Gives every test of one source an id of its own. The first test of an id keeps it, the second is ``id#2``."""

    def __init__(self) -> None:
        self._tests: dict[str, dict[Hashable, str]] = {}

    def name(self, test_id: str, key: Hashable) -> str:
        """Return the id of the test that ``key`` tells from others of the same id."""
        tests = self._tests.get(test_id)
        if tests is None:
            self._tests[test_id] = {key: test_id}
            return test_id
        found = tests.get(key)
        if found is None:
            found = tests[key] = numbered(test_id, len(tests) + 1)
        return found


class Ends:
    """Counts how often each test of a session ended: once for each time that it was collected, and then again."""

    def __init__(self) -> None:
        self._collected: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()

    def collect(self, raw: str) -> int:
        """Return which of the tests with this id it is that was collected now, from 1."""
        self._collected[raw] += 1
        return self._collected[raw]

    def end(self, raw: str, *, again: bool = False) -> int:
        """Return which of the tests with this id ended now; ``again`` says that the last one was run another time."""
        if not (again and self._ended[raw]):
            self._ended[raw] += 1
        return min(self._ended[raw], self._collected[raw] or self._ended[raw])


def numbered(test_id: str, number: int) -> str:
    """Return the id of the second and each further test that has the same."""
    return test_id if number < 2 else f"{test_id}#{number}"


def combine(results: Iterable[TestResult]) -> tuple[TestResult, ...]:
    """Return one result per test, sorted by id.

    Two results of one id are those of one test that was run twice where both were executed: a failure wins over a
    pass, since a later pass does not undo it, and ``attempts`` keeps every outcome. A skip is absorbed by nothing but
    the same skip: where a test of that id skipped and one was executed, there are two.
    """
    by_id: dict[str, TestResult] = {}
    for result in results:
        name, number = result.id, 1
        while (known := by_id.get(name)) is not None and not _is_one(known, result):
            number += 1
            name = numbered(result.id, number)
        if known is not None:
            by_id[name] = join(known, result)
        else:
            by_id[name] = result if name == result.id else msgspec.structs.replace(result, id=name)
    return tuple(by_id[test_id] for test_id in sorted(by_id))


def _is_one(first: TestResult, second: TestResult) -> bool:
    """Tell whether two results of one id may be those of one test without that a skip is lost."""
    if "deselected" in (first.outcome, second.outcome):
        return True
    if _was_skipped(first) != _was_skipped(second):
        return False
    return not _was_skipped(first) or first.reason == second.reason


def _was_skipped(result: TestResult) -> bool:
    return result.outcome == "skipped" or (result.outcome == "xfailed" and result.reason.startswith(_NOT_TRIED))


def join(first: TestResult, second: TestResult) -> TestResult:
    """Return one result of two of the same test: the worst, with all outcomes as attempts."""
    worst = min(first, second, key=lambda result: RANK[result.outcome])
    requires = tuple(dict.fromkeys(first.requires + second.requires))
    attempts = tuple(outcome for result in (first, second) for outcome in _attempts(result))
    return msgspec.structs.replace(
        worst,
        id=first.id,
        requires=requires,
        attempts=attempts if len(attempts) > 1 else (),
        stands_for_module=first.stands_for_module and second.stands_for_module,
        has_parts=first.has_parts or second.has_parts,
        duration_s=round(first.duration_s + second.duration_s, 6),
    )


def _attempts(result: TestResult) -> tuple[Outcome, ...]:
    return result.attempts or (() if result.outcome == "deselected" else (result.outcome,))
