"""Runs a process of a cell to its end: copies what it says, and ends it with everything that it started."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from envmatrix.engine.launcher.client import Launcher, Process
from envmatrix.engine.launcher.leftovers import describe_process, shorten_command
from envmatrix.engine.launcher.request import Mark, ProcessRequest
from envmatrix.evidence.model import LeftOver

if TYPE_CHECKING:
    import psutil

GRACE_S = 10.0  # tox takes up to 0.5 s for each of its own steps from SIGINT to SIGKILL
DRAIN_S = 1.0
LOOK_S = 0.1  # how often somebody who asks to stop is looked for


class EndedProcess(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: its exit code (negative: the signal) and why we ended it, "" where it ended by itself.

    ``group`` is its process group where it may have left others that were not killed, else 0.
    """

    code: int
    duration_s: float
    cause: str = ""  # "timed_out" or "interrupted"
    group: int = 0


class Stopper(msgspec.Struct, frozen=True, kw_only=True):
    """What may end a process before its time: ``interrupted()`` asks it to stop, ``killed()`` does not wait for it.

    ``deadline`` is on the monotonic clock, None for no limit; ``grace_s`` is how long it may take over stopping.
    """

    interrupted: Callable[[], bool]
    killed: Callable[[], bool]
    deadline: float | None = None
    grace_s: float = GRACE_S

    def stop_reason(self) -> str:
        """Return why to stop now, "" to go on."""
        if self.interrupted():
            return "interrupted"
        return "timed_out" if self.deadline is not None and time.monotonic() > self.deadline else ""


def run_process(
    launcher: Launcher,
    request: ProcessRequest,
    *,
    output: Callable[[bytes], None],
    stopper: Stopper,
    leave: bool = False,
) -> EndedProcess:
    """Run a process to its end and return how it ended; ``output`` receives what it writes, as it comes.

    To stop it gets SIGINT, and SIGKILL after a grace. Afterwards everything that is left of it is killed: its group,
    and every process that has the request's mark in its environment. With ``leave`` that is left to the caller, where
    the process ended by itself. Raises OSError where it cannot be started.
    """
    begun = time.monotonic()
    process = launcher.start_process(request)
    cause, left = "", False
    try:
        with _Pipe(process) as pipe:
            cause = _follow_process(process, pipe, output, stopper)
            left = leave and not cause and process.left_over
            if not left:
                _clear_leftovers(launcher, process, request.mark)
            pipe.drain_output(output)
    finally:
        if process.poll_exit_code() is None:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait_for_exit()
            process.left_over = True
        if not left:
            _clear_leftovers(launcher, process, request.mark)
        process.close_pipe()
    group = process.pid if left else 0
    return EndedProcess(code=process.wait_for_exit(), duration_s=time.monotonic() - begun, cause=cause, group=group)


def _follow_process(process: Process, pipe: _Pipe, output: Callable[[bytes], None], stopper: Stopper) -> str:
    cause, asked_at = "", 0.0
    while process.poll_exit_code() is None:
        pipe.copy_output(output, LOOK_S)
        moment = time.monotonic()
        if not cause and (why := stopper.stop_reason()):
            cause, asked_at = why, moment
            _send_signal(process.pid, signal.SIGINT)
        elif cause and (moment - asked_at > stopper.grace_s or stopper.killed()):
            _signal_group(process.pid, signal.SIGKILL)
    return cause


def _clear_leftovers(launcher: Launcher, process: Process, mark: Mark) -> None:
    if process.left_over:
        launcher.kill_leftovers(mark, (process.pid,))
        process.left_over = False


class _Pipe:
    """The output of a process; its end is not waited for, because a left-over daemon may hold it open."""

    def __init__(self, process: Process) -> None:
        self._out, self._end = process.out, process.end
        self._open = True

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False

    def copy_output(self, output: Callable[[bytes], None], wait_s: float) -> bool:
        """Copy what there is, or wait for that or for the end of the process, but not longer than ``wait_s``."""
        watched = [self._out] if self._open else []
        if self._end >= 0:
            watched.append(self._end)
        poll = select.poll()  # select() cannot watch descriptors from 1024 on
        for descriptor in watched:
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(wait_s * 1000)}  # of nothing: it sleeps
        if self._out not in ready:
            return False
        chunk = os.read(self._out, 65536)
        if chunk:
            output(chunk)
        else:
            self._open = False
        return bool(chunk)

    def drain_output(self, output: Callable[[bytes], None]) -> None:
        """Copy what is left in the pipe."""
        self._end = -1
        limit = time.monotonic() + DRAIN_S
        while self._open and time.monotonic() < limit and self.copy_output(output, 0.05):
            pass


def _send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_left_over(groups: Sequence[int], mark: Mark) -> tuple[LeftOver, ...]:
    """Kill what is left of the process groups and every process that carries ``mark`` in its environment.

    Looked for until none is found, because one that is being killed may still start another. What was found is
    returned; whether it was forked only is told on Linux.
    """
    import psutil

    name, value = mark
    result: dict[int, LeftOver] = {}
    for _ in range(10):
        again = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                grouped = process.pid != os.getpid() and os.getpgid(process.pid) in groups
                environ = process.environ() if name and process.pid != os.getpid() else {}
                if (grouped or environ.get(name) == value) and process.status() != psutil.STATUS_ZOMBIE:
                    result.setdefault(process.pid, describe_process(process.pid) or _describe_process(process, environ))
                    process.kill()
                    again = True
        if not again:
            break
        time.sleep(0.01)
    return tuple(result[pid] for pid in sorted(result))


def _describe_process(process: psutil.Process, environ: Mapping[str, str]) -> LeftOver:
    by_test = "ENVMATRIX_SESSION" in environ
    return LeftOver(pid=process.pid, argv=shorten_command(process.cmdline()), by_test=by_test)
