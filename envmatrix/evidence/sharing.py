"""Folders and files that several users write: what one of them makes below a shared folder serves the others too."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_TRIES: Final = 200
_REFUSED: Final = 20  # tries, and as many twentieths of a second, until somebody else's new folder is open to us
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def create(base: Path, path: Path) -> int:
    """A new file below base, open for writing, its folders made where they are missing.

    Where group or others may write to base, folders get base's own mode and the file may be read by whoever may read
    base, whatever the umask: else the first user to report a tree would shut out all others. Raises OSError.
    """
    refused = 0
    for _ in range(_TRIES):
        # Folders may be gone again, at each level: pruning removes empty ones at any moment.
        try:
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                _make_folders(base, path.parent)
                continue
            shared = _shared_mode(base)
        except FileNotFoundError:
            continue
        except PermissionError:
            refused += 1
            if refused > _REFUSED or not _shared_mode(base):
                raise
            time.sleep(0.05)
            continue
        if shared:
            with suppress(OSError):
                os.fchmod(handle, 0o600 | shared & (stat.S_IRGRP | stat.S_IROTH))
        return handle
    raise FileNotFoundError(2, "its folders are removed as soon as they are made", str(path))


def _make_folders(base: Path, folder: Path) -> None:
    """Make the folders from base to folder, with the mode of base where others share it."""
    base.mkdir(parents=True, exist_ok=True)
    mode = _shared_mode(base)
    below = folder.relative_to(base).parts
    for depth in range(1, len(below) + 1):
        made = base.joinpath(*below[:depth])
        with suppress(FileExistsError):
            made.mkdir()
            if mode:
                made.chmod(mode)


def _shared_mode(base: Path) -> int:
    mode = stat.S_IMODE(base.stat().st_mode)
    return mode if mode & _WRITABLE_BY_OTHERS else 0
