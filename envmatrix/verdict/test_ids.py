"""Test ids as the verdict compares them: parents of an id, and ids that differ only by where they were made.

Patterns by which a profile names tests.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator

_PARAMETERS = re.compile(r"[\[(]")
_BRACES = re.compile(r"\{([^{}]*)\}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_VERSION = re.compile(
    r"(?<![\w.])v?\d+\.\d+(?:\.\d+)+(?:[-+~_.]?[A-Za-z][\w.+~-]*)?|(?<![\w.])\d+\.\d+[-+~][A-Za-z][\w.+~-]*"
)
_TEMPORARY = re.compile(r"(?:/private)?/(?:tmp|var/(?:tmp|folders))/[^\s\],;'\"]*/")
_FIXTURE = re.compile(r"^(?:setUpClass|setUpModule|tearDownClass|tearDownModule) \((?P<of>.+)\)$")


def fold_id(test_id: str) -> str:
    """The id without what depends on the host: versions, temporary folders, addresses and a set's order.

    Only parameters are folded (what follows the first bracket or parenthesis). Two ids of one run that fold to the
    same are different tests all the same: who folds has to look for that.
    """
    match = _PARAMETERS.search(test_id)
    if match is None:
        return test_id
    head, parameters = test_id[: match.start()], test_id[match.start() :]
    parameters = _BRACES.sub(_sorted_set, parameters)
    parameters = _TEMPORARY.sub("TMP/", parameters)
    parameters = _ADDRESS.sub("0x", parameters)
    return f"{head}{_VERSION.sub('VERSION', parameters)}"


def _sorted_set(match: re.Match[str]) -> str:
    inside = match.group(1)
    if ":" in inside:  # a dict keeps its order
        return match.group(0)
    return "{" + ", ".join(sorted(part.strip() for part in inside.split(","))) + "}"


def iterate_parents(test_id: str) -> Iterator[str]:
    """The classes, modules and packages that an id is in, the nearest first: ``a/b.py::C::t[1]`` is in ``a/b.py::C``,
    ``a/b.py`` and ``a``, ``a.b.C.t`` in ``a.b.C``, ``a.b`` and ``a``.
    """
    plain = _PARAMETERS.split(test_id, maxsplit=1)[0]
    while (cut := max(plain.rfind("::"), plain.rfind("/"), _last_dot(plain))) > 0:
        plain = plain[:cut]
        yield plain


def _last_dot(plain: str) -> int:
    """Where the last dotted part begins; a file's suffix is none."""
    at = plain.rfind(".")
    return -1 if plain.endswith(".py") and at == len(plain) - 3 else at


def container_of(test_id: str) -> str:
    """What a result that stands for a whole class or module stands for: unittest calls it ``setUpClass (a.b.C)``."""
    result = _FIXTURE.match(test_id)
    return result.group("of") if result else test_id


def matches_pattern(test_id: str, pattern: str) -> bool:
    """Whether a test id meets a pattern of a profile.

    A pattern is the id itself, its function without parameters, a file or class that it is in, or a glob. The brackets
    of a parametrised id in a pattern mean themselves. What an id is met by, its numbered namesakes are met by too.
    """
    matcher = _compile_pattern(pattern)
    return matcher.match(test_id) is not None or ("#" in test_id and matcher.match(_strip_number(test_id)) is not None)


def _strip_number(test_id: str) -> str:
    return re.sub(r"#\d+\Z", "", test_id)


@functools.cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    glob = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(rf"{glob}|{re.escape(pattern)}(?:\Z|[\[:./])", re.DOTALL)
