"""The process that runs tox for one cell: ``python -m envmatrix.engine.child JOB ARGUMENT…``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main(argv: list[str]) -> int:
    """Run tox with ``argv[1:]`` for the job in the file ``argv[0]``; the result is tox's exit code."""
    from envmatrix.engine.job import JOB_VARIABLE, Events, current_job

    os.environ[JOB_VARIABLE] = argv[0]
    job = current_job()
    assert job is not None
    _become_reaper()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # A shell starts background jobs with SIGINT ignored, and then tox would never see it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    import tox.run
    from tox.report import HandledError, ToxHandler

    events = Events(job.events)
    try:
        with ToxHandler.patch_thread():
            return tox.run.main(argv[1:])
    except HandledError as error:
        events.add("refused", message=str(error))
        return 1
    except KeyboardInterrupt:
        events.add("interrupted", signal=int(signal.SIGINT))
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    # tox ends its commands on KeyboardInterrupt and leaks them on any other signal.
    raise KeyboardInterrupt


def _become_reaper() -> None:
    """Make orphans of this process its children again (Linux), so that the parent finds all of them below it."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_child_subreaper = 36  # prctl(2)
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
