"""What earlier runs saw: asked for the names of tests, those behind a skipped module and those that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.places import Entry
from envmatrix.evidence.store import Store

NEWEST: Final = 5  # records of one cell and tree that are read: older ones hardly know a test that these do not


def earlier(store: Store, *, tree: str, newest: int = NEWEST) -> tuple[Evidence, ...]:
    """Return the newest records of each cell of the same tree, and those of the last run whatever its tree.

    To be called before a run begins. A store or a record that cannot be read is no error here: it only means that
    less is remembered.
    """
    found: dict[str, Evidence] = {}
    with suppress(EnvmatrixError):
        for name in _names(store, tree, newest):
            with suppress(EnvmatrixError):
                record = store.get(name)
                found[record.id] = record
    return tuple(found.values())


def _names(store: Store, tree: str, newest: int) -> Iterator[str]:
    by_cell: dict[str, list[Entry]] = {}
    for entry in store.entries(tree):
        if isinstance(entry, Entry):
            by_cell.setdefault(entry.name.split("/")[1], []).append(entry)
    for entries in by_cell.values():
        yield from (entry.name for entry in sorted(entries, key=lambda entry: -entry.modified)[:newest])
    last = store.last_run()
    if last is not None and last.store == store.location and last.tree != tree:
        yield from last.names
