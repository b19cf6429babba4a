"""Tests that ran nowhere, grouped by what they wait for, for every format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from envmatrix.report.wording import STATE_WORDS
from envmatrix.verdict.model import SeenIn, Verdict

NO_REASON = "no reason was given"
_WAITING = ("blocked", "owed", "stale", "not_relevant")


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, and the cells that gave it."""

    reason: str
    cells: tuple[str, ...]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Tests with the same reasons and the same answer to "who would run them?".

    ``why`` has at least one reason; what tests said themselves comes before why a cell did not come to them.
    """

    why: tuple[Why, ...]
    would_run: str
    tests: tuple[str, ...]


def group_tests(verdict: Verdict) -> list[Group]:
    """The groups, largest first; cells and tests sorted. Why a cell waits is told with the cell and not here again."""
    waiting = {cell.name: STATE_WORDS[cell.state] for cell in verdict.cells if cell.state in _WAITING}
    tests: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    cells: dict[tuple[tuple[str, ...], str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for test in verdict.ran_nowhere:
        ordered = sorted(test.seen_in, key=lambda seen: (seen.class_ == "absent", seen.reason))
        given = [(_choose_reason(seen, waiting), seen.cell) for seen in ordered]
        key = (tuple(dict.fromkeys(reason for reason, _ in given)), test.would_run)
        tests[key].append(test.test)
        for reason, cell in given:
            cells[key][reason].add(cell)
    made = [
        Group(
            why=tuple(Why(reason=reason, cells=tuple(sorted(cells[key][reason]))) for reason in key[0] or (NO_REASON,)),
            would_run=key[1],
            tests=tuple(sorted(names)),
        )
        for key, names in tests.items()
    ]
    return sorted(made, key=lambda group: (-len(group.tests), [why.reason for why in group.why], group.would_run))


def _choose_reason(seen: SeenIn, waiting: Mapping[str, str]) -> str:
    if seen.class_ == "absent" and seen.cell in waiting:
        return f"the cell is {waiting[seen.cell]}"
    return seen.reason or seen.class_ or NO_REASON
