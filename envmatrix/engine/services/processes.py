"""Which processes are ours: told by start time and by marks that only our own daemons bear, never by pid alone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import psutil

from envmatrix.host.protocols.servers import process_names

MARK: Final = "ENVMATRIX_SERVICE_TOKEN"


def identity(pid: int) -> str:
    """What tells the process from a later one with the same pid: its start, "" where there is no such process.

    On Linux in clock ticks since boot (proc(5), field 22 of /proc/PID/stat), which a change of the clock does not move.
    """
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    return ""


def is_ours(token: str, folder: str, *, environ: dict[str, str], name: str, cwd: str, arguments: list[str]) -> bool:
    """Whether a process with these properties is the keeper or a daemon of the service ``token`` in ``folder``.

    The mark in the environment proves it. PostgreSQL and Redis write their titles over that memory: they are known by
    being a daemon's program that works in the private folder. A shell or an editor there is not ours.
    """
    if environ.get(MARK) == token:
        return True
    if name.partition(":")[0] not in process_names():
        return False
    inside = cwd == folder or cwd.startswith(folder + os.sep)
    return inside or any(folder + os.sep in argument for argument in arguments)


def of_service(token: str, folder: str) -> Iterator[psutil.Process]:
    """The living processes of a service, without this one."""
    for process in psutil.process_iter(["pid"]):
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and _bears_marks(process, token, folder):
                yield process


def _bears_marks(process: psutil.Process, token: str, folder: str) -> bool:
    environ: dict[str, str] = {}
    cwd = ""
    with contextlib.suppress(psutil.Error, OSError):
        environ = process.environ()
    with contextlib.suppress(psutil.Error, OSError):
        cwd = process.cwd() or ""
    return is_ours(token, folder, environ=environ, name=process.name(), cwd=cwd, arguments=process.cmdline())


def end(token: str, folder: str, *, patience_s: float = 3.0) -> int:
    """End every process of a service and say how many there were: the keeper first, then the daemons.

    A daemon gets the signal by which it gives back its shared memory, SIGKILL when it is still there afterwards.
    """
    ended: set[int] = set()
    for last in (False, False, True):
        result = list(of_service(token, folder))
        if not result:
            break
        ended.update(process.pid for process in result)
        for process in sorted(result, key=_keeper_first):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL if last else _stop_signal(process.name()))
        _await_end(result, patience_s)
    return len(ended)


def _await_end(processes: Iterable[psutil.Process], patience_s: float) -> None:
    """Wait until none runs; one that is dead and not yet collected by its parent counts as ended."""
    until = time.monotonic() + patience_s
    while any(map(_runs, processes)) and time.monotonic() < until:
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _keeper_first(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name() in process_names()
    return True


def _stop_signal(name: str) -> int:
    return process_names().get(name, signal.SIGKILL)
