"""The process that runs tox for one cell: ``python -m envmatrix.engine.child JOB ARGUMENT…``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from envmatrix.engine import leftover
from envmatrix.util.prctl import become_reaper, die_with_parent


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
        left = leftover.end(leftover.children, leftover.collect)
        if left:
            events.add("left_over", processes=leftover.plain(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
