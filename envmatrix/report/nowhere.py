"""Tests that ran nowhere, grouped by what they wait for, for every format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from envmatrix.verdict.model import RanNowhere


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Tests with the same reasons and the same answer to "who would run them?"."""

    reason: str
    would_run: str
    cells: tuple[str, ...]
    tests: tuple[str, ...]


def groups(found: Iterable[RanNowhere]) -> list[Group]:
    """The groups, largest first; cells and tests sorted."""
    tests: dict[tuple[str, str], list[str]] = defaultdict(list)
    cells: dict[tuple[str, str], set[str]] = defaultdict(set)
    for test in found:
        reasons = sorted({seen.reason or seen.class_ for seen in test.seen_in})
        key = ("; ".join(reasons) or "no reason was given", test.would_run)
        tests[key].append(test.test)
        cells[key].update(seen.cell for seen in test.seen_in)
    made = [
        Group(reason=key[0], would_run=key[1], cells=tuple(sorted(cells[key])), tests=tuple(sorted(names)))
        for key, names in tests.items()
    ]
    return sorted(made, key=lambda group: (-len(group.tests), group.reason, group.would_run))
