"""Whether a file system keeps the executable bit of a file: found by setting one, not by the repository's word."""

from __future__ import annotations

import errno
import functools
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_MODES: Final = (0o600, 0o700)


@functools.cache
def keeps_modes(folder: Path) -> bool:
    """Return whether files in ``folder`` can be told apart by their executable bit.

    True where that cannot be tried: a difference that is not one is seen by everybody, one that is overlooked by
    nobody.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        # A file without a name changes no directory, and is gone when it is closed.
        return _can_switch(os.open(folder, flags | os.O_TMPFILE, _MODES[0]))
    except AttributeError:  # not Linux
        return _keeps_modes_of_named(folder)
    except OSError as error:
        return _keeps_modes_of_named(folder) if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL) else True


def _keeps_modes_of_named(folder: Path) -> bool:
    path = folder / f".envmatrix-probe-{os.urandom(6).hex()}~"  # a name that never counts as content
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODES[0])
    except OSError:
        return True
    try:
        return _can_switch(handle)
    finally:
        with suppress(OSError):
            path.unlink()


def _can_switch(handle: int) -> bool:
    """Set and clear the bit of an open file, close it, and return whether both were kept."""
    try:
        for mode in _MODES:
            os.fchmod(handle, mode)
            if stat.S_IMODE(os.fstat(handle).st_mode) & stat.S_IXUSR != mode & stat.S_IXUSR:
                return False
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
