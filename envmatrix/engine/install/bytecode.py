"""Bytecode that a new environment need not compile, because an earlier one compiled the very same file.

uv gives all environments one file (a hard link into its cache) and compiles nothing, so the first tests in each of them
would compile the same modules again: of pytest alone that takes longer than a short suite. Here bytecode is kept by the
inode of its source, with another link to that source, so that the inode cannot become that of another file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from envmatrix.util.state_dir import state_path

# What Python itself writes (PEP 3147) and looks at again before it believes it. pytest's own has a longer tag, and the
# path of one environment in it.
_PLAIN: Final = re.compile(r"(?P<module>.+)\.(?P<tag>[a-z]+-?\d+(?:\.opt-[12])?\.pyc)")
_CACHE: Final = "__pycache__"


def bytecode_directory(project: str) -> Path:
    """Return the folder in which a project's bytecode is kept."""
    return state_path(Path(project), "cache", "bytecode")


def link_cached_bytecode(site_packages: str, cache: Path) -> bool:
    """Give a new environment the bytecode that is kept of its modules; tell whether it is new, without any of its own.

    Nothing is raised: what cannot be linked is compiled.
    """
    folders = []
    for folder in _walk_modules(site_packages):
        if _CACHE in folder[1]:
            return False
        folders.append(folder)
    remaining: dict[str, list[str]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(cache):  # noqa: PTH208 - names are all that is needed of some thousand
            key, _, tag = name.partition(".")
            if tag.endswith(".pyc"):
                remaining.setdefault(key, []).append(tag)
    for path, _, files in folders if remaining else ():
        with contextlib.suppress(OSError):  # another file system, or links that this user may not make
            for entry in files:
                for tag in remaining.get(_inode_key(entry), ()):
                    place = Path(path, _CACHE)
                    place.mkdir(exist_ok=True)
                    os.link(cache / f"{_inode_key(entry)}.{tag}", place / f"{entry.name.removesuffix('.py')}.{tag}")
    return True


def cache_bytecode(site_packages: str, cache: Path) -> None:
    """Keep what an environment compiled of files that others have too, and forget what no environment has any more."""
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        _remove_unused(cache)
        for folder, names, files in _walk_modules(site_packages):
            if _CACHE not in names:
                continue
            sources = {entry.name.removesuffix(".py"): entry for entry in files}
            with os.scandir(Path(folder, _CACHE)) as compiled:
                for entry in compiled:
                    match = _PLAIN.fullmatch(entry.name)
                    if match and match["module"] in sources and entry.stat().st_nlink == 1:
                        _cache_module(entry.path, sources[match["module"]], match["tag"], cache)


def _cache_module(compiled: str, source: os.DirEntry[str], tag: str, cache: Path) -> None:
    key = _inode_key(source)
    for there, name in ((source.path, f"{key}.py"), (compiled, f"{key}.{tag}")):
        with contextlib.suppress(FileExistsError):
            os.link(there, cache / name)


def _remove_unused(cache: Path) -> None:
    gone = set()
    with os.scandir(cache) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if name.endswith(".py") and (cache / name).stat().st_nlink == 1:
            gone.add(name.partition(".")[0])
    for name in names:
        if name.partition(".")[0] in gone:
            (cache / name).unlink(missing_ok=True)


def _walk_modules(top: str) -> Iterator[tuple[str, list[str], list[os.DirEntry[str]]]]:
    """Yield each folder below ``top`` with the names of its folders, and its modules that are linked from elsewhere."""
    try:
        with os.scandir(top) as scanned:
            entries = list(scanned)
    except OSError:
        return
    inner = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    modules = [entry for entry in entries if entry.name.endswith(".py") and _is_hard_linked(entry)]
    yield top, [entry.name for entry in inner], modules
    for entry in inner:
        if entry.name != _CACHE:
            yield from _walk_modules(entry.path)


def _is_hard_linked(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_nlink > 1
    except OSError:
        return False


def _inode_key(entry: os.DirEntry[str]) -> str:
    stat = entry.stat(follow_symlinks=False)
    return f"{stat.st_dev:x}-{stat.st_ino:x}"
