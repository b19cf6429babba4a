"""The folders that a run needs on this machine besides its environments, and the lock of a cell."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from envmatrix.engine.job import now


def fresh_folder(root: Path, run_id: str) -> Path:
    """Make and return the folder of a run: under .envmatrix, or a temporary one where the checkout is read-only."""
    folder = root / ".envmatrix" / "runs" / run_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = root / ".envmatrix" / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError:
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="envmatrix-run-"))
    return folder


def new_run_id() -> str:
    """Return a name for a run: its UTC start to the second, and a random part."""
    return now()[:19].replace(":", "").replace("-", "") + "Z-" + os.urandom(3).hex()


@contextlib.contextmanager
def cell_lock(
    root: Path, name: str, *, said: Callable[[str, str], None], interrupted: Callable[[], bool]
) -> Iterator[bool]:
    """Hold the lock of a cell of the project in ``root``, or yield False where the wait for it was interrupted.

    tox has no lock for its run environments, and two sessions in one break it for good.
    """
    lock = FileLock(_lock_folder(root) / f"{name}.lock")
    waited = False
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except TimeoutError:
            if not waited:
                said(name, "waiting for another envmatrix that is running this cell")
            waited = True
            if interrupted():
                yield False
                return
    try:
        yield True
    finally:
        lock.release()


def _lock_folder(root: Path) -> Path:
    folder = root / ".envmatrix" / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a read-only checkout, whose environments are elsewhere (TOX_WORK_DIR)
    import tempfile

    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"envmatrix-locks-{os.getuid()}" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
