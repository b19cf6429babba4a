"""Whether a project's source is what it was, told by its files' names, sizes and times."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from envmatrix.evidence.content import is_dropping


def sources_digest(root: Path) -> str:
    """Return a digest that changes with every file below ``root`` but for what test runs and builds leave behind."""
    return hashlib.sha256(repr(sorted(_sources(root))).encode()).hexdigest()[:32]


def folders_digest(root: Path) -> str:
    """Return a digest of the names of the packages and modules that lie in ``root`` and its src."""
    return hashlib.sha256(repr(sorted(_folders(root))).encode()).hexdigest()[:32]


def _folders(root: Path) -> Iterator[str]:
    for place in (root, root / "src"):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            yield from (
                entry.path
                for entry in entries
                if not is_dropping(entry.name) and (entry.is_dir() or entry.name.endswith(".py"))
            )


def _sources(root: Path) -> Iterator[tuple[str, int, int, int, int]]:
    pending = [str(root)]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                relative = os.path.relpath(entry.path, root)
                if is_dropping(relative):
                    continue
                stat = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    if not Path(entry.path, "pyvenv.cfg").is_file():
                        pending.append(entry.path)
                else:
                    yield (relative, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
