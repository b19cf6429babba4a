"""The records of a run as they come: classified, and kept in the store."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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

    Several are brought to the disk at once, because it is the disk that takes the time; leaving the context waits for
    them, and what became of them is known then.
    """

    def __init__(self, context: RunContext, store: Store, again: Mapping[str, Evidence]) -> None:
        self._context, self._store = context, store
        self.records = list(again.values())
        self._names = [name_of(evidence) for evidence in self.records]
        self._writers = ThreadPoolExecutor(WRITERS)
        self._writing: list[Future[str]] = []
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
        """Classify a record, and begin to keep it with its output."""
        record = classed(evidence, self._context.matrix)
        self.records.append(record)
        self._writing.append(self._writers.submit(self._keep, record))

    def __enter__(self) -> Taken:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until all records are kept, or will never be."""
        written = len(self._writing)
        for record, writing in zip(self.records[len(self.records) - written :], self._writing, strict=True):
            try:
                self.kept[record.cell] = (record, writing.result())
            except EnvmatrixError as error:
                self.unwritten.append(str(error))
        self._writing.clear()
        self._writers.shutdown()

    def _keep(self, record: Evidence) -> str:
        name = self._store.put(record)
        self._names.append(name)
        self._store.put_log(record, output_of(Path(self._context.matrix.project.root), record))
        return name


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
