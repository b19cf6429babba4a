"""The records of a run as they come: classified, and written to the store."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.engine.run.cell import RunContext
from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.names import make_name
from envmatrix.evidence.store.store import Store
from envmatrix.verdict.skips.classify import classify_skips

WRITERS = 8


class Collector:
    """The records of a run, the ``records`` from the store first; ``unwritten`` has a sentence for each failed write.

    Several are brought to the disk at once, by the threads of their cells: it is the disk that takes the time.
    """

    def __init__(self, context: RunContext, store: Store, records: Iterable[Evidence]) -> None:
        self._context, self._store = context, store
        self.records = list(records)
        self._names = [make_name(evidence) for evidence in self.records]
        self._lock, self._writers = threading.Lock(), threading.BoundedSemaphore(WRITERS)
        self.unwritten: list[str] = []

    def collect_record(self, evidence: Evidence) -> None:
        """Classify a record, and write it with its output; return when both are on the disk, or will never be."""
        record = classify_evidence(evidence, self._context.matrix)
        with self._lock:
            self.records.append(record)
        try:
            with self._writers:
                self._names.append(self._store.put(record))
                self._store.put_log(record, read_output(Path(self._context.matrix.project.root), record))
        except EnvmatrixError as error:
            self.unwritten.append(str(error))

    def record_last_run(self) -> None:
        """Note in the project that this was the last run, whatever the store. Raises EnvmatrixError."""
        self._store.record_last_run(self._context.run_id, self._context.identity.tree, self._names)

    def attempts_by_cell(self) -> dict[str, list[Evidence]]:
        """Return the records by cell, oldest first."""
        attempts: dict[str, list[Evidence]] = {}
        for record in self.records:
            attempts.setdefault(record.cell, []).append(record)
        return attempts


def classify_evidence(evidence: Evidence, matrix: Matrix) -> Evidence:
    """Return a record with the class that its profile and the capabilities give to each skip."""
    profile = matrix.profiles[evidence.profile]
    tests = classify_skips(evidence.tests, profile=profile, capabilities=matrix.capabilities, today=current_day())
    return msgspec.structs.replace(evidence, tests=tests)


def current_day() -> datetime.date:
    """Return the day in UTC, by which rules expire."""
    return datetime.datetime.now(datetime.UTC).date()


def read_output(root: Path, evidence: Evidence) -> bytes:
    """Return what the cell wrote; nothing where that is gone."""
    try:
        return (root / evidence.log).read_bytes() if evidence.log else b""
    except OSError:
        return b""
