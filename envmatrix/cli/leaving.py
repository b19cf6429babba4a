"""How the command ends: with an exit code, and what is wrong as a sentence."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO, cast

from envmatrix.cli.interrupts import ignore_signals
from envmatrix.cli.streams import Heard
from envmatrix.cli.terminal import fitted_to_terminal, say
from envmatrix.errors import EnvmatrixError, ExitCode


def end_with(work: Callable[[], object], verb: str) -> NoReturn:
    """Do the work and exit with the code that it returns: known errors are sentences, a bug is a report to paste.

    ``verb`` is whose help is shown to be the remedy where an error names none.
    """
    sys.stdout, sys.stderr = _heard(sys.stdout), _heard(sys.stderr)
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("\nenvmatrix: interrupted\n", err=True)
        code = ExitCode.INTERRUPTED
    except EnvmatrixError as error:
        say(fitted_to_terminal(f"envmatrix: {error}") + "\n", err=True)
        if "`" not in str(error):
            say(fitted_to_terminal(f"  next: {_next(error, verb)}") + "\n", err=True)
        code = error.exit_code
    except Exception as error:
        from envmatrix.cli.crash import report_bug

        code = report_bug(error)
    ignore_signals()  # an interrupt would only put a traceback of the interpreter's shutdown after the verdict
    sys.exit(code if isinstance(code, int) else 0)


def _heard(stream: TextIO) -> TextIO:
    """Return the stream as one that no reader and no character is too much for: a test may be named in any alphabet."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return cast(TextIO, Heard(stream))


def _next(error: EnvmatrixError, verb: str) -> str:
    """Return the command that helps on: the error's own, else the help of the verb."""
    return error.hint or f"`envmatrix {verb + ' ' if verb else ''}--help` shows how"
