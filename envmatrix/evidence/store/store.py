"""The store: evidence by the tree that was tested. One file a record, ``TREE/CELL/ID.json``, beside it its log."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import msgspec

from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.codec import LIMIT_BYTES, RejectedError, decode, encode
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.local import LocalPlace, StoredFile, StoreError, UnreadableError, open_place
from envmatrix.evidence.store.names import component, is_name, log_name_of, name_of, state_folder, tree_of
from envmatrix.util.files import TEMPORARY, write_atomically
from envmatrix.util.json import decode as decode_json
from envmatrix.util.state_dir import state_path
from envmatrix.util.text import printable

LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024

_ROOM: Final = 100  # for the line that says how much of a log was cut
_SHORT: Final = 200
_ABANDONED_S: Final = 3600.0
_DAY_S: Final = 86400.0


class NoSuchEvidenceError(EnvmatrixError):
    """Evidence was asked for that the store does not hold, or holds in a form that is not believed."""

    hint = "`envmatrix evidence list` names what there is"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the last run of this project left: its evidence by name, in the store that is named."""

    schema: Literal["envmatrix/last-run/1"] = "envmatrix/last-run/1"
    run_id: str
    tree: str
    store: str
    names: tuple[str, ...]


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """What a push or pull did: names copied, how many were there already, and what was not believed and left."""

    copied: tuple[str, ...]
    present: int
    problems: tuple[Problem, ...]


class Store:
    """Evidence at a URL or path (None: the project's ``.envmatrix/evidence``). Nothing is made before it is needed."""

    def __init__(self, url: str | None, project: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._project = project
        self._own, self._made = url is None, False
        self._limit = limit_bytes
        self._place = LocalPlace(state_path(project, "evidence")) if url is None else open_place(url, project)

    @property
    def location(self) -> str:
        """Where it is, without credentials, for people."""
        return self._place.location

    def check(self, *, there: bool = False) -> None:
        """Raise NotAStoreError where a path names no folder; with ``there``, also where nothing is there."""
        if isinstance(self._place, LocalPlace):
            self._place.check(there=there)

    def put(self, evidence: Evidence) -> str:
        """Write a record and return its name. Raises StoreError: nothing was written, and the verdict stands alone.

        Of a record that is too large for any store, the reasons of its tests are cut to their first words.
        """
        try:
            data = encode(evidence)
        except RejectedError as error:
            raise StoreError(f"the evidence of {printable(evidence.cell)} cannot be written: {error}") from error
        if len(data) > self._limit:
            data = encode(_shortened(evidence))
        if len(data) > self._limit:
            raise StoreError(
                f"the evidence of {printable(evidence.cell)} is larger than {self._limit // (1 << 20)} MiB, which no "
                "store takes; split the cell's tests over an axis"
            )
        self._ready()
        name = name_of(evidence)
        self._place.write(name, data)
        return name

    def put_log(self, evidence: Evidence, data: bytes) -> str:
        """Write a cell's output beside its record; beyond the limit, its front is cut and a line says so. Its name.

        It decides nothing, and waiting for the disk took as long as everything else that is done with a short cell.
        """
        self._ready()
        name = log_name_of(evidence)
        if len(data) > LOG_LIMIT_BYTES:
            kept = LOG_LIMIT_BYTES - _ROOM
            data = b"[the first %d bytes of this output were not kept]\n%b" % (len(data) - kept, data[-kept:])
        self._place.write(name, data, durable=False)
        return name

    def get(self, name: str) -> Evidence:
        """The evidence of that name (as ``put`` returned it) or id. Raises NoSuchEvidenceError, StoreError."""
        found = self._name(name)
        try:
            return self._believed(found, self._place.read(found, self._limit))
        except (UnreadableError, RejectedError) as error:
            raise NoSuchEvidenceError(f"{self.location}: {printable(found)} is not believed: {error}") from error

    def get_log(self, evidence: Evidence) -> bytes | None:
        """The output kept beside a record, None where there is none. What the record says of its path is not used."""
        try:
            return self._place.read(log_name_of(evidence), LOG_LIMIT_BYTES)
        except UnreadableError:
            return None

    def trees(self) -> tuple[str, ...]:
        """The trees that there is evidence of, sorted."""
        return tuple(tree for tree in map(tree_of, self._place.folders()) if tree)

    def recent_trees(self) -> tuple[str, ...]:
        """The same trees, those first whose evidence is newest, as far as the place can tell."""
        return tuple(tree for tree in map(tree_of, self._place.recent()) if tree)

    def list(self, tree: str) -> tuple[str, ...]:
        """The names of a tree's records, sorted, none of them looked into."""
        return tuple(entry.name for entry in self.entries(tree) if isinstance(entry, StoredFile))

    def newest(self, tree: str, count: int) -> Iterator[str]:
        """The names of the newest records of each cell of a tree, ``count`` at most, by the time in their ids."""
        for folder, names in self._place.names(component(tree)):
            newest = sorted((name for name in names if name.endswith(".json")), key=_begun, reverse=True)
            yield from islice(filter(is_name, (f"{folder}/{name}" for name in newest)), count)

    def entries(self, tree: str) -> Iterator[StoredFile | Problem]:
        """A tree's records with size and time, and a problem for everything that does not belong there."""
        for entry in self._place.listing(component(tree)):
            if not is_name(entry.name):
                yield from self._foreign(entry)
            elif entry.name.endswith(".json"):
                yield entry

    def iterate(self, tree: str) -> Iterator[Evidence | Problem]:
        """A tree's records one by one, and a problem for each file that is not believed. Raises StoreError."""
        for item in self._read(tree):
            yield item if isinstance(item, Problem) else item[0]

    def last_run(self) -> LastRun | None:
        """What ``record_last_run`` wrote last, None where there is nothing to be believed."""
        try:
            data = LocalPlace(state_path(self._project)).read("last-run.json", 1 << 20)
            return decode_json(data, LastRun)
        except (UnreadableError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def record_last_run(self, run_id: str, tree: str, names: Iterable[str]) -> None:
        """Remember for ``envmatrix report`` what this run wrote. Raises StoreError."""
        run = LastRun(run_id=run_id, tree=tree, store=self.location, names=tuple(sorted(names)))
        folder = state_folder(self._project)
        try:
            write_atomically(folder / "last-run.json", msgspec.json.encode(run) + b"\n")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror}; make it writable") from error

    def push(self, other: Store, trees: Collection[str] | None = None) -> Transfer:
        """Copy what is believed and missing there, byte by byte, with its logs; all trees unless some are named."""
        copied: list[str] = []
        problems: list[Problem] = []
        present = 0
        for tree in sorted(trees) if trees is not None else self.trees():
            there = set(other.list(tree))
            for item in self._read(tree):
                if isinstance(item, Problem):
                    problems.append(item)
                elif name_of(item[0]) in there:
                    present += 1
                else:
                    copied.append(other._take(*item, self.get_log(item[0])))
        return Transfer(copied=tuple(copied), present=present, problems=tuple(problems))

    def pull(self, other: Store, trees: Collection[str] | None = None) -> Transfer:
        """The same the other way round."""
        return other.push(self, trees)

    def prune(
        self, *, keep_days: float | None = None, keep_trees: int | None = None, keep: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Remove old records with their logs and return the names removed.

        Kept are those written in the last ``keep_days`` days, those of the ``keep_trees`` trees written to last, and
        those of the trees in ``keep``; a limit that is None keeps nothing. What writers left behind goes after an hour.
        """
        listed = {tree: tuple(self._place.listing(component(tree))) for tree in self.trees()}
        newest = sorted(listed, key=lambda tree: max((entry.modified for entry in listed[tree]), default=0))
        kept = {*keep, *(newest[-keep_trees:] if keep_trees else ())}
        now = time.time()
        removed = []
        for tree, entries in listed.items():
            for entry in entries:
                age_s = now - entry.modified
                old = keep_days is None or age_s > keep_days * _DAY_S
                abandoned = entry.name.endswith(TEMPORARY) and age_s > _ABANDONED_S
                if abandoned or (is_name(entry.name) and old and tree not in kept):
                    self._place.remove(entry.name)
                    removed.append(entry.name)
        return tuple(sorted(removed))

    def _read(self, tree: str) -> Iterator[tuple[Evidence, bytes] | Problem]:
        entries: list[StoredFile] = []
        for entry in self.entries(tree):
            if isinstance(entry, Problem):
                yield entry
            else:
                entries.append(entry)
        for entry, data in self._place.read_many(entries, self._limit):
            try:
                if isinstance(data, UnreadableError):
                    raise data
                yield self._believed(entry.name, data), data
            except (UnreadableError, RejectedError) as error:
                yield self._problem(entry.name, str(error))

    def _take(self, evidence: Evidence, data: bytes, log: bytes | None) -> str:
        """The log first: whoever sees the record finds its log."""
        self._ready()
        if log is not None:
            self._place.write(log_name_of(evidence), log)
        self._place.write(name_of(evidence), data)
        return name_of(evidence)

    def _ready(self) -> None:
        if self._own and not self._made:
            state_folder(self._project)
            self._made = True

    def _name(self, name: str) -> str:
        if "/" in name:
            if not is_name(name):
                raise NoSuchEvidenceError(f"{printable(name)} is no name of evidence; envmatrix evidence list has them")
            return name
        ending = f"/{component(name)}.json"
        found = [item for tree in self.trees() for item in self.list(tree) if item.endswith(ending)]
        if not found:
            raise NoSuchEvidenceError(
                f"there is no evidence {printable(name)} in {self.location}; envmatrix evidence list names all"
            )
        return found[0]

    def _believed(self, name: str, data: bytes) -> Evidence:
        evidence = decode(data)
        if name_of(evidence) != name:
            raise RejectedError("its name is not that of the tree, cell and id in it")
        return evidence

    def _foreign(self, entry: StoredFile) -> Iterator[Problem]:
        if not entry.name.endswith(TEMPORARY):
            yield self._problem(entry.name, "it is no evidence")
        elif time.time() - entry.modified > _ABANDONED_S:
            yield self._problem(entry.name, "its writer was killed; envmatrix evidence prune removes it")

    def _problem(self, name: str, why: str) -> Problem:
        return Problem(file=printable(f"{self.location}/{name}", 400), message=f"{why}; it was ignored")


def _begun(name: str) -> list[str]:
    """The time and the random parts of a record's name, which sort by time whatever the host."""
    return name.rsplit("-", 3)[1:]


def _shortened(evidence: Evidence) -> Evidence:
    replace = msgspec.structs.replace
    return replace(evidence, tests=tuple(replace(t, reason=printable(t.reason, _SHORT)) for t in evidence.tests))
