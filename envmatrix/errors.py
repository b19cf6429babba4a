"""The one family of errors: each knows its exit code, and its text is the sentence that the user reads."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec


class ExitCode(IntEnum):
    """What the process ends with; a failed test wins over an incomplete matrix."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130


class EnvmatrixError(Exception):
    """Anything that envmatrix knows how to explain; ``str(error)`` names what is wrong, where, and the remedy.

    ``hint`` is what to do next, for a text that names no command itself.
    """

    exit_code = ExitCode.USAGE
    hint = ""


class InternalError(EnvmatrixError):
    """envmatrix itself could not go on: a missing part of its own installation, a disk that is full."""

    exit_code = ExitCode.INTERNAL


class ServiceError(EnvmatrixError):
    """A service that the cell needs is not there.

    ``service`` names it, ``code`` is ``program_missing``, ``not_started``, ``unreachable`` or ``template``; ``detail``
    holds the daemon's own last lines; ``remedy`` is a command or a sentence, "" where none is known.
    """

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, service: str, message: str, *, code: str, detail: str = "", remedy: str = "") -> None:
        self.service, self.message, self.code, self.detail, self.remedy = service, message, code, detail, remedy
        text = message if not remedy else f"{message} Remedy: {remedy}"
        super().__init__(f"{text}\n{detail}" if detail else text)


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that is wrong in one input file.

    ``file`` is as the user would write it, relative to the project; ``line`` counts from 1 and is 0 where unknown;
    ``key`` is the dotted path in the document, empty for the document as a whole.
    """

    file: str
    line: int = 0
    key: str = ""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(EnvmatrixError):
    """Every problem of every configuration file, found in one go; ``str()`` is one line per problem."""

    hint = "`envmatrix plan` reads them again when they are mended, `envmatrix schema profile` prints every key"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
