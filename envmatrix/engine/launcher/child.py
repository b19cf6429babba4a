"""How a child of the helper becomes what was asked for: another program, or a tox with what is loaded.

The process that runs tox for one cell: ``python -m envmatrix.engine.launcher.child JOB ARGUMENT…``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from envmatrix.engine.launcher import leftovers
from envmatrix.engine.launcher.request import ProcessRequest
from envmatrix.util.prctl import become_reaper, die_with_parent

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # those are the owner's; its end is the helper's


def become_child(request: ProcessRequest, out: int, parent: int) -> NoReturn:
    """Be a forked child: the command, or the tox, that was asked for, until ``parent`` ends."""
    code = 70
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (*IGNORED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            # Python starts with SIGPIPE ignored, and so does a Python that was started by itself: exec inherits it.
            keeps = request.kind == "tox" and number in (signal.SIGPIPE, signal.SIGXFSZ)
            signal.signal(number, signal.SIG_IGN if keeps else signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for target, source in ((0, nothing), (1, out), (2, out)):
            os.dup2(source, target)
        os.closerange(3, 4096)
        die_with_parent(signal.SIGKILL, parent)
        code = _execute_program(request) if request.kind == "exec" else _run_tox(request)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


def _execute_program(request: ProcessRequest) -> NoReturn:
    """Become another program, as a shell would: 127 where it is not there, 126 where it cannot be run."""
    os.chdir(request.cwd)
    try:
        os.execve(request.argv[0], list(request.argv), request.environ)
    except OSError as error:
        sys.stderr.write(f"{request.argv[0]}: {error.strerror}\n")
        raise SystemExit(127 if isinstance(error, FileNotFoundError) else 126) from None


def _run_tox(request: ProcessRequest) -> int:
    """Be the process that runs tox for a cell, as if it had been started with these arguments and variables."""

    # The old ones know their file to be /dev/null, in which they could seek.
    sys.stdout = open(1, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.environ)
    sys.argv = [__file__, *request.argv]
    return main(list(request.argv))


def main(argv: list[str]) -> int:
    """Run tox with ``argv[1:]`` for the job in the file ``argv[0]``; the result is tox's exit code."""
    from envmatrix.engine.job.model import JOB_VARIABLE, EventLog, current_job
    from envmatrix.engine.launcher.client import KEPT

    os.environ[JOB_VARIABLE] = argv[0]
    for name, called in KEPT.items():  # the project's commands may be meant to have it
        if called in os.environ:
            os.environ[name] = os.environ.pop(called)
    job = current_job()
    assert job is not None
    become_reaper()
    events = EventLog(job.events)

    def interrupt(number: int, frame: FrameType | None) -> None:
        # tox may turn this into an ordinary end, so it is told here. tox ends its commands on KeyboardInterrupt and
        # leaks them on any other signal; and a shell starts background jobs with SIGINT ignored.
        events.write_event("interrupted", signal=number)
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
        events.write_event("refused", message=str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        left = leftovers.kill_children(leftovers.list_children, leftovers.collect_zombies)
        if left:
            events.write_event("left_over", processes=leftovers.to_builtins(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
