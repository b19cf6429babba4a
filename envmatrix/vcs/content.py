"""Hash the files of a directory outside git, and recognise the files that a test run leaves behind."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from envmatrix.util import state_dir

# Test runs create these directories. If they counted, a checkout would have another identity after its first run.
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
# A project may have content of its own in these directories: the files that git tracks in them count.
UNSURE_FOLDERS: Final = frozenset({".cache", ".venv", "node_modules"})
_FILES: Final = re.compile(r"(?:.*\.py[co]|\.coverage(?:\..*)?|\.DS_Store|.*\.sw[op]|.*~)\Z")
_BUILT: Final = re.compile(r"(?:lib|lib\..*|bdist\..*|temp\..*|scripts-.*|__editable__.*)\Z")
_CHUNK: Final = 1 << 20


def is_dropping(path: str) -> bool:
    """Return whether a test run leaves this relative path (with forward slashes) behind, so that it is not content."""
    *folders, name = PurePosixPath(path).parts or ("",)
    if any(folder in _FOLDERS or folder.endswith(".egg-info") for folder in folders):
        return True
    return is_built(path) or is_dropping_name(name)


def is_built(path: str) -> bool:
    """Return whether a relative path is the output of a build in the directory ``build``."""
    top, _, below = path.partition("/")
    inner, slash, _ = below.partition("/")
    return top == "build" and bool(slash) and _BUILT.match(inner) is not None


def is_dropping_name(name: str) -> bool:
    """Return ``is_dropping`` for the last part of a path whose directories are content."""
    return name in _FOLDERS or name.endswith(".egg-info") or _FILES.match(name) is not None


def hash_content(root: Path, *, known: Collection[str] = (), more: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Return ``content-sha256:…`` over the files below root, and the paths that could not be read.

    The hash covers each file's path, its owner's executable bit and its bytes, and the target of a symbolic link.
    Droppings (``is_dropping``), virtual environments, sockets, pipes and devices do not count, except names in
    ``known`` and the paths below root in ``more``. An unreadable file counts as unreadable, so that two hosts agree
    only if they read the same files.
    """
    digest_of_all = hashlib.sha256()
    unreadable: list[str] = []
    for relative, path in sorted({*_walk_files(root, known), *((os.fsencode(name), root / name) for name in more)}):
        digest = _hash_file(path)
        if digest is None:
            unreadable.append(relative.decode(errors="backslashreplace"))
        digest_of_all.update(b"%d:%b %b\n" % (len(relative), relative, digest or b"unreadable"))
    return f"content-sha256:{digest_of_all.hexdigest()}", tuple(unreadable)


def hash_files(root: Path, paths: Sequence[str]) -> str:
    """Return ``sha256:…`` over the named files; a missing file counts as unreadable."""
    digest_of_all = hashlib.sha256()
    for name in sorted(paths):
        digest_of_all.update(b"%b %b\n" % (os.fsencode(name), _hash_file(root / name) or b"unreadable"))
    return f"sha256:{digest_of_all.hexdigest()}"


def _walk_files(root: Path, known: Collection[str]) -> Iterator[tuple[bytes, Path]]:
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


def _hash_file(path: Path) -> bytes | None:
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
