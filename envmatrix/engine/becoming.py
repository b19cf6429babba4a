"""How a child of the helper becomes what was asked for: another program, or a tox with what is loaded."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

from envmatrix.engine.request import Request
from envmatrix.util.prctl import die_with_parent

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # those are the owner's; its end is the helper's


def become(request: Request, out: int, parent: int) -> NoReturn:
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
        code = _execute(request) if request.kind == "exec" else _run_tox(request)
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


def _execute(request: Request) -> NoReturn:
    """Become another program, as a shell would: 127 where it is not there, 126 where it cannot be run."""
    os.chdir(request.cwd)
    try:
        os.execve(request.argv[0], list(request.argv), request.environ)
    except OSError as error:
        sys.stderr.write(f"{request.argv[0]}: {error.strerror}\n")
        raise SystemExit(127 if isinstance(error, FileNotFoundError) else 126) from None


def _run_tox(request: Request) -> int:
    """Be the process that runs tox for a cell, as if it had been started with these arguments and variables."""
    from envmatrix.engine.child import main

    # The old ones know their file to be /dev/null, in which they could seek.
    sys.stdout = open(1, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.environ)
    sys.argv = [f"{__file__.removesuffix('becoming.py')}child.py", *request.argv]
    return main(list(request.argv))
