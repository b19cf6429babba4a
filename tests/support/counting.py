"""Holds what was recorded against what the runner itself printed, test by test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from envmatrix.evidence import test_ids
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.store import Store

Counts = Counter[tuple[str, str]]  # (test, outcome), as often as it was reported

_COLORS = re.compile(r"\x1b\[[\d;]*m")
_PYTEST = re.compile(
    r"^(?P<id>\S.*?) (?P<word>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: \(.*)?\s+\[\s*\d+%\]$", re.MULTILINE
)
_PYTEST_TOTAL = re.compile(r"^=+ (?P<total>\d.*) in [\d.]+s.* =+$", re.MULTILINE)
_STESTR = re.compile(
    r"^\{\d+\} (?P<id>\S.*?)(?: \[[\d.]+s\])? \.\.\. (?P<word>ok|FAILED|SKIPPED|XFAIL|XSUCCESS|\*\*\* EXPECTED)",
    re.MULTILINE,
)
_STESTR_TOTAL = re.compile(
    r"^ - (?P<word>Passed|Skipped|Expected Fail|Unexpected Success|Failed): (?P<count>\d+)", re.MULTILINE
)
_WORDS = {
    "PASSED": "passed", "FAILED": "failed", "ERROR": "error", "SKIPPED": "skipped", "XFAIL": "xfailed",
    "XPASS": "xpassed", "XSUCCESS": "xpassed", "ok": "passed", "errors": "error", "Passed": "passed",
    "Skipped": "skipped", "Failed": "failed", "Expected Fail": "xfailed", "Unexpected Success": "xpassed",
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The runner's totals, its lines and the record of one cell."""

    totals: Counter[str]
    printed: Counts
    recorded: Counts

    @property
    def tests(self) -> int:
        """How many the runner says that it reported."""
        return self.totals.total()

    @property
    def differences(self) -> list[str]:
        """What one side has and the other has not; empty where all are equal."""
        found = [f"printed, not recorded: {item}" for item in (self.printed - self.recorded).elements()]
        found += [f"recorded, not printed: {item}" for item in (self.recorded - self.printed).elements()]
        by_outcome = Counter(outcome for _, outcome in self.recorded.elements())
        found += [f"{word}: the runner's total is {self.totals[word]}, recorded are {by_outcome[word]}"
                  for word in sorted(self.totals | by_outcome) if self.totals[word] != by_outcome[word]]  # fmt: skip
        return found


def evidence_of(root: Path, identity: str) -> Evidence:
    """The record of a cell, by the id that the verdict names."""
    return Store(None, root).get(identity)


def compare(root: Path, evidence: Evidence) -> Comparison:
    """Hold a record against the output that was kept beside it: of ``pytest -v``, or of ``stestr run``."""
    log = _COLORS.sub("", (root / evidence.log).read_text(errors="replace")).replace("\r\n", "\n")
    is_stestr = any(test.runner == "subunit" for test in evidence.tests)
    printed = _STESTR.finditer(log) if is_stestr else _PYTEST.finditer(log)
    return Comparison(
        totals=Counter(dict(_stestr_totals(log) if is_stestr else _pytest_totals(log))),
        printed=Counter((test_ids.normalise_id(line["id"], root), _WORDS[line["word"]]) for line in printed),
        recorded=Counter(_reported(evidence)),
    )


def _reported(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for test in evidence.tests:
        for outcome in test.attempts or (test.outcome,):
            if outcome != "deselected":
                yield test.id, outcome


def _pytest_totals(log: str) -> Iterator[tuple[str, int]]:
    found: Counter[str] = Counter()
    for line in _PYTEST_TOTAL.finditer(log):
        for count, word in re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)", line["total"]):
            found[_WORDS.get(word, word)] += int(count)
    return iter(found.items())


def _stestr_totals(log: str) -> Iterator[tuple[str, int]]:
    found: Counter[str] = Counter()
    for line in _STESTR_TOTAL.finditer(log):
        found[_WORDS[line["word"]]] += int(line["count"])
    return iter((word, count) for word, count in found.items() if count)
