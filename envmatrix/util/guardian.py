"""Ends the commands of a process that is killed itself: a forked process that waits for that, and for nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import NoReturn

from envmatrix.util.prctl import set_name


class Guardian:
    """Kills every session that was added and not removed as soon as this process is gone, however it went."""

    def __init__(self) -> None:
        """Start it. Raises OSError where that is not possible."""
        self.owner = os.getpid()
        read, self._write = os.pipe()
        if os.fork() == 0:
            _watch(read)
        os.close(read)

    def add(self, leader: int) -> None:
        """Let a session end with this process; without effect where somebody has killed the guardian."""
        self._tell(leader)

    def remove(self, leader: int) -> None:
        """Note that nothing is left of a session."""
        self._tell(-leader)

    def _tell(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write, b"%d\n" % number)


def end_session(leader: int) -> None:
    """Kill the processes of a session, in whatever process group; only what left the session as well goes on."""
    import psutil

    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _watch(read: int) -> NoReturn:
    """Be the guardian. It was forked beside threads of its parent, so it does little and loads next to nothing."""
    try:
        os.setsid()
        set_name("guardian")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.dup2(read, 0)
        os.closerange(1, 4096)  # a pipe of a command that is starting in another thread has to end with that
        leaders: set[int] = set()
        with open(0, "rb", buffering=0, closefd=False) as opened:
            for leader in map(int, opened):
                leaders = leaders | {leader} if leader > 0 else leaders - {-leader}
        for leader in leaders:
            end_session(leader)
    finally:
        os._exit(0)
