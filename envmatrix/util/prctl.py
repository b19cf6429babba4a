"""What a process asks of the Linux kernel for itself, prctl(2); elsewhere these functions do nothing."""

from __future__ import annotations

import functools
import os
import sys

TYPE_CHECKING = False  # as in typing, which the first process of a run need not load for this
if TYPE_CHECKING:
    import ctypes

_SET_PDEATHSIG, _SET_NAME, _SET_CHILD_SUBREAPER = 1, 15, 36


def become_reaper() -> None:
    """Make orphans of this process its children again, so that all that it started is found below it."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: int, parent: int = 0) -> None:
    """Let the kernel send this process ``number`` when the thread that started it ends.

    ``parent`` is the pid that the parent is known to have had: it may have ended before this was asked for.
    """
    parent = parent or os.getppid()
    _prctl(_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def set_name(name: str) -> None:
    """Give this process another name, so that it is spared when its parent is killed by name."""
    _prctl(_SET_NAME, name.encode())


def _prctl(option: int, value: int | bytes) -> None:
    if sys.platform == "linux":
        _libc().prctl(option, value, 0, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
