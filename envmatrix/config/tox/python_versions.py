"""How Python versions are written in profiles, and which words tox reads as Python versions."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(?P<pypy>pypy)?(?P<major>2|3)\.(?P<minor>\d{1,2})(?P<threaded>t?)")
_FACTOR = re.compile(r"(?P<impl>pypy|py)(?P<major>[23])\.?(?P<minor>\d{1,2})(?P<threaded>t?)")
# tox takes a factor for an interpreter when it is an implementation's name with or without a version, or a bare
# "3.12" (tox/tox_env/python/api.py); "py" alone says nothing to it
_CLAIMED = re.compile(
    r"(?!py$)(?:py|pypy|cpython|jython|graalpy|rustpython|ironpython)(?:[2-9]\.?\d{0,2}t?d?)?|[23]\.\d+t?d?"
)
HOW = 'write it like "3.11", "3.13t" or "pypy3.10"'


def is_version(text: str) -> bool:
    """Say whether ``text`` is a version that a python axis may hold: "3.11", "3.13t", "pypy3.10", "2.7"."""
    match = _VERSION.fullmatch(text)
    if not match:
        return False
    minor = int(match["minor"])
    if str(minor) != match["minor"] or (match["major"] == "2" and minor != 7):
        return False
    # free-threaded builds exist for CPython from 3.13 on
    return not match["threaded"] or (not match["pypy"] and match["major"] == "3" and minor >= 13)


def factor_of(version: str) -> str:
    """Return the tox factor of a version: "py311" for "3.11", "pypy310" for "pypy3.10"."""
    return ("" if version.startswith("pypy") else "py") + version.replace(".", "")


def version_of(factor: str) -> str:
    """Return the version that a factor pins ("3.11" for "py311"), "" where it pins none ("py3", "mysql")."""
    result = _FACTOR.fullmatch(factor)
    if not result:
        return ""
    pypy = "pypy" if result["impl"] == "pypy" else ""
    version = f"{pypy}{result['major']}.{result['minor']}{result['threaded']}"
    return version if is_version(version) else ""


def claimed(factor: str) -> bool:
    """Say whether tox takes this factor of an environment's name for an interpreter."""
    return _CLAIMED.fullmatch(factor) is not None


def pinned_in(env: str) -> tuple[str, bool]:
    """Return the version that a tox environment's name pins ("" for none), and whether any factor claims an
    interpreter at all ("py3" does and pins none).
    """
    factors = env.split("-")
    versions = [version for version in map(version_of, factors) if version]
    return (versions[0] if versions else ""), any(map(claimed, factors))
