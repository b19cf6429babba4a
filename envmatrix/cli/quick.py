"""The command line of a plain ``envmatrix run``, understood without click.

Loading click is a fifth of the time until the first cell of a warm run starts. What is not certain here is left to
click: an option that is abbreviated, unknown or has a value that cannot be, a variable that gives a default, help.
"""

from __future__ import annotations

import getopt
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from envmatrix.cli.terminal import begin, start
from envmatrix.cli.wanted import Wanted, run

# The options before the verb, and those of ``run``: by each spelling, what it sets and to what; None where a value
# follows it. A test holds them against what click has.
GROUP: dict[str, tuple[str, Any]] = {
    "-C": ("directory", None),
    "--color": ("color", True),
    "--no-color": ("color", False),
}
LOUDNESS = {"-v": 1, "--verbose": 1, "-q": -1, "--quiet": -1}
RUN: dict[str, tuple[str, Any]] = {
    "--json": ("json", True),
    "--format": ("format", None),
    "--allow-blocked": ("allow_blocked", True),
    "--changed-since": ("since", None),
    "--staged": ("staged", True),
    "--jobs": ("jobs", None),
    "-j": ("jobs", None),
    "--fail-fast": ("fail_fast", True),
    "--retries": ("retries", None),
    "--rerun-failed": ("reruns", None),
    "--recreate": ("recreate", True),
    "-r": ("recreate", True),
    "--warm": ("warm", True),
    "--no-warm": ("warm", False),
    "--reuse": ("reuse", True),
    "--store": ("store", None),
    "--progress": ("progress", None),
}
_NUMBERS = ("retries", "reruns")
_PROGRESS = ("auto", "live", "plain")
# Variables that give an option its value, and the one with which a shell asks how a word goes on.
VARIABLES = ("ENVMATRIX_JOBS", "ENVMATRIX_STORE", "ENVMATRIX_PROGRESS", "_ENVMATRIX_COMPLETE")


class Quick(msgspec.Struct, frozen=True, kw_only=True):
    """A command line that was understood: the options before the verb, and what is wanted of the run."""

    directory: str = ""
    color: bool | None = None
    verbosity: int = 0
    wanted: Wanted

    def run(self) -> int:
        """Do it, and return the exit code."""
        begin(self.directory, self.color, self.verbosity)
        return run(start(), self.wanted, os.environ)


def understood(argv: Sequence[str], environ: Mapping[str, str]) -> Quick | None:
    """Return what the arguments of the command ask for, if it is a run and no doubt is left; None otherwise."""
    own = list(argv[: argv.index("--")]) if "--" in argv else list(argv)
    if any(name in environ for name in VARIABLES):
        return None
    try:
        before, louder, rest = _options(own, GROUP, getopt.getopt)
        options, louder_yet, names = _options(rest[1:], RUN, getopt.gnu_getopt)
    except (getopt.GetoptError, ValueError):
        return None
    if rest[:1] != ["run"] or any(not name or name.startswith("-") for name in names):
        return None
    if options.pop("json", False):
        options["format"] = "json"
    wanted = Wanted(names=tuple(names), posargs=tuple(argv[len(own) + 1 :]), **options)
    return Quick(verbosity=louder + louder_yet, wanted=wanted, **before)


def _options(
    argv: Sequence[str], known: Mapping[str, tuple[str, Any]], parse: Callable[..., Any]
) -> tuple[dict[str, Any], int, list[str]]:
    """Return what options set, how much louder they are, and what is left. Raises ValueError for what is not certain.

    getopt takes abbreviations, click does not.
    """
    takes = {**{option: value is None for option, (_, value) in known.items()}, **dict.fromkeys(LOUDNESS, False)}
    short = "".join(option[1] + ":" * takes[option] for option in takes if len(option) == 2)
    long = [option[2:] + "=" * takes[option] for option in takes if len(option) > 2]
    found, rest = parse(argv, short, long)
    words = argv if parse is getopt.gnu_getopt else argv[: len(argv) - len(rest)]
    if any(word.startswith("--") and word.partition("=")[0] not in takes for word in words):
        raise ValueError
    options = dict(_option(*known[option], text) for option, text in found if option in known)
    return options, sum(LOUDNESS.get(option, 0) for option, _ in found), rest


def _option(name: str, value: Any, text: str) -> tuple[str, Any]:
    if value is not None:
        return name, value
    if not text or (name == "progress" and text not in _PROGRESS):
        raise ValueError
    if name in _NUMBERS and text not in map(str, range(11)):
        raise ValueError
    return name, int(text) if name in _NUMBERS else text
