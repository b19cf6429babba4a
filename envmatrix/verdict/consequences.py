"""Skips that only follow from what became of another test."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envmatrix.evidence.model import TestResult
from envmatrix.verdict.phrases import bounded

_DEPENDS = re.compile(
    r"\bdepends on ['\"`]?(?P<a>[^\s'\"`,;]+)|\b(?:because|since|as) ['\"`]?(?P<b>\S+?)['\"`]? (?:was |were |is |has )?"
    r"(?:skipped|failed)|\b(?:previous|earlier|parent|required) test failed \((?P<c>[^)]+)\)"
    r"|^['\"`]?(?P<d>\S+?)['\"`]? (?:did not run|was skipped|failed)\b",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"\b(?:previous|preceding|earlier|parent|prior|dependency|dependent|dependencies|prerequisite) (?:tests?|steps?)? ?"
    r"(?:has |have |was |were |is )?(?:failed|skipped|not passed|did not pass|didn't pass)"
    r"|\b(?:an )?(?:earlier|previous) (?:failure|skip)\b|\bclass (?:setup|set-up) (?:was )?(?:skipped|failed)",
    re.IGNORECASE,
)
_RAN_WELL = ("passed", "xpassed")


class Consequences:
    """Knows the tests of one run, and finds the one that another's skip follows from."""

    def __init__(self, tests: Sequence[TestResult]) -> None:
        self._tests = tests
        self._by_name: dict[str, TestResult] | None = None
        self._read: dict[str, tuple[str, bool]] = {}  # reason -> the test that it names, whether it speaks of another

    def cause(self, test: TestResult) -> tuple[bool, TestResult | None]:
        """Whether the skip follows from another test's, and from which ("previous test failed" names none)."""
        name, follows = self._said(test.reason)
        if name:
            named = self._named(name)
            if named is not None and named.id != test.id and named.outcome not in _RAN_WELL:
                return True, named
        return follows, None

    def _said(self, reason: str) -> tuple[str, bool]:
        """What a reason says, read once: many tests skip for one and the same."""
        reason = bounded(reason)
        if reason not in self._read:
            found = _DEPENDS.search(reason)
            name = next(group for group in found.groups() if group) if found else ""
            self._read[reason] = (name, bool(_FOLLOWS.search(reason)))
        return self._read[reason]

    def _named(self, name: str) -> TestResult | None:
        if self._by_name is None:
            self._by_name = {}
            for test in self._tests:
                for word in _names(test.id):
                    self._by_name.setdefault(word, test)
        return self._by_name.get(name.rstrip(".:,"))


def _names(test_id: str) -> tuple[str, ...]:
    """The ways in which another test may call this one: its id, its function, its class and function."""
    plain = re.split(r"[\[(]", test_id, maxsplit=1)[0]
    parts = re.split(r"::|\.", plain)
    return (test_id, plain, parts[-1], "::".join(parts[-2:]), ".".join(parts[-2:]))
