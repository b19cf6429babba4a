"""Whether the tracked content of a checkout stays what a run says it tests, looked at around each cell's commands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from envmatrix.engine.job.model import utc_now
from envmatrix.evidence.model import ContentLook, RanReason
from envmatrix.util.text import listed
from envmatrix.vcs.identity import Identity, identify_content
from envmatrix.vcs.snapshot import Snapshot

FRESH_S: Final = 0.05  # cells that start or end at the same moment share one look
STILL_S: Final = 1.0  # no change for so long is taken for the end of a change
PATIENCE_S: Final = 20.0
_NAMED: Final = 20


class ContentWatch:
    """Compares tracked files with the content that a run's identity names; shared by the threads of all its cells.

    Each look costs one ``lstat`` a file. Only where that shows a change is git asked what the content is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Snapshot | None = None  # files that have the identity's content
        self._latest: Snapshot | None = None
        self._looked = float("-inf")

    def look_before(self, root: Path, identity: Identity) -> tuple[Snapshot | None, tuple[str, ...]]:
        """Return the tracked files as they are, and the names of those that no longer have the identity's content.

        The snapshot is None outside git, where nothing says which files are the project's own.
        """
        if identity.snapshot is None:
            return None, ()
        with self._lock:
            self._known = self._known or identity.snapshot
            if time.monotonic() - self._looked > FRESH_S:
                self._take_snapshot()
            if self._latest is None or not self._known.find_differing(self._latest):
                return self._known, ()
            return self._identify_again(root, identity)

    def look_after(self, before: Snapshot) -> tuple[str, ...]:
        """Return the names of the tracked files that were touched since ``before``."""
        requested = time.monotonic()
        with self._lock:
            if self._latest is None or self._looked < requested:
                self._take_snapshot()
            assert self._latest is not None
            return before.find_differing(self._latest)

    def wait_until_still(self, root: Path, identity: Identity, interrupted: Callable[[], bool]) -> bool:
        """Wait until tracked files stop changing, and return whether they then have the identity's content."""
        end = time.monotonic() + PATIENCE_S
        latest, since = None, time.monotonic()
        while time.monotonic() < end and not interrupted():
            with self._lock:
                self._known = self._known or identity.snapshot
                self._take_snapshot()
                now_seen = self._latest
            if latest is None or now_seen is None or latest.find_differing(now_seen):
                latest, since = now_seen, time.monotonic()
            elif time.monotonic() - since >= STILL_S:
                return not self.look_before(root, identity)[1]
            time.sleep(STILL_S / 5)
        return False

    def _take_snapshot(self) -> None:
        self._looked = time.monotonic()
        if self._known is not None:
            self._latest = self._known.take_again()

    def _identify_again(self, root: Path, identity: Identity) -> tuple[Snapshot | None, tuple[str, ...]]:
        """Ask git whether files that were touched have the identity's content all the same, and know them as that."""
        result = identify_content(root)
        if result.tracked == identity.tracked and result.snapshot is not None:
            self._known = self._latest = result.snapshot
            return result.snapshot, ()
        names = identity.tracked.keys() | result.tracked.keys()
        differing = {name for name in names if identity.tracked.get(name) != result.tracked.get(name)}
        return result.snapshot, tuple(sorted(differing - {"HEAD"} or differing))


def make_look(files: int, began: str, moved: Sequence[str]) -> ContentLook:
    """Return what a record says of the looks before and after a cell's commands."""
    return ContentLook(before=began, after=utc_now(), files=files, moved=tuple(sorted(moved))[:_NAMED])


def moved_reason(moved: Sequence[str], *, before: bool) -> RanReason:
    """Return why a record proves nothing: files were not the identity's ``before`` it, or were touched meanwhile."""
    what = "before this cell began" if before else "while this cell ran"
    return RanReason(
        code="content_moved",
        message=f"files that git tracks changed {what}: {listed(sorted(moved))}",
        remedy="leave the checkout alone until the run has ended, or run in a `git worktree`; a suite that writes to"
        " its own tracked files needs copies of them, or has git ignore them",
    )
