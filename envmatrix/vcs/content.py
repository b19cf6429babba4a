"""Content outside git: a hash over a folder's files, and the names that a test run leaves behind."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from envmatrix.util import state_dir

# What tools leave behind when the tests run. As none of it was there before the run, counting it would give the same
# checkout another identity after its first run.
_FOLDERS: Final = frozenset(
    {
        ".bzr",
        ".cache",
        ".eggs",
        state_dir.NAME,
        ".git",
        ".hg",
        ".hypothesis",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".stestr",
        ".svn",
        ".testrepository",
        ".tox",
        ".venv",
        "__pycache__",
        "node_modules",
    }
)
# Of those, the ones that a project may well have as content of its own: what git tracks in them is that.
UNSURE_FOLDERS: Final = frozenset({".cache", ".venv", "node_modules"})
_FILES: Final = re.compile(r"(?:.*\.py[co]|\.coverage(?:\..*)?|\.DS_Store|.*\.sw[op]|.*~)\Z")
_BUILT: Final = re.compile(r"(?:lib|lib\..*|bdist\..*|temp\..*|scripts-.*|__editable__.*)\Z")
_CHUNK: Final = 1 << 20


def is_dropping(path: str) -> bool:
    """Is this relative path, with forward slashes, something that a test run leaves behind rather than content?"""
    *folders, name = PurePosixPath(path).parts or ("",)
    if any(folder in _FOLDERS or folder.endswith(".egg-info") for folder in folders):
        return True
    return is_built(path) or is_dropping_name(name)


def is_built(path: str) -> bool:
    """Tell whether a relative path is what a build leaves in the folder build."""
    top, _, below = path.partition("/")
    inner, slash, _ = below.partition("/")
    return top == "build" and bool(slash) and _BUILT.match(inner) is not None


def is_dropping_name(name: str) -> bool:
    """``is_dropping`` for the last part of a path whose folders are content."""
    return name in _FOLDERS or name.endswith(".egg-info") or _FILES.match(name) is not None


def content_id(root: Path, *, known: Collection[str] = (), more: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """``content-sha256:…`` over the files below root, and the paths that could not be read.

    Counted are each file's path, whether its owner may execute it, and its bytes; of a symbolic link, its target.
    ``known`` are names of droppings that count, and ``more`` are paths below root that count although they are some.
    Left out are all other droppings (``is_dropping``), virtual environments, sockets, pipes and devices. An unreadable
    file counts as such, so that two hosts agree only where they read the same.
    """
    whole = hashlib.sha256()
    unreadable: list[str] = []
    for relative, path in sorted({*_files(root, known), *((os.fsencode(name), root / name) for name in more)}):
        digest = _digest(path)
        if digest is None:
            unreadable.append(relative.decode(errors="backslashreplace"))
        whole.update(b"%d:%b %b\n" % (len(relative), relative, digest or b"unreadable"))
    return f"content-sha256:{whole.hexdigest()}", tuple(unreadable)


def files_digest(root: Path, paths: Sequence[str]) -> str:
    """``sha256:…`` over the named files, whether there or not."""
    whole = hashlib.sha256()
    for name in sorted(paths):
        whole.update(b"%b %b\n" % (os.fsencode(name), _digest(root / name) or b"unreadable"))
    return f"sha256:{whole.hexdigest()}"


def _files(root: Path, known: Collection[str]) -> Iterator[tuple[bytes, Path]]:
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            yield os.fsencode(folder.relative_to(root).as_posix()), folder
            continue
        for entry in entries:
            path = Path(entry.path)
            relative = path.relative_to(root).as_posix()
            if entry.name not in known and (is_dropping_name(entry.name) or is_built(relative)):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield os.fsencode(relative), path
            elif not (path / "pyvenv.cfg").is_file():
                pending.append(path)


def _digest(path: Path) -> bytes | None:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return b"link " + hashlib.sha256(os.fsencode(path.readlink())).hexdigest().encode()
        if not stat.S_ISREG(mode):
            return b"special"
        content = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                content.update(chunk)
    except OSError:
        return None
    return b"%b %b" % (b"program" if mode & stat.S_IXUSR else b"file", content.hexdigest().encode())
