"""The one place of this room that starts processes: with a time limit, an own process group and bounded output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from envmatrix.util.guardian import Guardian, end_session

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

OUTPUT_LIMIT = 65536  # bytes of each stream that are kept; the rest is read and dropped


_lock = threading.Lock()
_running: set[int] = set()  # the processes of commands, each the leader of a session
_stopped = False
_guardian: Guardian | None = None


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. ``code`` is negative for a signal; ``failure`` says why there is no code to speak of:
    it could not be started, or was stopped when its time was over (``late``).
    """

    argv: tuple[str, ...]
    code: int = 0
    out: str = ""
    err: str = ""
    failure: str = ""
    late: bool = False

    @property
    def ok(self) -> bool:
        """The command was started, ended in time and with exit code 0."""
        return not self.failure and self.code == 0

    @property
    def last_line(self) -> str:
        """The last line that the command said, errors first; "" where it said nothing."""
        lines = [line.strip() for text in (self.out, self.err) for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def run(argv: Sequence[str], environ: Mapping[str, str], timeout_s: float, stdin: str = "", cwd: str = "/") -> Ran:
    """Run a command to its end or to the end of its time; whatever it started in its process group ends with it.

    :param stdin: what the command reads; it has to be small enough for a pipe (64 KiB)
    :returns: what became of it; a program that is not there is a result, not an error
    """
    try:
        with _lock:
            if _stopped:
                return Ran(argv=tuple(argv), failure="was stopped")
            guardian = _get_guardian()
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environ),
                cwd=cwd,
                start_new_session=True,
            )
            _running.add(process.pid)
            guardian.add(process.pid)
    except OSError as error:
        return Ran(argv=tuple(argv), failure=f"cannot be started: {error.strerror or error}")
    assert process.stdin and process.stdout and process.stderr
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(stdin.encode())
    try:
        streams = _read(process, time.monotonic() + timeout_s)
        late = process.poll() is None
    finally:
        if process.poll() is None:
            end_session(process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with _lock:
            _running.discard(process.pid)
            guardian.remove(process.pid)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    return Ran(
        argv=tuple(argv),
        code=process.returncode,
        out=streams[0],
        err=streams[1],
        failure=f"did not end within {timeout_s:g} s" if late else "",
        late=late,
    )


def _get_guardian() -> Guardian:
    """Return what ends commands when this process is killed, which cannot end anything then."""
    global _guardian
    if _guardian is None or _guardian.owner != os.getpid():
        _guardian = Guardian()
    return _guardian


@contextmanager
def together(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads that run commands. An exception, such as an interrupt, ends those and waits for nothing.

    Without that, whoever presses Ctrl-C waits until the time of the slowest command is over.
    """
    from concurrent.futures import ThreadPoolExecutor  # loading it takes longer than one question to an interpreter

    global _stopped
    _stopped = False
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        with _lock:
            _stopped = True
            for leader in _running:
                end_session(leader)
        raise
    pool.shutdown()


def _read(process: subprocess.Popen[bytes], deadline: float) -> list[str]:
    """Read both streams until the process ends, or the deadline; a daemon that keeps them open is not waited for."""
    assert process.stdout and process.stderr
    stored = [bytearray(), bytearray()]
    with selectors.DefaultSelector() as selector:
        for position, stream in enumerate((process.stdout, process.stderr)):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, position)
        while selector.get_map() and (remaining := deadline - time.monotonic()) > 0:
            ended = process.poll() is not None
            ready = selector.select(0 if ended else min(remaining, 0.05))
            for key, _events in ready:
                chunk = os.read(key.fd, 65536)
                stored[key.data] += chunk[: OUTPUT_LIMIT - len(stored[key.data])]
                if not chunk:
                    selector.unregister(key.fileobj)
            if ended and not ready:
                break
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    return [bytes(data).decode("utf-8", "replace") for data in stored]
