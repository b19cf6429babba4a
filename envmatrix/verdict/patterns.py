"""Patterns by which a profile names tests."""

from __future__ import annotations

import fnmatch
import functools
import re


def matches(test_id: str, pattern: str) -> bool:
    """Whether a test id meets a pattern of a profile.

    A pattern is the id itself, its function without parameters, a file or class that it is in, or a glob. The brackets
    of a parametrised id in a pattern mean themselves. What an id is met by, its numbered namesakes are met by too.
    """
    matcher = _matcher(pattern)
    return matcher.match(test_id) is not None or ("#" in test_id and matcher.match(_unnumbered(test_id)) is not None)


def _unnumbered(test_id: str) -> str:
    return re.sub(r"#\d+\Z", "", test_id)


@functools.cache
def _matcher(pattern: str) -> re.Pattern[str]:
    glob = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(rf"{glob}|{re.escape(pattern)}(?:\Z|[\[:./])", re.DOTALL)
