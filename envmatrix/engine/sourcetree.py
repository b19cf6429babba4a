"""Whether a project's source is what it was, told by its files' names, sizes and times."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from envmatrix.evidence.content import is_dropping


def sources_digest(root: Path, folders: Sequence[str] = ("",)) -> str:
    """Return a digest that changes with every file below ``root`` but for what test runs and builds leave behind.

    ``folders`` are those of it that are looked at.
    """
    return hashlib.sha256(repr(sorted(_sources(root, folders))).encode()).hexdigest()[:32]


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


def _sources(root: Path, folders: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    pending = [str(root / folder) for folder in folders]
    linked: set[str] = set()
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                relative = os.path.relpath(entry.path, root)
                if is_dropping(relative):
                    continue
                if entry.is_symlink():
                    yield from _linked(entry.path, relative, linked, pending)
                elif not entry.is_dir():
                    yield _told(relative, entry.stat())
                elif not Path(entry.path, "pyvenv.cfg").is_file():
                    pending.append(entry.path)


def _linked(path: str, relative: str, seen: set[str], pending: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield a link and, where it leads to a file, that; a folder is walked like one of the project, each once."""
    link = Path(path)
    yield _told(relative, link.lstat())
    real = str(link.resolve())
    if link.is_dir():
        if real not in seen and not path.startswith(f"{real}{os.sep}"):
            seen.add(real)
            pending.append(path)
    elif link.exists():
        yield _told(relative, link.stat())


def _told(relative: str, stat: os.stat_result) -> tuple[str, int, int, int, int]:
    return (relative, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
