"""What one cell of a run has got from an index, the next with the same requirements takes from uv's cache.

uv asks the index for each environment whether its pages still hold, which takes longer than all the rest of it, and of
an index that is being added to, two cells of one run would get two answers. Where uv finds something missing in its
cache, the index is asked after all.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from envmatrix.engine.job import Job

VARIABLE: Final = "UV_OFFLINE"
_STEPS: Final = frozenset({"install_deps", "install_package_deps"})
# Who asks for something else than what the cache holds: `uv pip install --help`.
_AFRESH: Final = ("--refresh", "--no-cache", "-n", "--upgrade", "-U", "--reinstall")
_OWN: Final = frozenset({VARIABLE, "UV_NO_CACHE", "UV_REFRESH", "UV_UPGRADE"})


def place_of(job: Job, step: str, argv: Sequence[str], variables: Mapping[str, str]) -> Path | None:
    """Return the file that is there when another cell of this run has run the same installation, None where that says
    nothing: for other steps than those that get dependencies, other tools than uv, and who has said how he wants it.
    """
    asked = Path(argv[0]).name == "uv" and list(argv[1:3]) == ["pip", "install"] and step in _STEPS
    if not asked or not job.packages or any(word.startswith(_AFRESH) for word in argv[3:]) or _OWN & variables.keys():
        return None
    settings = sorted(one for one in variables.items() if one[0].startswith(("UV_", "PIP_")))
    overlay = job.overlays[0]
    told = repr((list(argv), settings, overlay.python, job.python_version))
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
