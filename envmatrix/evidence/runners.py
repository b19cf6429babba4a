"""Recognise the commands that start a test runner by their arguments."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise

# The recorders see the tests of these runners if the environment's own python runs them.
_RECORDED = frozenset({"pytest", "py.test", "unittest", "stestr", "nose2", "trial", "twisted.trial", "zope-testrunner"})
# No recorder sees the tests of these runners: a profile has to name their result files.
_OTHERS = frozenset(
    {
        "testr",
        "ostestr",
        "behave",
        "avocado",
        "robot",
        "pabot",
        "green",
        "ward",
        "lettuce",
        "radish",
        "mamba",
        "nose",
        "nosetests",
        "bats",
        "prove",
        "ctest",
        "kyua",
        "jest",
        "mocha",
        "phpunit",
    }
)
_OF_STESTR = frozenset({"stestr", "testr", "ostestr"})
_NO_RUN = frozenset({"--version", "-V", "--help", "-h", "--fixtures", "--markers", "--setup-plan"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_LAUNCHERS = frozenset({"coverage", "env", "xvfb-run", "dbus-run-session", "lockutils-wrapper", "time", "run"})


def find_runner(argv: Sequence[str]) -> str:
    """Return the known test runner that a command starts, "" if it starts none."""
    names = (word.rpartition("/")[2] for word in argv if not word.startswith("-") and "=" not in word)
    first = next((name for name in names if name not in _LAUNCHERS and not name.startswith("python")), "")
    module = next((after for word, after in pairwise(argv) if word == "-m"), "")
    return next((name for name in (first, module) if name in _RECORDED | _OTHERS), "")


def is_runner(word: str) -> bool:
    """Return whether a word is the name or the path of a test runner."""
    return word.rpartition("/")[2] in _RECORDED | _OTHERS


def is_stestr(word: str) -> bool:
    """Return whether a word is the name or the path of a runner with stestr's options."""
    return word.rpartition("/")[2] in _OF_STESTR


def is_recorded(argv: Sequence[str]) -> bool:
    """Return whether the recorders see the tests of a command."""
    runner = find_runner(argv)
    if runner not in _RECORDED or not _NO_RUN.isdisjoint(argv):
        return False
    return runner != "stestr" or "run" in argv


def is_unrecorded(argv: Sequence[str]) -> bool:
    """Return whether a command runs tests that are unknown unless the profile names their result files."""
    return any(
        find_runner(command) in _OTHERS and _NO_RUN.isdisjoint(command) and _has_run_word(command)
        for command in _split_commands(argv)
    )


def _has_run_word(argv: Sequence[str]) -> bool:
    return find_runner(argv) not in ("testr", "avocado") or "run" in argv


def _split_commands(argv: Sequence[str]) -> list[list[str]]:
    """Return the commands that a command line starts; the commands of a shell script one by one."""
    words = list(argv)
    if not words or words[0].rpartition("/")[2] not in _SHELLS or "-c" not in words[:-1]:
        return [words]
    script = words[words.index("-c") + 1]
    try:
        lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts = list(lexer)
    except ValueError:  # an unclosed quote, which the shell refuses too
        return [words]
    commands: list[list[str]] = [[]]
    for part in parts:
        if set(part) <= set(";&|()"):
            commands.append([])
        else:
            commands[-1].append(part)
    return [command for command in commands if command]
