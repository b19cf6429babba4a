"""Tests that ran nowhere, grouped by what they wait for, for every format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from envmatrix.verdict.model import RanNowhere, SeenIn

NO_REASON = "no reason was given"


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


def groups(found: Iterable[RanNowhere]) -> list[Group]:
    """The groups, largest first; cells and tests sorted."""
    tests: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    cells: dict[tuple[tuple[str, ...], str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for test in found:
        ordered = sorted(test.seen_in, key=lambda seen: (seen.class_ == "absent", _reason(seen)))
        key = (tuple(dict.fromkeys(map(_reason, ordered))), test.would_run)
        tests[key].append(test.test)
        for seen in ordered:
            cells[key][_reason(seen)].add(seen.cell)
    made = [
        Group(
            why=tuple(Why(reason=reason, cells=tuple(sorted(cells[key][reason]))) for reason in key[0] or (NO_REASON,)),
            would_run=key[1],
            tests=tuple(sorted(names)),
        )
        for key, names in tests.items()
    ]
    return sorted(made, key=lambda group: (-len(group.tests), [why.reason for why in group.why], group.would_run))


def _reason(seen: SeenIn) -> str:
    return seen.reason or seen.class_ or NO_REASON
