"""A bug in envmatrix: a report to paste, and exit code 4."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback

from envmatrix import __version__
from envmatrix.cli.terminal import fitted_to_terminal, say
from envmatrix.errors import ExitCode
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
        say(text + "\n", err=True)
        where = "the report is above; please send it with your issue"
    said = f"envmatrix: this is a bug in envmatrix ({type(error).__name__}: {redact_urls(str(error))}); {where}"
    say(fitted_to_terminal(said) + "\n", err=True)
    return ExitCode.INTERNAL
