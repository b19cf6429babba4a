"""Looks at what commands left running before that is killed, so that nothing ends without a word (Linux, by /proc)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the helper that starts cells loads this, and looks at nothing as long as nothing is left
    from envmatrix.evidence.model import LeftOver

GRACE_S = 0.05  # what ends by itself within that is no left-over: a tracker of multiprocessing, git's gc
LIMIT_S = 2.0  # for killing: a process that waits for a disk ends late
_WORDS, _LENGTH = 40, 300  # how much of a command line is kept
_FORKED_ONLY = 0x40  # PF_FORKNOEXEC, field 9 of /proc/PID/stat, proc(5)
_SESSION = b"ENVMATRIX_SESSION="


def list_children(pid: int | str = "self") -> list[int]:
    """Return the pids of the children of a process (/proc/PID/task/TID/children; none where that is missing)."""
    result: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is not loaded here otherwise
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123
                result += [int(item) for item in file.read().split()]
    return result


def list_descendants(pids: Iterable[int]) -> list[int]:
    """Return the processes of these trees, their tops first."""
    matches = list(pids)
    for pid in matches:
        matches += [child for child in list_children(pid) if child not in matches]
    return matches


def describe_process(pid: int) -> LeftOver | None:
    """Return what a process is, None where it has ended."""
    from envmatrix.evidence.model import LeftOver

    state = _read_proc(pid, "stat").rpartition(b")")[2].split()
    if len(state) < 7 or state[0] in (b"Z", b"X"):
        return None
    return LeftOver(
        pid=pid,
        argv=shorten_command(os.fsdecode(word) for word in _read_proc(pid, "cmdline").split(b"\0")[:-1]),
        forked=bool(int(state[6]) & _FORKED_ONLY),
        by_test=any(element.startswith(_SESSION) for element in _read_proc(pid, "environ").split(b"\0")),
    )


def shorten_command(argv: Iterable[str]) -> tuple[str, ...]:
    """Return a command line cut to what a reader needs of it, and as text: what of it is no UTF-8 as \\xNN."""
    words = tuple(argv)[:_WORDS]
    return tuple(os.fsencode(word[:_LENGTH]).decode("utf-8", "backslashreplace") for word in words)


def has_variable(pid: int, name: str, value: str) -> bool:
    """Tell whether a process was started with this variable."""
    return os.fsencode(f"{name}={value}") in _read_proc(pid, "environ").split(b"\0")


def kill_children(orphans: Callable[[], Sequence[int]], collect: Callable[[], None]) -> tuple[LeftOver, ...]:
    """Kill these children of ours and all below them, and return what they were.

    ``orphans`` is asked anew until it has none, since what loses its parent becomes our child; ``collect`` takes those
    that ended off the system's hands.
    """
    entry: dict[int, LeftOver] = {}
    begun = time.monotonic()
    while time.monotonic() - begun < LIMIT_S:
        collect()
        tops = orphans()
        if not tops:
            break
        if time.monotonic() - begun >= GRACE_S:
            for pid in list_descendants(tops):
                if pid not in entry and (process := describe_process(pid)) is not None:
                    entry[pid] = process
            for pid in tops:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    return tuple(entry[pid] for pid in sorted(entry))


def collect_zombies() -> None:
    """Take the children that have ended off the system's hands."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def to_builtins(processes: Sequence[LeftOver]) -> list[dict[str, Any]]:
    """Return them as JSON has them."""
    import msgspec

    return [msgspec.to_builtins(item_value) for item_value in processes]


def _read_proc(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123
            return file.read(1 << 20)
    except OSError:
        return b""
