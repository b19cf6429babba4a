"""Read the evidence of earlier runs, which names the tests of skipped modules and the tests that have vanished.

Records of the same tree come first; of other trees, the newest of each cell and host are found without reading the
rest.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.local import StoreEntry
from envmatrix.evidence.store.names import make_component
from envmatrix.evidence.store.store import Store
from envmatrix.vcs.git import GitError, run_git

NEWEST: Final = 5  # records to read of one cell and tree: older ones rarely name other tests


class EarlierRecords:
    """The newest records of each cell of the same tree, and the records of the last run of any tree.

    Several records per cell, also if the newest is of a complete run: a variable or a package can change the tests of
    the same content, and a test that vanished in the newest run is still missing in the next.

    The names are listed on creation, which must be before a run begins; the records are read on demand. A store or a
    record that cannot be read is not an error here: fewer tests are known then.
    """

    def __init__(self, store: Store, *, tree: str, newest: int = NEWEST) -> None:
        self._store = store
        self._names: tuple[str, ...] = ()
        with suppress(EnvmatrixError):
            self._names = tuple(store.list_newest(tree, newest))
            last = store.last_run()
            if last is not None and last.store == store.location and last.tree != tree:
                self._names += last.names

    def read_records(self) -> tuple[Evidence, ...]:
        """Return the records."""
        return tuple({record.id: record for record in self._iterate_records()}.values())

    def _iterate_records(self) -> Iterator[Evidence]:
        for name in self._names:
            with suppress(EnvmatrixError):
                yield self._store.get(name)


RECENT: Final = 10  # newest trees of a store, and as many of the commits before HEAD
LISTED: Final = 5_000
READ: Final = 150
TRIED: Final = 8  # records of one cell and host
ASKED: Final = 20  # commits to look up in git, at a few milliseconds each
_HASH: Final = re.compile(r"[0-9a-f]{40,64}")


def iterate_older(store: Store, root: Path, *, tree: str, cells: Collection[str]) -> Iterator[Evidence]:
    """Yield the newest record of each cell and host of other trees than ``tree``; without tests, also older ones.

    The newest trees of the store and the trees of the commits before HEAD are searched. The number of listed and read
    records is bounded. These records decide nothing: unreadable ones are left out, and so are records of another
    project in the same store (another name, and a commit that this repository does not have).
    """
    entries_by_cell: dict[tuple[str, str], list[StoreEntry]] = {}
    components = {make_component(cell) for cell in cells}
    for entry in itertools.islice(_iterate_entries(store, _choose_trees(store, root, tree)), LISTED):
        _, cell, name = entry.name.split("/")
        if cell in components:
            entries_by_cell.setdefault((cell, _extract_host(name)), []).append(entry)
    newest = sorted(entries_by_cell.values(), key=lambda entries: -max(entry.modified for entry in entries))
    strange = _ForeignRecords(root)
    read = itertools.islice((record for entries in newest for record in _read_until_tests(store, entries)), READ)
    yield from (record for record in read if not strange(record))


class _ForeignRecords:
    """Recognises records of another project. Clones may have another name or lack commits, but rarely both."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._here: dict[str, bool] = {}

    def __call__(self, record: Evidence) -> bool:
        if record.project == self._root.resolve().name or not record.commit:
            return False
        if record.commit not in self._here:
            self._here[record.commit] = len(self._here) < ASKED and self._has_commit(record.commit)
        return not self._here[record.commit]

    def _has_commit(self, commit: str) -> bool:
        if not _HASH.fullmatch(commit):
            return False
        try:
            answer = run_git(["cat-file", "--batch-check=%(objecttype)"], cwd=self._root, stdin=f"{commit}\n".encode())
        except GitError:
            return True  # not a repository, so commits cannot be looked up
        return answer.strip() == b"commit"


def _read_until_tests(store: Store, entries: Sequence[StoreEntry]) -> Iterator[Evidence]:
    """Yield records from the newest to one with tests: an attempt that failed before its first test names none."""
    for entry in sorted(entries, key=lambda item: (-item.modified, item.name))[:TRIED]:
        try:
            record = store.get(entry.name)
        except EnvmatrixError:
            continue
        yield record
        if record.state == "finished" and record.tests:
            return


def _choose_trees(store: Store, root: Path, tree: str) -> Sequence[str]:
    held = store.list_recent_trees()
    try:
        commits = run_git(["log", f"-{RECENT}", "--format=%T"], cwd=root).decode().split() if len(held) > RECENT else []
    except GitError:
        commits = []
    known = set(held)
    chosen = dict.fromkeys([*held[: RECENT + 1], *(name for name in commits if name in known)])
    return [name for name in chosen if name != tree]


def _iterate_entries(store: Store, trees: Sequence[str]) -> Iterator[StoreEntry]:
    for tree in trees:
        yield from (entry for entry in store.list_entries(tree) if isinstance(entry, StoreEntry))


def _extract_host(name: str) -> str:
    """Return the host in the id of a record: HOST-RUN-RANDOM, where RUN contains a dash."""
    return name.removesuffix(".json").rsplit("-", 3)[0]
