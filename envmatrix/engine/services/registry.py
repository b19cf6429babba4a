"""What was started and by whom, so that the next run can remove what a killed one left behind.

One JSON file per daemon in ``<work_dir>/services``, written before the daemon is started, and beside it a file that
the tool and the daemon's keeper hold locked (flock) as long as either lives: a lock that can be taken is a left-over.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shutil
import time
from pathlib import Path
from stat import S_ISDIR
from typing import Final

import msgspec

from envmatrix.engine.services import processes
from envmatrix.host.protocols.servers import STARTS
from envmatrix.util.files import write_atomically
from envmatrix.util.json import decode

_TOKEN: Final = re.compile(r"[0-9a-f]{8}")


class ServiceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One daemon: the folder that is its own, the random ``token`` that its processes bear, who owns it."""

    token: str
    service: str
    cell: str
    folder: str
    owner_pid: int
    owner_started: str
    host: str = ""

    def owner_lives(self) -> bool:
        """Whether the process that asked for the daemon is still there."""
        return bool(self.owner_started) and processes.identity(self.owner_pid) == self.owner_started


def folder_name(service: str, token: str) -> str:
    """The name of the folder that a daemon has for itself."""
    return f"envmatrix-{service}-{token}"


def state_folder(work_dir: Path) -> Path:
    """Where the entries of ``work_dir`` are."""
    return work_dir / "services"


def register(work_dir: Path, entry: ServiceEntry) -> int:
    """Write the entry down and come back with the open, locked file that says it is in use. Raises OSError."""
    folder = state_folder(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    grip = os.open(folder / f"{entry.token}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(grip, fcntl.LOCK_EX)
    write_atomically(folder / f"{entry.token}.json", msgspec.json.encode(entry))
    return grip


def forget(work_dir: Path, token: str) -> None:
    """Remove the entry; no error where it is gone already."""
    for suffix in ("json", "lock"):
        with contextlib.suppress(OSError):
            (state_folder(work_dir) / f"{token}.{suffix}").unlink()


def new_entry(*, token: str, service: str, cell: str, folder: Path) -> ServiceEntry:
    """An entry owned by this process."""
    started = processes.identity(os.getpid())
    return ServiceEntry(
        token=token,
        service=service,
        cell=cell,
        folder=str(folder),
        owner_pid=os.getpid(),
        owner_started=started,
        host=platform.node(),
    )


def entries(work_dir: Path) -> tuple[ServiceEntry, ...]:
    """Every readable entry of ``work_dir``, sorted; a file that ``register`` could not have written is passed over.

    The state directory is part of a checkout, so a commit can hold entries: what one names is ended and removed.
    """
    result = []
    for path in sorted(state_folder(work_dir).glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            entry = decode(path.read_bytes(), ServiceEntry)
            if path.name == f"{entry.token}.json" and _is_genuine(entry):
                result.append(entry)
    return tuple(result)


def _is_genuine(entry: ServiceEntry) -> bool:
    """Tell whether the entry's names have the form that the tool gives them, and its folder is this user's own."""
    folder = Path(entry.folder)
    if not (_TOKEN.fullmatch(entry.token) and entry.service in STARTS and folder.is_absolute()):
        return False
    if folder.name != folder_name(entry.service, entry.token) or ".." in folder.parts:
        return False
    try:
        stat = folder.lstat()
    except FileNotFoundError:
        return True  # its keeper has removed it already
    except OSError:
        return False
    return S_ISDIR(stat.st_mode) and stat.st_uid == os.geteuid()


def bury(work_dir: Path, entry: ServiceEntry) -> None:
    """End what lives of the service, remove its folder and then its entry; quick where its keeper did so already.

    The entry stays where the folder could not be removed, so that the next run tries again.
    """
    if Path(entry.folder).exists():
        processes.end(entry.token, entry.folder)
    if remove_folder(entry):
        forget(work_dir, entry.token)


def remove_folder(entry: ServiceEntry, *, patience_s: float = 5.0) -> bool:
    """Remove the daemon's folder and say whether it is gone.

    A daemon of many threads may still write for a moment after its main thread is dead, hence the patience.
    """
    folder = Path(entry.folder)
    until = time.monotonic() + patience_s
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(0.05)
    return not folder.exists()


def reap(work_dir: Path, *, patience_s: float = 0.0) -> tuple[ServiceEntry, ...]:
    """Remove what dead owners left behind in ``work_dir`` and come back with it.

    A keeper that is just clearing up is given ``patience_s`` seconds and then ended. What another host wrote (a shared
    folder) is left to that host.
    """
    removed = []
    for entry in entries(work_dir):
        if entry.host == platform.node() and _left_over(work_dir, entry, patience_s):
            bury(work_dir, entry)
            removed.append(entry)
    return tuple(removed)


def _left_over(work_dir: Path, entry: ServiceEntry, patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while not _is_free(state_folder(work_dir) / f"{entry.token}.lock"):
        if entry.owner_lives() or (patience_s == 0.0):
            return False
        if time.monotonic() > until:
            return True
        time.sleep(0.1)
    return True


def _is_free(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # another user's: left to that user
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
