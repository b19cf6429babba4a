"""A bug in envmatrix: a report to paste, and exit code 4.

How the command ends: with an exit code, and what is wrong as a sentence.
"""

from __future__ import annotations

import io
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import NoReturn, TextIO, cast

from envmatrix import __version__
from envmatrix.console.output import SafeStream, fitted_to_terminal, write_text
from envmatrix.console.signals import ignore_signals
from envmatrix.errors import EnvmatrixError, ExitCode
from envmatrix.util.redaction import redact_url, redact_urls


def report_bug(error: Exception) -> ExitCode:
    """Write what is needed to find the bug to a file, say where it is, and return the exit code."""
    head = f"envmatrix {__version__}, Python {platform.python_version()}, {platform.platform()}"
    line = " ".join(redact_url(word) if "://" in word else word for word in sys.argv)
    text = f"{head}\n$ {line}\n\n{redact_urls(''.join(traceback.format_exception(error)))}"
    try:
        with tempfile.NamedTemporaryFile(prefix="envmatrix-bug-", suffix=".txt", delete=False) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        where = f"the report is in {file.name}; please send it with your issue"
    except OSError:
        write_text(text + "\n", err=True)
        where = "the report is above; please send it with your issue"
    output = f"envmatrix: this is a bug in envmatrix ({type(error).__name__}: {redact_urls(str(error))}); {where}"
    write_text(fitted_to_terminal(output) + "\n", err=True)
    return ExitCode.INTERNAL


def end_with(work: Callable[[], object], verb: str) -> NoReturn:
    """Do the work and exit with the code that it returns: known errors are sentences, a bug is a report to paste.

    ``verb`` is whose help is shown to be the remedy where an error names none.
    """
    sys.stdout, sys.stderr = _wrap_stream(sys.stdout), _wrap_stream(sys.stderr)
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        write_text("\nenvmatrix: interrupted\n", err=True)
        code = ExitCode.INTERRUPTED
    except EnvmatrixError as error:
        write_text(fitted_to_terminal(f"envmatrix: {error}") + "\n", err=True)
        if "`" not in str(error):
            write_text(fitted_to_terminal(f"  next: {_choose_hint(error, verb)}") + "\n", err=True)
        code = error.exit_code
    except Exception as error:
        code = report_bug(error)
    ignore_signals()  # an interrupt would only put a traceback of the interpreter's shutdown after the verdict
    sys.exit(code if isinstance(code, int) else 0)


def _wrap_stream(stream: TextIO) -> TextIO:
    """Return the stream as one that no reader and no character is too much for: a test may be named in any alphabet."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return cast(TextIO, SafeStream(stream))


def _choose_hint(error: EnvmatrixError, verb: str) -> str:
    """Return the command that helps on: the error's own, else the help of the verb."""
    return error.hint or f"`envmatrix {verb + ' ' if verb else ''}--help` shows how"
