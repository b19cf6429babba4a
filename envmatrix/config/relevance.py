"""Does a change need a profile? Pure: patterns held against paths. In doubt it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from envmatrix.config.model import Profile
from envmatrix.config.tox.file import READ_BY_TOX

# What decides which environments there are, what is installed in them and which tests they run: a change to any of it
# needs every profile, wherever in the project it lies.
_NEEDS_ALL: Final = (
    "/profiles/",
    *READ_BY_TOX,
    "setup.py",
    "*requirements*.txt",
    "*requirements*.in",
    "requirements/",
    "*constraints*.txt",
    "bindep.txt",
    "Pipfile",
    "*.lock",
    "pylock*.toml",
    ".python-version",
    ".gitmodules",
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".stestr.conf",
)


class Relevance(NamedTuple):
    """Is a profile needed, by which rule, and by which paths (of one that is not needed: all that were looked at)."""

    needed: bool
    rule: str
    paths: tuple[str, ...] = ()


def relevant(
    profile: Profile, changed: Sequence[str], also: Sequence[str] = (), *, there: Callable[[], Iterable[str]] = tuple
) -> Relevance:
    """Hold a profile's ``[relevant] paths`` against the changed paths.

    Both are relative to the project, with forward slashes. The patterns are those of gitignore files: ``*`` stays in a
    folder, ``**`` crosses them, a pattern without a slash matches at any depth, one with a slash starts at the
    project, and ``!`` takes back. ``also`` are further patterns whose match needs every profile, such as requirement
    files of another name that tox reads. ``there`` gives the project's files: a profile whose patterns match none of
    them is needed, since no change could ever meet them.
    """
    patterns = profile.relevant.paths
    if not patterns:
        return Relevance(True, f"{profile.name} names no [relevant] paths, so every change needs it")
    for pattern in patterns:
        problem = pattern_problem(pattern)
        if problem:
            return Relevance(True, f"the [relevant] pattern {pattern!r} of {profile.name} {problem}")
    if all(pattern.startswith("!") for pattern in patterns):
        return Relevance(True, f"the [relevant] paths of {profile.name} only take back, so they leave nothing out")
    whole = _matching((*_NEEDS_ALL, *also), changed)
    if whole:
        return Relevance(True, "a change to profiles, tox files or requirements needs every profile", whole)
    result = _matching(patterns, changed)
    if result:
        return Relevance(True, f"the change matches the [relevant] paths of {profile.name}", result)
    listed = ", ".join(patterns)
    files = list(there())
    if files and not _matches_any(patterns, files):
        return Relevance(True, f"the [relevant] paths of {profile.name} match no file of the project: {listed}")
    return Relevance(False, f"no changed path matches the [relevant] paths of {profile.name}: {listed}", tuple(changed))


def pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern, "" where nothing is; it follows the pattern in a sentence."""
    from pathspec import GitIgnoreSpec  # only a run that is given a base needs it

    if not pattern.strip() or pattern.startswith("#"):
        return "is empty or a comment, so it matches nothing"
    try:
        spec = GitIgnoreSpec.from_lines([pattern])
    except ValueError:
        return "is no pattern that git would understand"
    if not any(item.include is not None for item in spec.patterns):
        return "matches nothing"
    return ""


def _matches_any(patterns: Sequence[str], paths: Sequence[str]) -> bool:
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(patterns)
    return any(spec.match_file(path) for path in paths)


def _matching(patterns: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(patterns)
    return tuple(path for path in paths if spec.match_file(path))
