"""The evidence that a gate judges: of several stores, classified anew, with what was not believed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.history import older
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.names import record_name
from envmatrix.evidence.store import Store
from envmatrix.verdict.classes import MARKED, classify
from envmatrix.verdict.model import CellVerdict, Verdict

MOST_PROBLEMS = 20


class Gathering:
    """Reads evidence, and believes no skip class that a runner wrote."""

    def __init__(self, stores: Sequence[Store], matrix: Matrix, today: datetime.date) -> None:
        self._stores, self._matrix, self._today = stores, matrix, today
        self._problems: list[str] = []
        self._unread = 0
        self._empty: list[str] = []

    def of(self, tree: str) -> Iterator[Evidence]:
        """Yield the records of a tree, one at a time."""
        for store in self._stores:
            if not store.trees():
                self._empty.append(f"there is no evidence at all in {store.location}")
                continue
            for item in store.iterate(tree):
                if isinstance(item, Problem):
                    self._unread += 1
                    if len(self._problems) < MOST_PROBLEMS:
                        self._problems.append(f"not believed: {item}")
                else:
                    yield self._classified(item)

    def before(self, root: Path, tree: str) -> Iterator[Evidence]:
        """Yield the newest records of other trees: they are shown as stale and know the names of tests."""
        cells = {cell.name for cell in self._matrix.cells}
        for store in self._stores:
            yield from older(store, root, tree=tree, cells=cells)

    def judged_by(self, verdict: Verdict) -> Iterator[Evidence]:
        """Yield the records that the cells were judged by, read again alone."""
        for cell in verdict.cells:
            record = self._record(verdict.tree, cell) if cell.evidence else None
            if record is not None:
                yield self._classified(record)

    def notes(self) -> tuple[str, ...]:
        """Return what was not believed, and which stores are empty, in sentences."""
        more = self._unread - len(self._problems)
        return (*self._empty, *self._problems, *([f"not believed: {more} files more"] if more else []))

    def logs(self, evidence: Sequence[Evidence], tail_bytes: int) -> dict[str, str]:
        """Return the end of each record's output by the record's id, where a store has it."""
        found = {}
        for record in evidence:
            data = next((data for store in self._stores if (data := store.get_log(record)) is not None), None)
            if data is not None:
                found[record.id] = data[-tail_bytes:].decode("utf-8", "replace")
        return found

    def _record(self, tree: str, cell: CellVerdict) -> Evidence | None:
        for store in self._stores:
            try:
                return store.get(record_name(tree, cell.name, cell.evidence))
            except EnvmatrixError:
                continue  # it is in another store, or was pruned meanwhile
        return None

    def _classified(self, record: Evidence) -> Evidence:
        profile = self._matrix.profiles.get(record.profile)
        if profile is None or not any(test.outcome in MARKED or test.skip_class for test in record.tests):
            return record
        tests = classify(record.tests, profile=profile, capabilities=self._matrix.capabilities, today=self._today)
        return msgspec.structs.replace(record, tests=tests)
