"""Something that takes long, done in a forked child while this process loads what comes next: each has a processor.

The modules that make a plan are not those that run it, so that little is loaded twice.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TypeVar, cast

T = TypeVar("T")

STOPPED = 130
_PATIENCE_S = 2.0  # for a child that was asked to end what it has started


class EndedError(Exception):
    """The work failed. Its process has said why on stderr, and ended with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class _StopRequestError(BaseException):
    """The child was asked to stop."""


def beside(work: Callable[[], T], get_ready: Callable[[], None], *, forked: bool) -> T:
    """Return what ``work`` returns, whose process is a child of this one; meanwhile, ``get_ready`` is called here.

    An exception of ``work`` is raised in the child, which goes on from there as this process would have, up to the end
    of the program; here EndedError is raised. A child that is killed is nobody's word: the work is done again, in here.
    Unless ``forked`` allows a child, all of it is done in here, and ``get_ready`` is called in a thread. What that
    cannot do is left to whoever needs it, who says what is wrong.
    """
    # a lock that another thread holds would be held for ever in the child
    if not forked or threading.active_count() > 1:
        threading.Thread(target=_try, args=(get_ready,), daemon=True).start()
        return work()
    (read, write), (watched, alive) = os.pipe(), os.pipe()
    try:
        pid = os.fork()
    except OSError:
        for descriptor in (read, write, watched, alive):
            os.close(descriptor)
        return work()
    if pid == 0:
        os.close(read)
        os.close(alive)
        _work(work, write, watched)
    os.close(write)
    os.close(watched)
    try:
        _try(get_ready)
        with os.fdopen(read, "rb") as file:
            data = file.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BaseException:
        _end(pid)
        raise
    finally:
        os.close(alive)
    if code == 0 and data:
        return cast(T, pickle.loads(data))
    if code <= 0 or code == STOPPED:  # by somebody else: nobody here has asked for it; and without an answer
        return work()
    raise EndedError(code)


def _try(get_ready: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        get_ready()


def _work(work: Callable[[], T], write: int, watched: int) -> NoReturn:
    """Be the child: it ends with its parent, and an interrupt is the parent's, which then asks it to stop."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _StopRequestError

    def watch() -> None:
        os.read(watched, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE_S / 2)
        os._exit(STOPPED)

    try:
        signal.signal(signal.SIGTERM, stop)
        for number in (signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # which what it starts would inherit
                signal.signal(number, lambda number, frame: None)
        threading.Thread(target=watch, daemon=True).start()
        data = pickle.dumps(work(), pickle.HIGHEST_PROTOCOL)
        with os.fdopen(write, "wb") as file:
            file.write(data)
    except _StopRequestError:
        os._exit(STOPPED)
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise
    os._exit(0)


def _end(pid: int) -> None:
    """End the child, in order if it can."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + _PATIENCE_S
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
                limit += _PATIENCE_S
            time.sleep(0.005)
