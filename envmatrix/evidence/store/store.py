"""Store evidence by tested tree: one file per record, ``TREE/CELL/ID.json``, with its log next to it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import msgspec

from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.codec import LIMIT_BYTES, RejectedError, decode_evidence, encode_evidence
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.local import (
    LocalPlace,
    Place,
    StoreEntry,
    StoreError,
    StoreUrlError,
    UnreadableError,
)
from envmatrix.evidence.store.names import (
    is_name,
    make_component,
    make_log_name,
    make_name,
    make_state_folder,
    parse_tree,
)
from envmatrix.evidence.store.remote import RemotePlace
from envmatrix.util.files import TEMPORARY, write_atomically
from envmatrix.util.json import decode as decode_json
from envmatrix.util.redaction import redact_url
from envmatrix.util.state_dir import state_path
from envmatrix.util.text import printable

LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024

_ROOM: Final = 100  # for the line about the removed part of a log
_SHORT: Final = 200
_ABANDONED_S: Final = 3600.0
_DAY_S: Final = 86400.0


class NoSuchEvidenceError(EnvmatrixError):
    """The store does not hold the requested evidence, or its record is not valid."""

    hint = "`envmatrix evidence list` names what there is"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of this project: the names of its records, and their store."""

    schema: Literal["envmatrix/last-run/1"] = "envmatrix/last-run/1"
    run_id: str
    tree: str
    store: str
    names: tuple[str, ...]


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a push or pull: the copied names, the number of records already present, and invalid files."""

    copied: tuple[str, ...]
    present: int
    problems: tuple[Problem, ...]


class Store:
    """Evidence at a URL or path (None: ``.envmatrix/evidence`` of the project). Directories are created on demand."""

    def __init__(self, url: str | None, project: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._project = project
        self._own, self._made = url is None, False
        self._limit = limit_bytes
        self._place = LocalPlace(state_path(project, "evidence")) if url is None else open_place(url, project)

    @property
    def location(self) -> str:
        """The address for messages, without credentials."""
        return self._place.location

    def check_directory(self, *, there: bool = False) -> None:
        """Raise NotAStoreError if a path is not a directory; with ``there``, also if it does not exist."""
        if isinstance(self._place, LocalPlace):
            self._place.check_directory(there=there)

    def put(self, evidence: Evidence) -> str:
        """Write a record and return its name; shorten the reasons of its tests if it is too large.

        Raises StoreError: when the record cannot be written.
        """
        try:
            data = encode_evidence(evidence)
        except RejectedError as error:
            raise StoreError(f"the evidence of {printable(evidence.cell)} cannot be written: {error}") from error
        if len(data) > self._limit:
            data = encode_evidence(_shorten_reasons(evidence))
        if len(data) > self._limit:
            raise StoreError(
                f"the evidence of {printable(evidence.cell)} is larger than {self._limit // (1 << 20)} MiB; split the "
                "cell's tests over an axis"
            )
        self._make_directory()
        name = make_name(evidence)
        self._place.write(name, data)
        return name

    def put_log(self, evidence: Evidence, data: bytes) -> str:
        """Write a cell's output next to its record and return its name; cut its beginning beyond the limit.

        It is not synced to disk: it decides nothing, and syncing took as long as all other work for a short cell.
        """
        self._make_directory()
        name = make_log_name(evidence)
        if len(data) > LOG_LIMIT_BYTES:
            kept_bytes = LOG_LIMIT_BYTES - _ROOM
            data = b"[the first %d bytes of this output were removed]\n%b" % (
                len(data) - kept_bytes,
                data[-kept_bytes:],
            )
        self._place.write(name, data, durable=False)
        return name

    def get(self, name: str) -> Evidence:
        """Return the evidence with that name (as returned by ``put``) or id.

        Raises NoSuchEvidenceError: when there is none or it is not valid. Raises StoreError: when reading fails.
        """
        record_name = self._find_name(name)
        try:
            return self._decode_record(record_name, self._place.read(record_name, self._limit))
        except (UnreadableError, RejectedError) as error:
            raise NoSuchEvidenceError(
                f"{self.location}: {printable(record_name)} is not valid evidence: {error}"
            ) from error

    def get_log(self, evidence: Evidence) -> bytes | None:
        """Return the output of a record, None if there is none; the path in the record is not trusted."""
        try:
            return self._place.read(make_log_name(evidence), LOG_LIMIT_BYTES)
        except UnreadableError:
            return None

    def list_trees(self) -> tuple[str, ...]:
        """Return the trees with evidence, sorted."""
        return tuple(tree for tree in map(parse_tree, self._place.list_folders()) if tree)

    def list_recent_trees(self) -> tuple[str, ...]:
        """Return the same trees, those with the newest evidence first if the place knows times."""
        return tuple(tree for tree in map(parse_tree, self._place.list_recent_folders()) if tree)

    def list_names(self, tree: str) -> tuple[str, ...]:
        """Return the names of a tree's records, sorted, without reading the records."""
        return tuple(entry.name for entry in self.list_entries(tree) if isinstance(entry, StoreEntry))

    def list_newest(self, tree: str, count: int) -> Iterator[str]:
        """Yield the names of the newest records of each cell of a tree, at most ``count``, by the time in their ids."""
        for folder, names in self._place.list_names(make_component(tree)):
            newest = sorted((name for name in names if name.endswith(".json")), key=_split_begin, reverse=True)
            yield from islice(filter(is_name, (f"{folder}/{name}" for name in newest)), count)

    def list_entries(self, tree: str) -> Iterator[StoreEntry | Problem]:
        """Yield a tree's records with size and time, and a problem for every other file."""
        for entry in self._place.list_entries(make_component(tree)):
            if not is_name(entry.name):
                yield from self._report_foreign(entry)
            elif entry.name.endswith(".json"):
                yield entry

    def iterate_records(self, tree: str) -> Iterator[Evidence | Problem]:
        """Yield a tree's records, and a problem for each file that is not valid evidence.

        Raises StoreError: when the store cannot be read.
        """
        for item in self._read_records(tree):
            yield item if isinstance(item, Problem) else item[0]

    def last_run(self) -> LastRun | None:
        """Return the last run as written by ``record_last_run``, None if there is no valid one."""
        try:
            data = LocalPlace(state_path(self._project)).read("last-run.json", 1 << 20)
            return decode_json(data, LastRun)
        except (UnreadableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def record_last_run(self, run_id: str, tree: str, names: Iterable[str]) -> None:
        """Record the names of this run's evidence for ``envmatrix report``.

        Raises StoreError: when the file cannot be written.
        """
        run = LastRun(run_id=run_id, tree=tree, store=self.location, names=tuple(sorted(names)))
        folder = make_state_folder(self._project)
        try:
            write_atomically(folder / "last-run.json", msgspec.json.encode(run) + b"\n")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror}; make it writable") from error

    def push(self, other: Store, trees: Collection[str] | None = None) -> Transfer:
        """Copy valid records that the other store lacks, unchanged and with logs; of all trees if none are given."""
        copied: list[str] = []
        problems: list[Problem] = []
        present = 0
        for tree in sorted(trees) if trees is not None else self.list_trees():
            there = set(other.list_names(tree))
            for item in self._read_records(tree):
                if isinstance(item, Problem):
                    problems.append(item)
                elif make_name(item[0]) in there:
                    present += 1
                else:
                    copied.append(other._write_copy(*item, self.get_log(item[0])))
        return Transfer(copied=tuple(copied), present=present, problems=tuple(problems))

    def pull(self, other: Store, trees: Collection[str] | None = None) -> Transfer:
        """Copy valid records from the other store; see ``push``."""
        return other.push(self, trees)

    def prune(
        self, *, keep_days: float | None = None, keep_trees: int | None = None, keep: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Remove old records with their logs and return the removed names.

        Records of the last ``keep_days`` days, of the ``keep_trees`` newest trees and of the trees in ``keep`` stay; a
        limit of None keeps nothing. Temporary files of killed writers are removed after an hour.
        """
        listed = {tree: tuple(self._place.list_entries(make_component(tree))) for tree in self.list_trees()}
        newest = sorted(listed, key=lambda tree: max((entry.modified for entry in listed[tree]), default=0))
        kept_trees = {*keep, *(newest[-keep_trees:] if keep_trees else ())}
        now = time.time()
        removed = []
        for tree, entries in listed.items():
            for entry in entries:
                age_s = now - entry.modified
                old = keep_days is None or age_s > keep_days * _DAY_S
                abandoned = entry.name.endswith(TEMPORARY) and age_s > _ABANDONED_S
                if abandoned or (is_name(entry.name) and old and tree not in kept_trees):
                    self._place.remove(entry.name)
                    removed.append(entry.name)
        return tuple(sorted(removed))

    def _read_records(self, tree: str) -> Iterator[tuple[Evidence, bytes] | Problem]:
        entries: list[StoreEntry] = []
        for entry in self.list_entries(tree):
            if isinstance(entry, Problem):
                yield entry
            else:
                entries.append(entry)
        for entry, data in self._place.read_many(entries, self._limit):
            try:
                if isinstance(data, UnreadableError):
                    raise data
                yield self._decode_record(entry.name, data), data
            except (UnreadableError, RejectedError) as error:
                yield self._make_problem(entry.name, str(error))

    def _write_copy(self, evidence: Evidence, data: bytes, log: bytes | None) -> str:
        """Write a record after its log, so that a reader who sees the record finds its log."""
        self._make_directory()
        if log is not None:
            self._place.write(make_log_name(evidence), log)
        self._place.write(make_name(evidence), data)
        return make_name(evidence)

    def _make_directory(self) -> None:
        if self._own and not self._made:
            make_state_folder(self._project)
            self._made = True

    def _find_name(self, name: str) -> str:
        if "/" in name:
            if not is_name(name):
                raise NoSuchEvidenceError(
                    f"{printable(name)} is not a name of evidence; envmatrix evidence list names all"
                )
            return name
        suffix = f"/{make_component(name)}.json"
        names = [item for tree in self.list_trees() for item in self.list_names(tree) if item.endswith(suffix)]
        if not names:
            raise NoSuchEvidenceError(
                f"evidence {printable(name)} is not in {self.location}; envmatrix evidence list names all"
            )
        return names[0]

    def _decode_record(self, name: str, data: bytes) -> Evidence:
        evidence = decode_evidence(data)
        if make_name(evidence) != name:
            raise RejectedError("its name is not that of the tree, cell and id in it")
        return evidence

    def _report_foreign(self, entry: StoreEntry) -> Iterator[Problem]:
        if not entry.name.endswith(TEMPORARY):
            yield self._make_problem(entry.name, "it is not evidence")
        elif time.time() - entry.modified > _ABANDONED_S:
            yield self._make_problem(entry.name, "its writer was killed; envmatrix evidence prune removes it")

    def _make_problem(self, name: str, why: str) -> Problem:
        return Problem(file=printable(f"{self.location}/{name}", 400), message=f"{why}; it was ignored")


def open_place(url: str, project: Path) -> Place:
    """Return the place at a URL or a path, which is relative to the project.

    Raises StoreUrlError: when the address is empty, not text in UTF-8, or not valid to fsspec.
    """
    try:
        url.encode()
    except UnicodeEncodeError:
        location = redact_url(os.fsencode(url).decode("utf-8", "backslashreplace"))
        raise StoreUrlError(
            f"the evidence store {location} has a path that is not text in UTF-8; name another"
        ) from None
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|:)", url):
        return RemotePlace(url)
    if not url:
        raise StoreUrlError("the evidence store's address is empty; give a path or a URL, or leave the setting out")
    return LocalPlace(project / Path(url).expanduser())


def _split_begin(name: str) -> list[str]:
    """Return the time and the random part of a record's name, which sort by time, without the host."""
    return name.rsplit("-", 3)[1:]


def _shorten_reasons(evidence: Evidence) -> Evidence:
    replace = msgspec.structs.replace
    return replace(evidence, tests=tuple(replace(t, reason=printable(t.reason, _SHORT)) for t in evidence.tests))
