"""Whether the caller's own variables left tests out of a run: the project's choice of tests is its own affair."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.engine.run.runner_options import GRAMMARS, Grammar, find_narrowing
from envmatrix.evidence.model import CommandRun, Session
from envmatrix.evidence.runners import is_stestr

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A runner's arguments, those that leave tests out by position, and where they came from."""

    words: tuple[str, ...]
    certain: frozenset[int]
    unknown: frozenset[int]


def narrowed_by(
    environ: Mapping[str, str],
    *,
    settings: Callable[[], str],
    sessions: Sequence[Session],
    commands: Sequence[CommandRun],
    root: Path,
    left_out: bool,
) -> tuple[str, ...]:
    """Return which of the caller's variables narrowed the run, in words for people.

    A variable does so where its words stand in what a runner was asked (``pytest {env:ARGS:}``, ``$ARGS`` in a script,
    PYTEST_ADDOPTS that a profile lets through) and leave tests out. Of options that nobody here knows that is
    taken to be so where ``left_out`` says that tests were deselected. Words that are no options count only for
    variables that the text of the ``settings`` names: many a variable has a value that is also a folder's name.
    """
    lines = [*_of_sessions(sessions, root), *_of_commands(commands, root)]
    if not lines:
        return ()
    named = set(_WORD.findall(settings()))
    result = []
    for name, value in sorted(environ.items()):
        words = _split_words(value)
        if not words or not (words[0].startswith(("-", "@")) or name in named or name == "PYTEST_ADDOPTS"):
            continue
        if any(_is_narrowing(words, line, left_out) for line in lines):
            result.append(f"PYTEST_ADDOPTS={value}" if name == "PYTEST_ADDOPTS" else f"the variable {name}")
    return tuple(result)


def _of_sessions(sessions: Sequence[Session], root: Path) -> Iterator[_Line]:
    for session in sessions:
        grammar = GRAMMARS.get(session.runner)
        if grammar is None or session.nested:
            continue
        args = session.args if session.runner == "pytest" else session.args[1:]
        for words in (args, tuple(_split_words(session.addopts))):
            yield _parse_line(words, grammar, root)


def _of_commands(commands: Sequence[CommandRun], root: Path) -> Iterator[_Line]:
    """stestr's own arguments are in no session: it starts others that have them."""
    for command in commands:
        for at, word in enumerate(command.argv):
            if is_stestr(word):
                yield _parse_line(command.argv[at + 1 :], GRAMMARS["stestr"], root)
                break


def _parse_line(words: Sequence[str], grammar: Grammar, root: Path) -> _Line:
    narrowing = find_narrowing(words, grammar, root)
    return _Line(words=tuple(words), certain=frozenset(narrowing.certain), unknown=frozenset(narrowing.unknown))


def _is_narrowing(words: Sequence[str], line: _Line, left_out: bool) -> bool:
    counted = line.certain | line.unknown if left_out else line.certain
    if len(words) == 1 and any(line.words[at].endswith(f"={words[0]}") for at in counted):
        return True
    long = len(words)
    starts = (at for at in range(len(line.words) - long + 1) if list(line.words[at : at + long]) == list(words))
    return any(not counted.isdisjoint(range(at, at + long)) for at in starts)


@functools.lru_cache(maxsize=1024)  # the same for every cell of a run
def _split_words(text: str) -> Sequence[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
