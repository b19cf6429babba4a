"""Whether a project's source is what it was, told by its files' names, sizes and times."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from envmatrix.vcs.content import UNSURE_FOLDERS, is_built, is_dropping, is_dropping_name
from envmatrix.vcs.git import GitError, run_git

_FileState = tuple[str, int, int, int, int]


def digest_tree(root: Path, mentions: str = "") -> str:
    """Return a digest that changes with every file below ``root`` that something may be built from.

    What looks like a left-over counts where git tracks it, where the text ``mentions`` names its folder, and outside of
    git, where nothing tells one from the other.
    """
    tracked = list_tracked_leftovers(root)
    known = UNSURE_FOLDERS if tracked is None else frozenset(name for name in UNSURE_FOLDERS if name in mentions)
    facts = [*_walk_sources(str(root), ("",), known)]
    for name in tracked or ():
        with contextlib.suppress(OSError):
            facts.append(_describe_file(name, os.lstat(f"{root}/{name}")))
    return _digest_entries(facts)


def digest_package_names(root: Path) -> str:
    """Return a digest of the names of the packages and modules that lie in ``root`` and its src."""
    return hashlib.sha256(repr(sorted(_list_packages(root))).encode()).hexdigest()[:32]


def find_top(root: Path) -> Path | None:
    """Return the directory of the repository around ``root``, None where there is none."""
    real = root.resolve()
    return next((folder for folder in (real, *real.parents) if os.path.lexists(folder / ".git")), None)


def list_tracked_leftovers(root: Path) -> tuple[str, ...] | None:
    """Return the files below ``root`` that git tracks and that look like left-overs, None where git does not tell."""
    top = find_top(root)
    if top is None:
        return None
    place = top / ".git"
    try:
        if place.is_file():  # a worktree or a submodule
            place = top / place.read_text(errors="replace").partition(":")[2].strip()
        index = (place / "index").stat()
    except OSError:
        return None
    return _query_leftovers(str(root), index.st_ino, index.st_size, index.st_mtime_ns)


@functools.lru_cache(maxsize=16)  # of one state of the index: asked once for all cells of a run
def _query_leftovers(root: str, *index: int) -> tuple[str, ...] | None:
    try:
        listed = run_git(["ls-files", "-z", "--recurse-submodules"], cwd=Path(root))
    except GitError:
        return None
    return tuple(name for name in os.fsdecode(listed).split("\0") if name and _is_below_leftover(name))


def _digest_entries(entries: Iterator[_FileState] | list[_FileState]) -> str:
    return hashlib.sha256(repr(sorted(entries)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _list_packages(root: Path) -> Iterator[str]:
    for place in (root, root / "src"):
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            yield from (
                entry.path
                for entry in entries
                if not is_dropping(entry.name) and (entry.is_dir() or entry.name.endswith(".py"))
            )


def _walk_sources(root: str, folders: Sequence[str], known: frozenset[str]) -> Iterator[_FileState]:
    """Yield what tells each file below the folders of ``root``; ``known`` are names that are content after all."""
    pending = [f"{folder.rstrip('/')}/" if folder else "" for folder in folders]
    linked: set[str] = set()
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError), os.scandir(f"{root}/{folder}") as entries:
            for entry in entries:
                relative = f"{folder}{entry.name}"
                if entry.name not in known and _is_leftover(relative, entry.name):
                    continue
                if entry.is_symlink():
                    yield from _follow_link(entry.path, relative, linked, pending)
                elif not entry.is_dir():
                    yield _describe_file(relative, entry.stat())
                elif not os.path.isfile(f"{entry.path}/pyvenv.cfg"):  # noqa: PTH113 - of each folder
                    pending.append(f"{relative}/")


def _is_leftover(relative: str, name: str) -> bool:
    return is_dropping_name(name) or is_built(relative) or _is_built_inside(relative)


def _is_below_leftover(path: str) -> bool:
    return is_built(path) or _is_built_inside(path) or any(map(is_dropping_name, path.split("/")))


def _is_built_inside(path: str) -> bool:
    """Tell whether a path lies in what a build left in a project below the top."""
    _, slash, below = path.partition("/build/")
    return bool(slash) and is_built(f"build/{below}")


def _follow_link(path: str, relative: str, seen: set[str], pending: list[str]) -> Iterator[_FileState]:
    """Yield a link and, where it leads to a file, that; a folder is walked like one of the project, each once."""
    link = Path(path)
    yield _describe_file(relative, link.lstat())
    real = str(link.resolve())
    if link.is_dir():
        if real not in seen and not path.startswith(f"{real}{os.sep}"):
            seen.add(real)
            pending.append(f"{relative}/")
    elif link.exists():
        yield _describe_file(relative, link.stat())


def _describe_file(relative: str, stat: os.stat_result) -> _FileState:
    return (relative, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
