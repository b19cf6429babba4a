"""Take cheap snapshots of the tracked files of a checkout from the metadata of the file system.

A digest does not show a change that was reverted in the meantime. The inode's change time does, and no program can set
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

Stamp = tuple[int, int, int, int]


class Snapshot:
    """The stamp of each tracked file, None for a missing file. Names are relative to ``top``."""

    __slots__ = ("names", "stamps", "top")

    def __init__(self, top: str, names: Sequence[str]) -> None:
        self.top, self.names = top, names
        self.stamps = _read_stamps(f"{top}/{name}" for name in names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self.top == other.top and not self.find_differing(other)

    __hash__ = None  # type: ignore[assignment]

    def take_again(self) -> Snapshot:
        """Return a new snapshot of the same files."""
        return Snapshot(self.top, self.names)

    def find_differing(self, other: Snapshot) -> tuple[str, ...]:
        """Return the names of the files whose stamps differ between the two snapshots, sorted."""
        if self.names == other.names and self.stamps == other.stamps:
            return ()
        mine, theirs = (
            dict(zip(self.names, self.stamps, strict=True)),
            dict(zip(other.names, other.stamps, strict=True)),
        )
        names = {**mine, **theirs}
        return tuple(sorted(name for name in names if mine.get(name) != theirs.get(name)))


def _read_stamps(paths: Iterable[str]) -> list[Stamp | None]:
    lstat, stamps = os.lstat, []
    for path in paths:
        stamp: Stamp | None = None
        try:
            status = lstat(path)
            stamp = (status.st_ctime_ns, status.st_mtime_ns, status.st_ino, status.st_mode)
        except OSError:
            pass
        stamps.append(stamp)
    return stamps


def join_snapshots(snapshot: Snapshot, folder: str, inner: Snapshot) -> Snapshot:
    """Return a snapshot with the added files of the nested repository in ``folder``."""
    snapshot_of_both = Snapshot.__new__(Snapshot)
    snapshot_of_both.top = snapshot.top
    snapshot_of_both.names = (*snapshot.names, *(f"{folder}/{name}" for name in inner.names))
    snapshot_of_both.stamps = [*snapshot.stamps, *inner.stamps]
    return snapshot_of_both
