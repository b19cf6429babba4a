"""Standard output and error whose reader may go away (`envmatrix run | head`): what they are told is lost, no more.

click ends a verb there with exit code 1, which says of a run that something failed.

What verbs know of the terminal, and what is said there.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

from click import unstyle

from envmatrix.errors import EnvmatrixError, ExitCode

_NOBODY = (errno.EPIPE, errno.EIO)  # the other end of a pipe is closed, a terminal is gone


class UnwritableError(EnvmatrixError):
    """Standard output cannot be written, as where it is a file on a full disk."""

    exit_code = ExitCode.INTERNAL


class SafeStream:
    """A text stream that goes on into nothing when nobody reads it any more; all else is the stream's own.

    What cannot be written although somebody could read it is lost on standard error, where nothing is left to say so
    with; of others it is an UnwritableError at the next ``flush``, once. (click asks what a stream is by writing to it,
    and takes any error for an answer.)
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._why = stream, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or lose, the text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._note_loss(error)
            return len(text)

    def flush(self) -> None:
        """Bring what was written to whoever reads it. Raises UnwritableError."""
        try:
            self._stream.flush()
        except OSError as error:
            self._note_loss(error)
        if self._why:
            why, self._why = self._why, ""
            remedy = "make room or send it elsewhere; `envmatrix report` shows the last run again"
            raise UnwritableError(f"standard output cannot be written: {why}; {remedy}")

    def _note_loss(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self._stream.flush()  # what is still in its buffer
        if error.errno not in _NOBODY and self._stream.fileno() != 2:
            self._why = error.strerror or str(error)


class Settings:
    """What the options before the verb say, and -v and -q after it."""

    color: bool | None = None
    verbosity = 0


settings = Settings()


def begin_output(directory: str, color: bool | None, verbosity: int) -> None:
    """Go to where the verb works, and keep what the options say. Raises EnvmatrixError if there is no such folder."""
    settings.color, settings.verbosity = color, verbosity
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            why = _why_no_folder(error)
            raise EnvmatrixError(f"-C {directory}: {why}") from error


def _why_no_folder(error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return "it is no folder"
    return "there is no such folder" if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()


def write_text(text: str, *, err: bool = False) -> None:
    """Write a text to stdout, or to stderr, at once.

    Colours reach what shows them, and whatever --color sends them to.
    """
    stream = sys.stderr if err else sys.stdout
    if "\x1b" in text and not settings.color and not stream.isatty():
        text = unstyle(text)
    stream.write(text)
    stream.flush()


def use_color(stream: TextIO | None = None) -> bool:
    """Tell whether to colour: --color or --no-color, else NO_COLOR, else whether ``stream`` (stdout) is a terminal."""
    if settings.color is not None:
        return settings.color
    if os.environ.get("NO_COLOR"):
        return False
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def get_verbosity() -> int:
    """Return how much to say: 0 is normal, below is less, above is more."""
    return settings.verbosity


def get_width(stream: TextIO | None = None) -> int:
    """Return the width in columns of the terminal behind a stream, stdout if none is named; 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns if (stream or sys.stdout).isatty() else 80


def fitted_to_terminal(text: str) -> str:
    """Return the text, on a terminal with lines of its width that break between words and not within a command."""
    text = text.encode("utf-8", "backslashreplace").decode()  # of a file's name that is no text, as it will be shown
    if not sys.stderr.isatty():
        return text
    from envmatrix.report.layout import fit_text

    columns = get_width(sys.stderr)
    lines = [line if len(line) <= columns else fit_text(line, columns, "", "  ") for line in text.split("\n")]
    return "\n".join("\n".join(line) if isinstance(line, list) else line for line in lines)


def working_directory() -> Path:
    """Return the folder that the verb works in."""
    return Path.cwd()
