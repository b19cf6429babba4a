"""The project's state directory, ``.envmatrix``: the one place that spells its name and decides what may be in it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.util.files import write_atomically

NAME: Final = ".envmatrix"


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
    """Raise StateDirError where an entry of the state directory, or of its cache, is a link.

    Below that are files, which are replaced and never written through.
    """
    for directory in (state_path(root), state_path(root, "cache")):
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise _link_error(Path(entry.path))


def _link_error(path: Path) -> StateDirError:
    return StateDirError(
        f"{path}: is a symbolic link to {str(path.readlink())!r}, where envmatrix would change files. Remove the link."
    )
