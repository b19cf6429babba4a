"""What earlier runs saw: asked for the names of tests, those behind a skipped module and those that are gone.

Evidence of other contents that is worth a look: the newest of each cell and host, found without reading the rest.
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
from envmatrix.evidence.store.local import StoredFile
from envmatrix.evidence.store.names import component
from envmatrix.evidence.store.store import Store
from envmatrix.vcs.git import GitError, git

NEWEST: Final = 5  # records of one cell and tree that are looked into: older ones hardly know a test that these do not


class Earlier:
    """The newest records of each cell of the same tree, and those of the last run whatever its tree.

    Also where the newest is of a whole run: the same content can have fewer tests, for a variable or a package, and one
    that vanished in that run is still gone in the next.

    Which they are is settled when this is made, which is to be before a run begins; they are read when they are asked
    for. A store or a record that cannot be read is no error here: it only means that less is remembered.
    """

    def __init__(self, store: Store, *, tree: str, newest: int = NEWEST) -> None:
        self._store = store
        self._names: tuple[str, ...] = ()
        with suppress(EnvmatrixError):
            self._names = tuple(store.newest(tree, newest))
            last = store.last_run()
            if last is not None and last.store == store.location and last.tree != tree:
                self._names += last.names

    def records(self) -> tuple[Evidence, ...]:
        """Return the records."""
        return tuple({record.id: record for record in self._read()}.values())

    def _read(self) -> Iterator[Evidence]:
        for name in self._names:
            with suppress(EnvmatrixError):
                yield self._store.get(name)


RECENT: Final = 10  # trees of a store that were written to last, and as many of the commits before HEAD
LISTED: Final = 5_000
READ: Final = 150
TRIED: Final = 8  # records of one cell and host
ASKED: Final = 20  # commits that git is asked about, at a few milliseconds each
_HASH: Final = re.compile(r"[0-9a-f]{40,64}")


def older(store: Store, root: Path, *, tree: str, cells: Collection[str]) -> Iterator[Evidence]:
    """Yield the newest record of each of the cells and each host among other trees than ``tree``, and where that has no
    tests, older ones until one has.

    Looked at are the trees that the store was given evidence of last and those of the commits before HEAD. How much is
    listed and read is bounded, whatever the store holds. Nothing of this counts: what cannot be read is left out, and
    so are records of another project that shares the store: of another name, and of a commit that is not here.
    """
    found: dict[tuple[str, str], list[StoredFile]] = {}
    wanted = {component(cell) for cell in cells}
    for entry in itertools.islice(_entries(store, _trees(store, root, tree)), LISTED):
        _, cell, name = entry.name.split("/")
        if cell in wanted:
            found.setdefault((cell, _host(name)), []).append(entry)
    newest = sorted(found.values(), key=lambda entries: -max(entry.modified for entry in entries))
    strange = _Strangers(root)
    read = itertools.islice((record for entries in newest for record in _until_tests(store, entries)), READ)
    yield from (record for record in read if not strange(record))


class _Strangers:
    """Tells records of another project. Clones may be called differently and may lack commits, seldom both."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._here: dict[str, bool] = {}

    def __call__(self, record: Evidence) -> bool:
        if record.project == self._root.resolve().name or not record.commit:
            return False
        if record.commit not in self._here:
            self._here[record.commit] = len(self._here) < ASKED and self._has(record.commit)
        return not self._here[record.commit]

    def _has(self, commit: str) -> bool:
        if not _HASH.fullmatch(commit):
            return False
        try:
            answer = git(["cat-file", "--batch-check=%(objecttype)"], cwd=self._root, stdin=f"{commit}\n".encode())
        except GitError:
            return True  # nothing to ask: here is no repository
        return answer.strip() == b"commit"


def _until_tests(store: Store, entries: Sequence[StoredFile]) -> Iterator[Evidence]:
    """Read from the newest on: an attempt that failed before its first test hides what an older one knows."""
    for entry in sorted(entries, key=lambda one: (-one.modified, one.name))[:TRIED]:
        try:
            record = store.get(entry.name)
        except EnvmatrixError:
            continue
        yield record
        if record.state == "finished" and record.tests:
            return


def _trees(store: Store, root: Path, tree: str) -> Sequence[str]:
    held = store.recent_trees()
    try:
        commits = git(["log", f"-{RECENT}", "--format=%T"], cwd=root).decode().split() if len(held) > RECENT else []
    except GitError:
        commits = []
    known = set(held)
    chosen = dict.fromkeys([*held[: RECENT + 1], *(one for one in commits if one in known)])
    return [one for one in chosen if one != tree]


def _entries(store: Store, trees: Sequence[str]) -> Iterator[StoredFile]:
    for tree in trees:
        yield from (entry for entry in store.entries(tree) if isinstance(entry, StoredFile))


def _host(name: str) -> str:
    """The host as far as the id of a record tells: HOST-RUN-RANDOM, where RUN has a dash itself."""
    return name.removesuffix(".json").rsplit("-", 3)[0]
