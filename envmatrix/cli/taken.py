"""The records of a run as they come: classified, and kept in the store."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.engine.session import RunContext
from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.names import name_of
from envmatrix.evidence.store import Store

WRITERS = 8


class Taken:
    """The records of a run; those that could not be kept have a sentence each in ``unwritten``.

    Several are brought to the disk at once, by the threads that bring them: it is the disk that takes the time.
    """

    def __init__(self, context: RunContext, store: Store, again: Mapping[str, Evidence]) -> None:
        self._context, self._store = context, store
        self.records = list(again.values())
        self._names = [name_of(evidence) for evidence in self.records]
        self._lock, self._writers = threading.Lock(), threading.BoundedSemaphore(WRITERS)
        self.kept: dict[str, tuple[Evidence, str]] = {}
        self.unwritten: list[str] = []

    def remember(self) -> str:
        """Note in the project that this was the last run, whatever the store; return why that was not possible."""
        try:
            self._store.record_last_run(self._context.run_id, self._context.identity.tree, self._names)
        except EnvmatrixError as error:
            return str(error)
        return ""

    def take(self, evidence: Evidence) -> None:
        """Classify a record, and keep it with its output; it returns when both are on the disk, or will never be."""
        with self._lock:
            at = len(self.records)
            self.records.append(evidence)
        record = self.records[at] = classed(evidence, self._context.matrix)
        try:
            with self._writers:
                name = self._store.put(record)
                self._names.append(name)
                self._store.put_log(record, output_of(Path(self._context.matrix.project.root), record))
        except EnvmatrixError as error:
            self.unwritten.append(str(error))
            return
        self.kept[record.cell] = (record, name)


def classed(evidence: Evidence, matrix: Matrix) -> Evidence:
    """Return a record with what the profile and the capabilities make of each skip."""
    from envmatrix.verdict.classes import classify  # loaded while the first cell runs

    profile = matrix.profiles[evidence.profile]
    tests = classify(evidence.tests, profile=profile, capabilities=matrix.capabilities, today=today())
    return msgspec.structs.replace(evidence, tests=tests)


def today() -> datetime.date:
    """Return the day in UTC, by which rules expire."""
    return datetime.datetime.now(datetime.UTC).date()


def output_of(root: Path, evidence: Evidence) -> bytes:
    """Return what the cell wrote; nothing where that is gone."""
    try:
        return (root / evidence.log).read_bytes() if evidence.log else b""
    except OSError:
        return b""
