"""Starts the helper process of a run. It imports next to nothing itself, so that it can be called before all else."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import NoReturn, Protocol

from envmatrix.engine.job.environ import LEAKS


class Child(Protocol):
    """A helper process that was started here."""

    def send_signal(self, number: int) -> None:
        """Send it a signal."""

    def wait(self) -> object:
        """Wait for its end."""


# What tox does in assert statements has to happen: an optimized python runs no tox (4.67) that installs anything.
OPTIMIZE = "PYTHONOPTIMIZE"
END_NOW = signal.SIGUSR1  # what the helper is sent to end everything at once
Helper = tuple[Child, socket.socket]
_early: list[Helper] = []
_forked = False


class _ForkedHelper:
    """A helper that was forked from this process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def wait(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def is_possible(environ: Mapping[str, str]) -> bool:
    """Tell whether a helper would load the same tox as a new process: not if PYTHONPATH and the like have a say."""
    return hasattr(os, "fork") and sys.platform == "linux" and not any(environ.get(name) for name in LEAKS[:2])


def fork_early(environ: Mapping[str, str]) -> None:
    """Fork the helper that ``take`` returns; where nobody takes it, it ends with this process.

    To be called while this process has one thread and has loaded little: what the helper has of it is its memory.
    """
    if not is_possible(environ) or threading.active_count() > 1 or sys.flags.optimize:
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        return
    if pid == 0:
        _become_helper(theirs, parent)
    theirs.close()
    global _forked
    _forked = True
    _early.append((_ForkedHelper(pid), ours))


def _become_helper(owner: socket.socket, parent: int) -> NoReturn:
    """Be the helper, as if it had been started afresh: no script's folder on the path, no variables that leak."""
    try:
        os.setsid()
        descriptor = os.dup2(owner.fileno(), 3)
        os.closerange(4, 4096)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.close(nothing)
        owner.detach()
        _forget_script()
        for name in LEAKS:
            os.environ.pop(name, None)
        from envmatrix.engine.launcher.server import main

        main(descriptor, parent)
    finally:
        os._exit(70)


def _forget_script() -> None:
    """Take the script's folder, or the current one, from the front of the path, as ``python -P`` would."""
    places = ("", os.getcwd(), os.path.dirname(os.path.realpath(sys.argv[0])))  # noqa: PTH109, PTH120 - no pathlib yet
    if not sys.flags.safe_path and sys.path and sys.path[0] in places:
        del sys.path[0]


def is_forked() -> bool:
    """Tell whether the helper was forked by this process: it is the tool, and no library in somebody else's."""
    return _forked


def take_helper(environ: Mapping[str, str]) -> Helper | None:
    """Return the helper that was forked early, or one started now, with the socket to it; None where none starts."""
    started = _early or _start_helper(environ)
    return started.pop() if started else None


def _start_helper(environ: Mapping[str, str]) -> list[Helper]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "envmatrix.engine.launcher.server", str(theirs.fileno())],
            env={name: value for name, value in environ.items() if name not in (*LEAKS, OPTIMIZE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError:
        ours.close()  # no more processes: spawning will say so in its own words
        return []
    finally:
        theirs.close()
    return [(process, ours)]
