"""The test runners that are known, and which commands start one, by their words alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

# Those whose tests are recorded wherever the environment's own python runs them.
_RECORDED = frozenset({"pytest", "py.test", "unittest", "stestr", "nose2", "trial", "twisted.trial", "zope-testrunner"})
_OTHERS = frozenset({"testr", "ostestr", "behave", "avocado", "robot", "green", "ward"})
_OF_STESTR = frozenset({"stestr", "testr", "ostestr"})
_NO_RUN = frozenset({"--version", "-V", "--help", "-h", "--fixtures", "--markers", "--setup-plan"})
_LAUNCHERS = frozenset({"coverage", "env", "xvfb-run", "dbus-run-session", "lockutils-wrapper", "time", "run"})


def runner_of(argv: Sequence[str]) -> str:
    """Return the test runner that a command starts, "" where it starts none that is known."""
    names = (word.rpartition("/")[2] for word in argv if not word.startswith("-") and "=" not in word)
    first = next((name for name in names if name not in _LAUNCHERS and not name.startswith("python")), "")
    module = next((after for word, after in pairwise(argv) if word == "-m"), "")
    return next((name for name in (first, module) if name in _RECORDED | _OTHERS), "")


def is_runner(word: str) -> bool:
    """Tell whether a word is a runner's name, or the path of one."""
    return word.rpartition("/")[2] in _RECORDED | _OTHERS


def is_stestr(word: str) -> bool:
    """Tell whether a word is the name or the path of a runner that has stestr's options."""
    return word.rpartition("/")[2] in _OF_STESTR


def is_recorded(argv: Sequence[str]) -> bool:
    """Tell whether the tests that a command runs are to be known afterwards."""
    runner = runner_of(argv)
    if runner not in _RECORDED or not _NO_RUN.isdisjoint(argv):
        return False
    return runner != "stestr" or "run" in argv
