"""Tests that failed and passed when they were run again: whether that passes is for ``[[flaky]]`` entries to say."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence, Set

import msgspec

from envmatrix.config.model import FlakyRule, Profile
from envmatrix.evidence.model import FAILING, Evidence
from envmatrix.util.text import count, listed
from envmatrix.verdict.model import CellVerdict, VerdictReason
from envmatrix.verdict.test_ids import matches_pattern


class Reran(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the tests that failed in earlier attempts: passed in the last one, or not run again."""

    flaky: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()


def sort_reruns(failures: Iterable[Collection[str]], *, passed: Set[str], failed: Set[str]) -> Reran:
    """Hold the failures of earlier attempts against what passed and what failed in the last one."""
    every = {test for tests in failures for test in tests}
    return Reran(flaky=tuple(sorted(every & passed)), unresolved=tuple(sorted(every - passed - failed)))


def last_that_decides(attempts: Sequence[Evidence]) -> Evidence:
    """The attempt that a cell is judged by, of one run's in their order: the newest that finished or in which a test
    failed; the newest of all where none did.
    """
    for record in reversed(attempts):
        if record.state == "finished" or any(test.outcome in FAILING for test in record.tests):
            return record
    return attempts[-1]


def with_reruns(verdict: CellVerdict, reran: Reran, profile: Profile, today: datetime.date) -> CellVerdict:
    """The cell's verdict with its flaky tests: failed, but for those that a live ``[[flaky]]`` entry accepts."""
    accepted: dict[str, FlakyRule] = {}
    for test in reran.flaky:
        rule = _find_rule(test, profile, today)
        if rule is not None:
            accepted[test] = rule
    refused = [test for test in reran.flaky if test not in accepted]
    reasons = []
    if reran.unresolved:
        what = f"{count(len(reran.unresolved), 'test')} failed and did not run in the attempt after that"
        reasons.append(VerdictReason(code="tests_failed", message=f"{what}: {listed(reran.unresolved)}"))
    if refused:
        what = f"{count(len(refused), 'test')} failed and then passed when run again, which no [[flaky]] entry accepts"
        remedy = (
            f"mend it, or accept it in {profile.origin} with a [[flaky]] entry that has an owner and an expiry date"
        )
        reasons.append(VerdictReason(code="flaky", message=f"{what}: {listed(refused)}", remedy=remedy))
    notes = (*verdict.notes, _describe_accepted(accepted)) if accepted else verdict.notes
    if not reasons:
        return msgspec.structs.replace(verdict, notes=notes)
    return msgspec.structs.replace(verdict, state="failed", reasons=(*reasons, *verdict.reasons), notes=notes)


def _find_rule(test: str, profile: Profile, today: datetime.date) -> FlakyRule | None:
    live = (rule for rule in profile.flaky if today < rule.expires)
    return next((rule for rule in live if any(matches_pattern(test, pattern) for pattern in rule.tests)), None)


def _describe_accepted(accepted: dict[str, FlakyRule]) -> str:
    owners = sorted({f"{rule.owner} until {rule.expires}" for rule in accepted.values()})
    facts = f"{count(len(accepted), 'test')} failed and then passed when run again: {listed(accepted)}"
    return f"flaky: {facts}; accepted by {listed(owners)}"
