"""What is installed beside tox: cheap to look at, and different whenever tox could answer differently."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from pathlib import Path

from envmatrix import __version__


@functools.cache
def installed() -> list[object]:
    """Return what changes when something is installed beside tox, or envmatrix itself is edited.

    As it was when first asked: what this process and its helper have loaded stays what it is.
    """
    found: list[object] = [__version__, sys.version, sys.prefix]
    for entry in sys.path:
        with contextlib.suppress(OSError):
            found.append((entry, Path(entry).stat().st_mtime_ns))
    own = Path(__file__).parent
    for folder in (own, own.parent / "evidence" / "recorders" / "payload"):
        with os.scandir(folder) as entries:
            found += sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name.endswith(".py"))
    return found
