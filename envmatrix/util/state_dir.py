"""The project's state directory, ``.envmatrix``: the one place that spells its name and decides what may be in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.util.files import write_atomically

NAME: Final = ".envmatrix"
_LEVELS: Final = 2  # .envmatrix/cache/warm: below that are files, which are replaced and never written through


class StateDirError(EnvmatrixError):
    """The state directory leads somewhere else; ``str()`` names the link and the remedy."""

    hint = "`git rm` the link if a commit holds it, else remove it"


def state_path(root: Path, *parts: str) -> Path:
    """Return the path of ``parts`` below the state directory of the project in ``root``.

    A checkout is foreign input: a commit can hold a link in place of each directory, and whoever follows it writes or
    removes files outside of the project. Raises StateDirError for such a link.
    """
    path = root
    for part in (NAME, *parts):
        path = path / part
        if path.is_symlink():
            raise _link_error(path)
    return path


def make_state_dir(root: Path) -> Path:
    """Return the state directory, made where it is missing, and kept out of git. Raises OSError and StateDirError."""
    directory, ignore = state_path(root), state_path(root, ".gitignore")
    if not ignore.is_file():
        directory.mkdir(exist_ok=True)
        write_atomically(ignore, b"*\n")
    return directory


def check_state_dir(root: Path) -> None:
    """Raise StateDirError where a directory of the state directory is a link."""
    for path in _walk_directories(state_path(root), _LEVELS):
        if path.is_symlink():
            raise _link_error(path)


def _walk_directories(directory: Path, levels: int) -> Iterator[Path]:
    try:
        with os.scandir(directory) as entries:
            inner = [Path(entry.path) for entry in entries if entry.is_symlink() or entry.is_dir()]
    except OSError:
        return
    for path in inner:
        yield path
        if levels > 1 and not path.is_symlink() and path.name == "cache":
            yield from _walk_directories(path, levels - 1)


def _link_error(path: Path) -> StateDirError:
    return StateDirError(
        f"{path}: is a symbolic link to {str(path.readlink())!r}, where envmatrix would change files. Remove the link."
    )
