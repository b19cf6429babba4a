"""Starts a process in a session of its own, copies what it says, and ends it with everything that it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

GRACE_S = 10.0  # tox takes up to 0.5 s for each of its own steps from SIGINT to SIGKILL
DRAIN_S = 1.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: its exit code (negative: the signal) and why we ended it, "" where it ended by itself."""

    code: int
    duration_s: float
    cause: str = ""  # "timed_out" or "interrupted"


def run_process(
    argv: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    output: Callable[[bytes], None],
    timeout_s: float | None,
    mark: tuple[str, str],
    interrupted: Callable[[], bool],
) -> Ended:
    """Run ``argv`` to its end and return how it ended; ``output`` receives what it writes, as it comes.

    It is asked to stop (SIGINT, then SIGKILL after a grace) when ``timeout_s`` has passed or ``interrupted()`` is true.
    Afterwards every process that is left with the variable ``mark`` (name, value) in its environment is killed: those
    are the ones that it started and that outlived it.
    """
    begun = time.monotonic()
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    cause, asked_at = "", 0.0
    try:
        with contextlib.closing(_Pipe(process)) as pipe:
            while process.poll() is None:
                pipe.copy(output, 0.1)
                moment = time.monotonic()
                if not cause and (why := _why_stop(begun, moment, timeout_s, interrupted)):
                    cause, asked_at = why, moment
                    _signal(process.pid, signal.SIGINT)
                elif cause and moment - asked_at > GRACE_S:
                    _signal_group(process.pid, signal.SIGKILL)
            kill_left_over(process.pid, mark)
            pipe.drain(output)
    finally:
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        kill_left_over(process.pid, mark)
    return Ended(code=process.returncode, duration_s=time.monotonic() - begun, cause=cause)


def _why_stop(begun: float, moment: float, timeout_s: float | None, interrupted: Callable[[], bool]) -> str:
    if interrupted():
        return "interrupted"
    return "timed_out" if timeout_s is not None and moment - begun > timeout_s else ""


class _Pipe:
    """The output of a process; its end is not waited for, because a left-over daemon may hold it open."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._file = process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._file, selectors.EVENT_READ)
        self._open = True

    def copy(self, output: Callable[[bytes], None], wait_s: float) -> bool:
        if not self._open:
            time.sleep(wait_s)
            return False
        if not self._selector.select(wait_s):
            return False
        chunk = os.read(self._file.fileno(), 65536)
        if chunk:
            output(chunk)
        else:
            self._open = False
        return bool(chunk)

    def drain(self, output: Callable[[bytes], None]) -> None:
        end = time.monotonic() + DRAIN_S
        while self._open and time.monotonic() < end and self.copy(output, 0.05):
            pass

    def close(self) -> None:
        self._selector.close()
        self._file.close()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_left_over(group: int, mark: tuple[str, str]) -> None:
    """Kill what is left of the process group ``group`` and every process that carries ``mark`` in its environment."""
    _signal_group(group, signal.SIGKILL)
    name, value = mark
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                process.kill()
