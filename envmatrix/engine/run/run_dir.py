"""The folders that a run needs on this machine besides its environments, and the lock of a cell."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from envmatrix.engine.job.model import utc_now
from envmatrix.util.state_dir import check_state_dir, make_state_dir, state_path

LOOK_S = 0.2  # seconds between two looks at a lock that another process has


def fresh_folder(root: Path, run_id: str) -> Path:
    """Make and return the folder of a run: under .envmatrix, or a temporary one where the checkout is read-only."""
    check_state_dir(root)
    folder = state_path(root, "runs", run_id)
    try:
        make_state_dir(root)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="envmatrix-run-"))
    return folder


def new_run_id() -> str:
    """Return a name for a run: its UTC start to the second, and a random part."""
    return utc_now()[:19].replace(":", "").replace("-", "") + "Z-" + os.urandom(3).hex()


def is_run_id(name: str) -> bool:
    """Tell whether ``new_run_id`` could have made this name."""
    return re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", name) is not None


@contextlib.contextmanager
def cell_lock(
    root: Path, name: str, *, say_line: Callable[[str, str], None], interrupted: Callable[[], bool]
) -> Iterator[bool]:
    """Hold the lock of a cell of the project in ``root``, or yield False where the wait for it was interrupted.

    tox has no lock for its run environments, and two sessions in one break it for good.
    """
    path = _lock_folder(root) / f"{name}.lock"
    waited = False
    while (handle := _take_lock(path)) is None:
        if not waited:
            say_line(name, "waiting for another envmatrix that is running this cell")
        waited = True
        if interrupted():
            yield False
            return
        time.sleep(LOOK_S)
    try:
        yield True
    finally:
        os.close(handle)


def _take_lock(path: Path) -> int | None:
    """Take the lock and return its descriptor, whose end is the lock's; None where another process has it."""
    while True:
        handle, remaining = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # where somebody removed the file in between, whoever comes next would lock another one: once more
            with contextlib.suppress(FileNotFoundError):
                remaining = os.path.samestat(os.fstat(handle), path.stat())
            if remaining:
                return handle
        except BlockingIOError:
            return None
        finally:
            if not remaining:
                os.close(handle)


def _lock_folder(root: Path) -> Path:
    folder = state_path(root, "locks")
    if os.access(folder, os.W_OK):
        return folder
    with contextlib.suppress(OSError):  # a read-only checkout, whose environments are elsewhere (TOX_WORK_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    import tempfile

    shared = Path(tempfile.gettempdir()) / f"envmatrix-locks-{os.getuid()}"
    folder = shared / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    for path in (shared, folder):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        result = path.lstat()
        if not stat.S_ISDIR(result.st_mode) or result.st_uid != os.getuid() or result.st_mode & 0o022:
            what = "is not a directory of this user alone, remove it or let TMPDIR name another place"
            raise PermissionError(errno.EPERM, what, str(path))
    return folder
