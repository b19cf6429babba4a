"""What tox made of an environment, as a value: everything that is needed to run its commands again without tox."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from envmatrix.engine.toxplugin.proof import FinishedEnvironment
from envmatrix.evidence.recorders import VARIABLES
from envmatrix.util.json import decode

NAME = "resolved.json"
_SPECIAL = frozenset("*?[")


class CommandStep(msgspec.Struct, frozen=True, kw_only=True):
    """One command: tox's run id, its arguments, the program that they resolve to, and what its exit code means."""

    run_id: str
    argv: tuple[str, ...]
    program: str
    ignored: bool = False
    inverted: bool = False

    @property
    def phase(self) -> str:
        """The tox key that it is of."""
        return self.run_id.partition("[")[0]

    def succeeded(self, code: int) -> bool:
        """Tell whether tox goes on after this exit code."""
        return self.ignored or (code != 0) == self.inverted


class VariableRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the variables of the commands follow from the caller's: those let through, and those that stand fixed.

    ``drawn`` are those for which tox draws a number anew for every run (PYTHONHASHSEED).
    """

    passed: tuple[str, ...]
    refused: tuple[str, ...]
    removed: tuple[str, ...]
    fixed: dict[str, str]
    drawn: tuple[str, ...] = ()

    def of(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the variables for a caller with these; without the recorders', which are each run's own."""
        through = _filter_passed(caller, self.passed, self.refused)
        for name in self.removed:
            through.pop(name, None)
        drawn = {name: str(int.from_bytes(os.urandom(4)) or 1) for name in self.drawn}
        return {name: value for name, value in (through | self.fixed | drawn).items() if name not in VARIABLES}


class ResolvedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment as tox last resolved it. ``doubt`` says why its commands may not be run without tox, "" if so.

    ``files`` are those that requirements come from, ``local`` the folders and archives on this disk that they name,
    each with whether it is used as it lies there (``-e``); ``package`` is tox's package type, "skip" where none is
    installed.
    """

    doubt: str = ""
    env: FinishedEnvironment | None = None
    steps: tuple[CommandStep, ...] = ()
    variables: VariableRules | None = None
    env_dir: str = ""
    tmp_dir: str = ""
    log_dir: str = ""
    change_dir: str = ""
    package: str = ""
    files: tuple[str, ...] = ()
    local: tuple[tuple[str, bool], ...] = ()
    ignore_errors: bool = False
    ignore_outcome: bool = False
    grace_s: float = 0.5


def read_resolved(folder: Path) -> ResolvedEnvironment | None:
    """Return what the session in ``folder`` resolved; None where it did not come so far."""
    try:
        return decode((folder / NAME).read_bytes(), ResolvedEnvironment)
    except (OSError, msgspec.DecodeError):
        return None


def derive_variables(
    environment: Mapping[str, str],
    caller: Mapping[str, str],
    *,
    passed: Sequence[str],
    refused: Sequence[str],
    set_names: Sequence[str],
) -> VariableRules | None:
    """Return how ``environment`` follows from ``caller``; None where that cannot be told."""
    through = _filter_passed(caller, passed, refused)
    stands = {*set_names, "PATH"} | {name for name, value in environment.items() if through.get(name) != value}
    result = VariableRules(
        passed=tuple(passed),
        refused=tuple(refused),
        removed=tuple(sorted(set(through) - set(environment))),
        fixed={name: environment[name] for name in sorted(stands) if name in environment},
    )
    expected = {name: value for name, value in environment.items() if name not in VARIABLES}
    return result if result.of(caller) == expected else None


def find_program(name: str, environment: Mapping[str, str], folder: str) -> str | None:
    """Return the file that tox would run for ``name`` in ``folder``, None where there is none."""
    if os.sep in name:
        return shutil.which(os.path.join(folder, name))  # noqa: PTH118 - as tox joins them
    path = os.pathsep.join(os.path.join(folder, entry) for entry in environment["PATH"].split(os.pathsep))  # noqa: PTH118
    return shutil.which(name, path=path)


def _filter_passed(caller: Mapping[str, str], passed: Sequence[str], refused: Sequence[str]) -> dict[str, str]:
    let, kept_out = _cached_patterns(tuple(passed)), _cached_patterns(tuple(refused))
    return {name: value for name, value in caller.items() if let.match(name) and not kept_out.match(name)}


class _NamePatterns:
    """Names of variables as tox lets them through: each pattern as a shell's, without regard to case.

    Most are plain names, or how some begin; only the others are worth an expression, which takes milliseconds to make.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        begins = {pattern: pattern.rstrip("*").lower() for pattern in patterns}
        simple = {item for item, begin in begins.items() if item.isascii() and not _SPECIAL.intersection(begin)}
        self._names = frozenset(begins[element] for element in simple if not element.endswith("*"))
        self._begins = tuple(begins[item_value] for item_value in simple if item_value.endswith("*"))
        self._others = tuple(pattern_value for pattern_value in patterns if pattern_value not in simple)
        self._all = patterns

    def match(self, name: str) -> bool:
        """Tell whether one of the patterns means this name; of none, nothing does."""
        if not name.isascii():
            return _compile_patterns(self._all).match(name) is not None
        lower = name.lower()
        if lower in self._names or lower.startswith(self._begins):
            return True
        return bool(self._others) and _compile_patterns(self._others).match(name) is not None


@functools.lru_cache(maxsize=256)
def _cached_patterns(patterns: tuple[str, ...]) -> _NamePatterns:
    return _NamePatterns(patterns)


@functools.lru_cache(maxsize=256)
def _compile_patterns(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)", re.IGNORECASE)
