"""Standard output and error whose reader may go away (`envmatrix run | head`): what they are told is lost, no more.

click ends a verb there with exit code 1, which says of a run that something failed.
"""

from __future__ import annotations

import errno
import os
from typing import Any, TextIO

from envmatrix.errors import EnvmatrixError, ExitCode

_NOBODY = (errno.EPIPE, errno.EIO)  # the other end of a pipe is closed, a terminal is gone


class UnwritableError(EnvmatrixError):
    """Standard output cannot be written, as where it is a file on a full disk."""

    exit_code = ExitCode.INTERNAL


class Heard:
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
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Bring what was written to whoever reads it. Raises UnwritableError."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)
        if self._why:
            why, self._why = self._why, ""
            remedy = "make room or send it elsewhere; `envmatrix report` shows the last run again"
            raise UnwritableError(f"standard output cannot be written: {why}; {remedy}")

    def _lose(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self._stream.flush()  # what is still in its buffer
        if error.errno not in _NOBODY and self._stream.fileno() != 2:
            self._why = error.strerror or str(error)
