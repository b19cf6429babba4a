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
from envmatrix.engine.launcher.request import Mark, ProcessRequest
from envmatrix.evidence.model import LeftOver
from envmatrix.util.json import decode

# What a tox that is started by itself must not have before it has begun, and what it is called until then.
KEPT = {helper.OPTIMIZE: "_ENVMATRIX_PYTHONOPTIMIZE"}
CLOSE_S = 5.0


class ExitReport(msgspec.Struct, frozen=True, kw_only=True):
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

    def poll_exit_code(self) -> int | None:
        """Return the exit code (negative: the signal), None while it runs."""

    def wait_for_exit(self) -> int:
        """Wait for its end and return the exit code."""

    def close_pipe(self) -> None:
        """Let go of its pipe."""


class Launcher(Protocol):
    """Whatever can start the processes of cells."""

    def start_process(self, request: ProcessRequest) -> Process:
        """Start a process in a session of its own, with stdin empty and stdout and stderr in one pipe."""

    def start_helper(self) -> None:
        """Get ready to start processes, while something else is done."""

    def preload_tox(self) -> None:
        """Get ready to run tox, while something else is done."""

    def kill_leftovers(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Kill what is left of processes that have ended, and return what it was: all that bears ``mark``, or is in
        one of these process groups.
        """


class Spawner:
    """Starts every process by itself: where fork is missing, or where the helper ended."""

    def start_helper(self) -> None:
        """Do nothing: there is no helper."""

    def preload_tox(self) -> None:
        """Do nothing: every tox is loaded by its own process."""

    def kill_leftovers(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Kill what is left, found among all processes of the host."""
        from envmatrix.engine.launcher.runner import kill_left_over

        return kill_left_over(groups, mark)

    def start_process(self, request: ProcessRequest) -> Process:
        """Start a process; raises OSError where that is not possible."""
        argv, environ = list(request.argv), request.environ
        if request.kind == "tox":
            argv = [sys.executable, "-P", "-m", "envmatrix.engine.launcher.child", *argv]
            environ = {KEPT.get(name, name): value for name, value in environ.items()}
        return _SpawnedProcess(
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


class _SpawnedProcess:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self.pid, self.out, self.left_over = process.pid, process.stdout.fileno(), True
        try:
            self.end = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # not Linux, or an old kernel
            self.end = -1

    def poll_exit_code(self) -> int | None:
        return self._process.poll()

    def wait_for_exit(self) -> int:
        return self._process.wait()

    def close_pipe(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self.end >= 0:
            os.close(self.end)


class ForkServer:
    """The helper's client. Safe to use from several threads; where the helper is gone, processes are spawned."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._helper: subprocess.Popen[bytes] | None = None
        self._begun = False
        self._environ = environ

    def __enter__(self) -> ForkServer:
        return self

    def start_helper(self) -> None:
        """Start the helper, if that has not been done; it is started when first needed."""
        with self._lock:
            self._ensure_helper()

    def _ensure_helper(self) -> None:
        if self._begun:
            return
        self._begun = True
        started = helper.take_helper(self._environ)
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

    def preload_tox(self) -> None:
        """Let the helper load tox while this process does something else."""
        with contextlib.suppress(OSError):
            self._send_request(ProcessRequest(kind="preload"), ())

    def kill_leftovers(self, mark: Mark, groups: Sequence[int]) -> tuple[LeftOver, ...]:
        """Let the helper kill what is left: as the reaper it finds all of that below itself."""
        told_read, told_write = os.pipe()
        try:
            self._send_request(ProcessRequest(kind="clear", mark=mark), (told_write,))
        except OSError:
            os.close(told_read)
            return Spawner().kill_leftovers(mark, groups)
        finally:
            os.close(told_write)
        with os.fdopen(told_read, "rb") as opened:
            line = opened.readline()
        return decode(line, ExitReport).left if line else Spawner().kill_leftovers(mark, groups)

    def start_process(self, request: ProcessRequest) -> Process:
        """Start a process; raises OSError where that is not possible."""
        out_read, out_write = os.pipe()
        told_read, told_write = os.pipe()
        try:
            self._send_request(request, (out_write, told_write))
        except OSError:
            os.close(out_read)
            os.close(told_read)
            return Spawner().start_process(request)
        finally:
            os.close(out_write)
            os.close(told_write)
        try:
            return _ForkedProcess(out_read, told_read)
        except EOFError:
            os.close(out_read)
            os.close(told_read)
            return Spawner().start_process(request)

    def _send_request(self, request: ProcessRequest, descriptors: Sequence[int]) -> None:
        data = request.encode()
        with self._lock:
            self._ensure_helper()
            if self._socket is None:
                raise BrokenPipeError
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            self._socket.sendmsg([len(data).to_bytes(8, "big")], rights)
            self._socket.sendall(data)


class _ForkedProcess:
    """A child of the helper: a pipe tells its pid, then how it ended. A pipe that ends without that: helper killed."""

    def __init__(self, out: int, report_pipe: int) -> None:
        self.out = out
        self.end = self._told = report_pipe
        self._lines = b""
        self._code: int | None = None
        self.left_over = True
        first = self._next_report(block=True)
        if first is None:
            raise EOFError
        self.pid = first.pid
        if first.code is not None:
            self._code = first.code

    def poll_exit_code(self) -> int | None:
        if self._code is None:
            self._read_report(block=False)
        return self._code

    def wait_for_exit(self) -> int:
        while self._code is None:
            self._read_report(block=True)
        return self._code

    def close_pipe(self) -> None:
        os.close(self.out)
        os.close(self._told)

    def _read_report(self, *, block: bool) -> None:
        try:
            report = self._next_report(block=block)
        except BlockingIOError:
            return
        if report is None:
            self._code, self.left_over = -9, True
        else:
            self._code, self.left_over = report.code, report.left_over

    def _next_report(self, *, block: bool) -> ExitReport | None:
        os.set_blocking(self._told, block)
        while b"\n" not in self._lines:
            chunk = os.read(self._told, 4096)
            if not chunk:
                return None
            self._lines += chunk
        line, _, self._lines = self._lines.partition(b"\n")
        return decode(line, ExitReport)


def open_launcher(environ: Mapping[str, str]) -> contextlib.AbstractContextManager[Launcher]:
    """Return the best launcher of this platform, to be used as a context: leaving it ends whatever still runs."""
    if helper.is_possible(environ):
        return ForkServer(environ)
    return contextlib.nullcontext(Spawner())


def request_mark(record_dir: Path) -> Mark:
    """Return the variable that every process of a cell's commands bears."""
    return ("ENVMATRIX_RECORD", str(record_dir))
