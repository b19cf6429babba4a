"""What one cell of a run has got from an index, the next with the same requirements takes from uv's cache.

uv asks the index for each environment whether its pages still hold, which takes longer than all the rest of it, and of
an index that is being added to, two cells of one run would get two answers. Where uv finds something missing in its
cache, the index is asked after all. It does not find everything missing: without the index, uv takes a page of last
week and the newest version whose metadata it has. So the next cell does without only where it would ask for nothing
that was not asked for just now: uv asks for no package that the environment has already, and of no other cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from envmatrix.engine.job import Job
from envmatrix.patterns import lazy

VARIABLE: Final = "UV_OFFLINE"
_STEPS: Final = frozenset({"install_deps", "install_package_deps"})
# Who asks for something else than what the cache holds: `uv pip install --help`.
_AFRESH: Final = ("--refresh", "--no-cache", "-n", "--upgrade", "-U", "--reinstall")
_OWN: Final = frozenset({VARIABLE, "UV_NO_CACHE", "UV_REFRESH", "UV_UPGRADE"})
# Where uv's settings and its cache are.
_HOMES: Final = frozenset({"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"})
_INSTALLED: Final = (".dist-info", ".egg-info", ".egg-link")
_LIMITS: Final = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT")
_FILE: Final = lazy(r"(?m)^[ \t]*(?:-[rc]|--requirements?|--constraints?)[\s=]*(\S+)")


def place_of(
    job: Job, step: str, argv: Sequence[str], variables: Mapping[str, str], site_packages: Callable[[], str]
) -> Path | None:
    """Return the file that is there when another cell of this run has run the same installation, None where that says
    nothing: for other steps than those that get dependencies, other tools than uv, files of requirements that lie in
    the network, and who has said how he wants it.

    The same are the command with the files of requirements it names, what is installed already in ``site_packages``,
    uv's settings, and the Python.
    """
    asked = Path(argv[0]).name == "uv" and list(argv[1:3]) == ["pip", "install"] and step in _STEPS
    if not asked or not job.packages or any(word.startswith(_AFRESH) for word in argv[3:]) or _OWN & variables.keys():
        return None
    settings = sorted(one for one in variables.items() if one[0] in _HOMES or one[0].startswith(("UV_", "PIP_")))
    limits = [f"-c {name}" for variable in _LIMITS for name in variables.get(variable, "").split()]
    files = _files(Path(job.project), "\n".join([*argv, *limits]))
    if files is None:
        return None
    told = repr((list(argv), settings, job.overlays[0].python, job.python_version, files, _there(site_packages())))
    return Path(job.packages, f"{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.fetched")


def install(place: Path | None, variables: MutableMapping[str, str], execute: Callable[[], Any]) -> Any:
    """Return the outcome of ``execute``, which is called without the index where what it gets has been got already."""
    outcome = None
    if place is not None and place.exists():
        variables[VARIABLE] = "1"
        try:
            outcome = execute()
        finally:
            variables.pop(VARIABLE, None)
    if outcome is None or outcome.exit_code != 0:
        outcome = execute()
    if place is not None and outcome.exit_code == 0:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return outcome


def _there(site_packages: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(site_packages) if name.endswith(_INSTALLED))  # noqa: PTH208
    except OSError:
        return []


def _files(folder: Path, text: str) -> dict[str, bytes] | None:
    """Return the content of the files that a text of requirements names, and that those name; None where one is of the
    network, which uv asks for it in any case.
    """
    found: dict[str, bytes] = {}
    waiting = [(folder, text)]
    while waiting:
        folder, text = waiting.pop()
        names = _FILE.findall(text)
        if any("://" in name for name in names):
            return None
        for path in (folder / name for name in names):
            if str(path) not in found:
                with contextlib.suppress(OSError):
                    found[str(path)] = path.read_bytes()
                    waiting.append((path.parent, found[str(path)].decode("utf-8", "replace")))
    return found
