"""The process that runs tox for one cell: ``python -m envmatrix.engine.child JOB ARGUMENT…``."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

from envmatrix.engine import leftover

if TYPE_CHECKING:
    import ctypes


def main(argv: list[str]) -> int:
    """Run tox with ``argv[1:]`` for the job in the file ``argv[0]``; the result is tox's exit code."""
    from envmatrix.engine.job import JOB_VARIABLE, Events, current_job
    from envmatrix.engine.launch import KEPT

    os.environ[JOB_VARIABLE] = argv[0]
    for name, called in KEPT.items():  # the project's commands may be meant to have it
        if called in os.environ:
            os.environ[name] = os.environ.pop(called)
    job = current_job()
    assert job is not None
    become_reaper()
    events = Events(job.events)

    def interrupt(number: int, frame: FrameType | None) -> None:
        # tox may turn this into an ordinary end, so it is told here. tox ends its commands on KeyboardInterrupt and
        # leaks them on any other signal; and a shell starts background jobs with SIGINT ignored.
        events.add("interrupted", signal=number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    die_with_parent(signal.SIGTERM)

    import tox.run
    from tox.report import HandledError, ToxHandler

    try:
        with ToxHandler.patch_thread():
            return tox.run.main(argv[1:])
    except HandledError as error:
        events.add("refused", message=str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        left = leftover.end(leftover.children, _collect)
        if left:
            events.add("left_over", processes=leftover.plain(left))


def become_reaper() -> None:
    """Make orphans of this process its children again (Linux), so that the parent finds all of them below it."""
    _prctl(36, 1)  # PR_SET_CHILD_SUBREAPER, prctl(2)


def die_with_parent(number: int, parent: int = 0) -> None:
    """Let the kernel send this process ``number`` when the thread that started it ends (Linux).

    ``parent`` is the pid that the parent is known to have had: it may have ended before this was asked for.
    """
    parent = parent or os.getppid()
    _prctl(1, number)  # PR_SET_PDEATHSIG, prctl(2)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def outlive_parent() -> None:
    """Take back what ``die_with_parent`` asked for."""
    _prctl(1, 0)


def _collect() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc().prctl(option, value, 0, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
