"""What a cell's commands left running: a test runner whose tests nobody waited for, or a server that nobody stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from envmatrix.evidence.model import Evidence, LeftOver
from envmatrix.evidence.runners import find_runner, is_runner
from envmatrix.util.text import listed

_SHOWN: Final = 3
_LENGTH: Final = 80
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox", "make", "gmake"})
# What a build tool or a script of a project's own is called by where it runs tests.
_ASKED: Final = frozenset({"test", "tests", "check", "runtests", "run_tests", "run-tests", "runtest", "tox", "nox"})


def describe_unwaited(evidence: Evidence) -> str:
    """Return a sentence about test runners that were killed because nobody waited for them, "" where none were."""
    runners = [item for item in evidence.left_over if _may_run_tests(item, evidence)]
    if not runners:
        return ""
    were, they = ("was", "it") if len(runners) == 1 else ("were", "they")
    return (
        f"{_list_processes(runners)} {were} still running when the commands had ended, and {were} killed: which"
        f" tests {they} would have run is unknown; let the command wait for it"
        " (`wait` in a shell), or make it a command of its own"
    )


def describe_others(evidence: Evidence) -> Iterator[str]:
    """Yield a note on what else was killed: a server that tests started, work that nobody waited for."""
    rest = [element for element in evidence.left_over if not _may_run_tests(element, evidence)]
    if rest:
        yield f"still running when the commands had ended, and killed: {_list_processes(rest)}"


def _may_run_tests(process: LeftOver, evidence: Evidence) -> bool:
    """Whether tests were lost with it.

    A process that a test started, and a fork of a runner, belong to a session that is known. A shell is asked for every
    word of its script, since what it was to start next cannot be known.
    """
    sessions = [session for session in evidence.sessions if session.pid == process.pid]
    if sessions or process.by_test:
        return any(not session.finished for session in sessions if not session.nested)
    program = process.argv[0].rpartition("/")[2].lstrip("-") if process.argv else ""
    if program in _SHELLS:
        return any(is_runner(word) or _is_test_runner(word) for word in _split_words(process.argv[1:]))
    if process.forked:
        return False
    requested = program.startswith(("python", "pypy")) and any(_is_test_runner(word) for word in process.argv[1:3])
    return bool(find_runner(process.argv)) or requested


def _split_words(argv: Sequence[str]) -> Iterator[str]:
    for argument in argv:
        for mark in "()&;|'\"`":
            argument = argument.replace(mark, " ")
        yield from argument.split()


def _is_test_runner(word: str) -> bool:
    name = word.rpartition("/")[2]
    return name.removesuffix(".py").removesuffix(".sh") in _ASKED


def _list_processes(processes: Sequence[LeftOver]) -> str:
    return listed(dict.fromkeys(f"`{_shorten_line(process)}`" for process in processes), _SHOWN)


def _shorten_line(process: LeftOver) -> str:
    line = " ".join(" ".join(process.argv).split()) or f"process {process.pid}"
    return line if len(line) <= _LENGTH else f"{line[: _LENGTH - 1]}…"
