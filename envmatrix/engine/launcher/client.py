"""Starts the processes of cells through one helper that has tox loaded, or by themselves where that cannot be.

The helper (:mod:`envmatrix.engine.launcher.server`) is one process with one thread: it may fork, which this process
with its threads and its signal handlers should not. It also outlives this process long enough to end what that left.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from envmatrix.engine.launcher import helper
from envmatrix.engine.launcher.request import Mark, Request
from envmatrix.evidence.model import LeftOver
from envmatrix.util.json import decode

# What a tox that is started by itself must not have before it has begun, and what it is called until then.
KEPT = {helper.OPTIMIZE: "_ENVMATRIX_PYTHONOPTIMIZE"}
CLOSE_S = 5.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the helper says of a process: its ``pid`` first; then its ``code`` and whether it left others behind.

    ``left`` is what was killed of those, where that was asked for.
    """

    pid: int
    code: int | None = None
    left_over: bool = True
    left: tuple[LeftOver, ...] = ()


class Process(Protocol):
    """A process that was started. ``out`` is the pipe of its output; ``end`` can be read at its end, or is -1."""

    pid: int
    out: int
    end: int
    left_over: bool

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), None while it runs."""

    def wait(self) -> int:
        """Wait for its end and return the exit code."""

    def close(self) -> None:
        """Let go of its pipe."""


class Launcher(Protocol):
    """Whatever can start the processes of cells."""

    def start(self, request: Request) -> Process:
        """Start a process in a session of its own, with stdin empty and stdout and stderr in one pipe."""

    def begin(self) -> None:
        """Get ready to start processes, while something else is done."""

    def preload(self) -> None:
        """Get ready to run tox, while something else is done."""

    def clear(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Kill what is left of processes that have ended, and return what it was: all that bears ``mark``, or is in
        one of these process groups.
        """


class Spawner:
    """Starts every process by itself: where fork is missing, or where the helper ended."""

    def begin(self) -> None:
        """Do nothing: there is no helper."""

    def preload(self) -> None:
        """Do nothing: every tox is loaded by its own process."""

    def clear(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Kill what is left, found among all processes of the host."""
        from envmatrix.engine.launcher.runner import kill_left_over

        return kill_left_over(groups, mark)

    def start(self, request: Request) -> Process:
        """Start a process; raises OSError where that is not possible."""
        argv, environ = list(request.argv), request.environ
        if request.kind == "tox":
            argv = [sys.executable, "-P", "-m", "envmatrix.engine.launcher.child", *argv]
            environ = {KEPT.get(name, name): value for name, value in environ.items()}
        return _Spawned(
            subprocess.Popen(
                argv,
                cwd=request.cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )


class _Spawned:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self.pid, self.out, self.left_over = process.pid, process.stdout.fileno(), True
        try:
            self.end = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # not Linux, or an old kernel
            self.end = -1

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait()

    def close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self.end >= 0:
            os.close(self.end)


class ForkServer:
    """The helper's client. Safe to use from several threads; where the helper is gone, processes are spawned."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._helper: helper.Child | None = None
        self._begun = False
        self._environ = environ

    def __enter__(self) -> ForkServer:
        return self

    def begin(self) -> None:
        """Start the helper, if that has not been done; it is started when first needed."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        started = helper.take(self._environ)
        if started is not None:
            self._helper, self._socket = started

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is None or self._helper is None:
            return
        try:  # it closes its end when it has ended whatever still ran
            self._socket.settimeout(CLOSE_S)
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(4096):
                pass
        except TimeoutError:
            self._helper.send_signal(helper.END_NOW)
        except OSError:
            pass  # it has ended already
        self._socket.close()
        self._helper.wait()

    def preload(self) -> None:
        """Let the helper load tox while this process does something else."""
        with contextlib.suppress(OSError):
            self._send(Request(kind="preload"), ())

    def clear(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Let the helper kill what is left: as the reaper it finds all of that below itself."""
        told_read, told_write = os.pipe()
        try:
            self._send(Request(kind="clear", mark=mark), (told_write,))
        except OSError:
            os.close(told_read)
            return Spawner().clear(mark, groups)
        finally:
            os.close(told_write)
        with os.fdopen(told_read, "rb") as told:
            line = told.readline()
        return decode(line, Report).left if line else Spawner().clear(mark, groups)

    def start(self, request: Request) -> Process:
        """Start a process; raises OSError where that is not possible."""
        out_read, out_write = os.pipe()
        told_read, told_write = os.pipe()
        try:
            self._send(request, (out_write, told_write))
        except OSError:
            os.close(out_read)
            os.close(told_read)
            return Spawner().start(request)
        finally:
            os.close(out_write)
            os.close(told_write)
        try:
            return _Forked(out_read, told_read)
        except EOFError:
            os.close(out_read)
            os.close(told_read)
            return Spawner().start(request)

    def _send(self, request: Request, descriptors: Sequence[int]) -> None:
        data = request.encode()
        with self._lock:
            self._begin()
            if self._socket is None:
                raise BrokenPipeError
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            self._socket.sendmsg([len(data).to_bytes(8, "big")], rights)
            self._socket.sendall(data)


class _Forked:
    """A child of the helper: a pipe tells its pid, then how it ended. A pipe that ends without that: helper killed."""

    def __init__(self, out: int, told: int) -> None:
        self.out = out
        self.end = self._told = told
        self._lines = b""
        self._code: int | None = None
        self.left_over = True
        first = self._next(block=True)
        if first is None:
            raise EOFError
        self.pid = first.pid
        if first.code is not None:
            self._code = first.code

    def poll(self) -> int | None:
        if self._code is None:
            self._read(block=False)
        return self._code

    def wait(self) -> int:
        while self._code is None:
            self._read(block=True)
        return self._code

    def close(self) -> None:
        os.close(self.out)
        os.close(self._told)

    def _read(self, *, block: bool) -> None:
        try:
            report = self._next(block=block)
        except BlockingIOError:
            return
        if report is None:
            self._code, self.left_over = -9, True
        else:
            self._code, self.left_over = report.code, report.left_over

    def _next(self, *, block: bool) -> Report | None:
        os.set_blocking(self._told, block)
        while b"\n" not in self._lines:
            chunk = os.read(self._told, 4096)
            if not chunk:
                return None
            self._lines += chunk
        line, _, self._lines = self._lines.partition(b"\n")
        return decode(line, Report)


def launcher(environ: Mapping[str, str]) -> contextlib.AbstractContextManager[Launcher]:
    """Return the best launcher of this platform, to be used as a context: leaving it ends whatever still runs."""
    if helper.possible(environ):
        return ForkServer(environ)
    return contextlib.nullcontext(Spawner())


def request_mark(record_dir: Path) -> Mark:
    """Return the variable that every process of a cell's commands bears."""
    return ("ENVMATRIX_RECORD", str(record_dir))
