"""What earlier runs saw: asked for the names of tests, those behind a skipped module and those that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store import Store

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
