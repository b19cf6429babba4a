"""Read a git work tree as it is on disk: its differences from HEAD, and the tree id that a commit of it would have.

git converts line ends (``core.autocrlf``, the attributes ``text`` and ``eol``) before it compares, so a file with CRLF
on disk is unchanged to git if the commit has LF. Shell scripts and parsers do not treat the two alike, so files with
other line ends than a checkout would write count as changed here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from envmatrix.vcs.content import is_dropping
from envmatrix.vcs.git import GitError, run_git
from envmatrix.vcs.snapshot import Snapshot

_CONVERTING: Final = re.compile(rb"(?<![-!\w])(?:text|eol|crlf)\b")
# "i/lf    w/crlf  attr/text=auto        \tPATH"
_ENTRY: Final = re.compile(rb"i/(\S*) +w/(\S*) +attr/([^\t]*)\t(.*)", re.DOTALL)
_LONGEST: Final = 1 << 20


def is_converting(top: Path, common: Path, attribute_files: Iterable[str]) -> bool:
    """Return whether a setting or an attribute makes git convert line ends.

    ``attribute_files`` are the tracked ``.gitattributes`` files.
    """
    places = [common / "info" / "attributes", *(top / name for name in attribute_files)]
    if any(_CONVERTING.search(_read_beginning(place)) for place in places):
        return True
    try:
        arguments = ["config", "-z", "--get-regexp", r"^core\.(autocrlf|attributesfile)$"]
        answers = dict(entry.split(b"\n", 1) for entry in run_git(arguments, cwd=top).split(b"\0") if b"\n" in entry)
    except GitError:  # neither is set
        return False
    user_attributes = answers.get(b"core.attributesfile")
    if user_attributes is not None and _CONVERTING.search(
        _read_beginning(Path(os.fsdecode(user_attributes)).expanduser())
    ):
        return True
    return answers.get(b"core.autocrlf", b"false").lower() not in (b"false", b"no", b"off", b"0", b"")


def find_converted(top: Path, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the tracked files that have CRLF on disk although a checkout would write LF.

    Raises GitError: when git fails.
    """
    converted = []
    for entry in run_git(["ls-files", "--eol", "-z"], cwd=top, env=env).split(b"\0"):
        parts = _ENTRY.fullmatch(entry)
        if parts is None:
            continue
        index, disk, attributes, path = parts.groups()
        if index == b"lf" and disk in (b"crlf", b"mixed") and not {b"-text", b"eol=crlf"} & set(attributes.split()):
            converted.append(os.fsdecode(path))
    return tuple(converted)


def _read_beginning(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(_LONGEST)
    except OSError:
        return b""


# An entry of `git ls-files -v -s -z` for a submodule, or for a file that git is set to overlook (lower case:
# assume-unchanged; S: skip-worktree).
_SPECIAL: Final = re.compile(
    rb"(?:\A|(?<=\0))([A-Za-z?]) (?:160000 ([0-9a-f]+) \d|(?<=[a-zS] )\d+ [0-9a-f]+ \d)\t([^\0]+)"
)

_ARGUMENTS: Final = 200  # of one command line
_ATTRIBUTES: Final = re.compile(rb"\t((?:[^\0]*/)?\.gitattributes)(?=\0)")


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """The directories of a repository, and HEAD's commit and tree ("" before the first commit)."""

    top: Path
    git_dir: Path
    common: Path
    commit: str
    tree: str


class WorktreeState(msgspec.Struct, frozen=True, kw_only=True):
    """The paths of a work tree that may differ from HEAD, relative to its top.

    ``changed``: files that differ from HEAD or are untracked; ``links``: nested repositories with the commit in the
    index ("" if the index has none); ``hidden``: files that git is set to overlook and that differ from the index;
    ``ignored``: single files that git ignores; ``folders``: directories that git ignores, with a slash at the end;
    ``untracked``: the untracked files of ``changed``; ``converted``: files with other line ends than a checkout has,
    None if git converts none; ``snapshot`` was taken before git read the files.
    """

    changed: tuple[str, ...]
    links: Mapping[str, str]
    hidden: tuple[str, ...]
    ignored: tuple[str, ...]
    folders: tuple[str, ...] = ()
    untracked: frozenset[str] = frozenset()
    converted: tuple[str, ...] | None = None
    snapshot: Snapshot


class _Identified(Protocol):
    @property
    def tree(self) -> str: ...
    @property
    def commit(self) -> str: ...
    @property
    def dirty(self) -> bool: ...


def read_state(repository: Repository) -> WorktreeState:
    """Read the state of a work tree from git.

    Raises GitError: when git fails.
    """
    listed = run_git(["ls-files", "-v", "-s", "-z"], cwd=repository.top)
    snapshot = Snapshot(str(repository.top), parse_tracked_names(listed))  # first, so that later changes are seen
    arguments = ["status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignored=matching"]
    status = run_git([*arguments, "--ignore-submodules=none", "--no-renames"], cwd=repository.top)
    links: dict[str, str] = {}
    overlooked: list[tuple[str, bool]] = []
    for flag, oid, raw in _SPECIAL.findall(listed):
        path = os.fsdecode(raw)
        if oid:
            links[path] = oid.decode()
        else:
            overlooked.append((path, flag in b"Ss"))
    attributes = [os.fsdecode(path) for path in _ATTRIBUTES.findall(listed)]
    converting = is_converting(repository.top, repository.common, attributes)
    changed, ignored, untracked = _parse_status(status)
    for path in changed:
        if path.endswith("/"):
            links.setdefault(path.rstrip("/"), "")
    return WorktreeState(
        changed=tuple(path for path in changed if not path.endswith("/")),
        links=links,
        hidden=_find_differing(repository, overlooked),
        ignored=tuple(path for path in ignored if not path.endswith("/")),
        folders=tuple(path for path in ignored if path.endswith("/")),
        untracked=untracked,
        snapshot=snapshot,
        converted=find_converted(repository.top) if converting else None,
    )


def parse_tracked_names(listed: bytes) -> tuple[str, ...]:
    """Return the names of the files in the output of `git ls-files -v -s -z`, without nested repositories."""
    names: dict[str, None] = {}
    for entry in listed.split(b"\0"):
        facts, _, raw = entry.partition(b"\t")
        if raw and not facts.startswith(b"160000", 2):
            names[os.fsdecode(raw)] = None
    return tuple(names)


def _parse_status(status: bytes) -> tuple[list[str], tuple[str, ...], frozenset[str]]:
    """Return the changed (or untracked), the ignored and the untracked paths of `git status --porcelain=v2 -z`."""
    fields = {b"1": 8, b"u": 10, b"?": 1, b"!": 1}
    changed: list[str] = []
    ignored: list[str] = []
    untracked: set[str] = set()
    for entry in status.split(b"\0"):
        kind = entry[:1]
        if kind not in fields:
            continue
        path = os.fsdecode(entry.split(b" ", fields[kind])[-1])
        if kind == b"!":
            ignored.append(path)
        elif kind != b"?" or not is_dropping(path.rstrip("/")):
            changed.append(path)
            untracked.update([path] if kind == b"?" else [])
    return changed, tuple(ignored), frozenset(untracked)


def _find_differing(repository: Repository, overlooked: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    """Return the overlooked files that differ from the index."""
    if not overlooked:
        return ()
    with tempfile.TemporaryDirectory(prefix="envmatrix-index-") as folder:
        env = _copy_index(repository, Path(folder))
        _unhide_files(repository, [path for path, _ in overlooked], env)
        output = run_git(
            ["diff", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all"], cwd=repository.top, env=env
        )
    differing = {os.fsdecode(path) for path in output.split(b"\0") if path}
    return tuple(path for path, _ in overlooked if path in differing)


def _unhide_files(repository: Repository, paths: Sequence[str], env: Mapping[str, str]) -> None:
    for flag in ("--no-assume-unchanged", "--no-skip-worktree"):
        run_git(["update-index", flag, "-z", "--stdin"], cwd=repository.top, env=env, stdin=_join_paths(paths))


def write_tree_on_disk(
    repository: Repository,
    paths: Sequence[str],
    hidden: Sequence[str],
    links: Mapping[str, str | None],
    *,
    converting: bool = False,
) -> str:
    """Return the tree id that a commit of the work tree would have.

    ``paths`` are the paths that may differ from the index, ``links`` the nested repositories' ids (None: not on disk).
    With ``converting``, files count with their line ends on disk, without conversion. Index and objects are written to
    a temporary directory; the repository is only read.

    Raises GitError: when git fails.
    """
    with tempfile.TemporaryDirectory(prefix="envmatrix-index-") as folder:
        env = _copy_index(repository, Path(folder))
        top = repository.top
        if hidden:
            _unhide_files(repository, hidden, env)
        gone, there = _split_behind_links(top, paths)
        if gone:
            run_git(["update-index", "--force-remove", "-z", "--stdin"], cwd=top, env=env, stdin=_join_paths(gone))
        if there:
            arguments = ["-c", "core.compression=0", "update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
            run_git(arguments, cwd=top, env=env, stdin=_join_paths(there))
        if links:
            none = "0" * len(repository.tree or "0" * 40)
            lines = [f"{'160000' if oid else '0'} {oid or none} 0\t{path}" for path, oid in links.items()]
            run_git(["update-index", "--replace", "-z", "--index-info"], cwd=top, env=env, stdin=_join_paths(lines))
        if converting:
            _take_as_on_disk(top, find_converted(top, env), env)
        return run_git(["write-tree", "--missing-ok"], cwd=top, env=env).decode().strip()


def _take_as_on_disk(top: Path, paths: Sequence[str], env: Mapping[str, str]) -> None:
    """Put the bytes of files on disk into the index without conversion."""
    if not paths:
        return
    hashed = ["hash-object", "--no-filters", "-w", "--"]  # not --stdin-paths: a path may have a line break
    chunks = [paths[at : at + _ARGUMENTS] for at in range(0, len(paths), _ARGUMENTS)]
    ids = [oid for chunk in chunks for oid in run_git([*hashed, *chunk], cwd=top, env=env).decode().split()]
    modes = ["100755" if os.access(top / path, os.X_OK) else "100644" for path in paths]
    lines = [f"{mode} {oid} 0\t{path}" for mode, oid, path in zip(modes, ids, paths, strict=True)]
    run_git(["update-index", "-z", "--index-info"], cwd=top, env=env, stdin=_join_paths(lines))


def _split_behind_links(top: Path, paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the paths below a directory that has become a symbolic link, and all other paths.

    Git treats the former as deleted whatever the target of the link is, but update-index removes them only with
    --force-remove.
    """
    is_link: dict[str, bool] = {}

    def is_behind(path: str) -> bool:
        folder = path.rpartition("/")[0]
        if folder and folder not in is_link:
            is_link[folder] = (top / folder).is_symlink() or is_behind(folder)
        return bool(folder) and is_link[folder]

    gone = [path for path in paths if is_behind(path)]
    return gone, [path for path in paths if not is_behind(path)]


def _copy_index(repository: Repository, folder: Path) -> dict[str, str]:
    """Copy the index into a directory and return the variables that make git use the copy and write objects there."""
    index = folder / "index"
    try:
        # copy2 keeps the index's time, by which git recognises files that changed in the same clock tick.
        shutil.copy2(repository.git_dir / "index", index)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise GitError(f"the index cannot be read: {error.strerror}") from error
    objects = folder / "objects"
    objects.mkdir()
    real = str(repository.common / "objects").replace("\\", "\\\\").replace('"', '\\"')
    return {
        "GIT_INDEX_FILE": str(index),
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{real}"',
    }


def make_link_id(repository: Repository, inner: _Identified | None) -> str | None:
    """Return the id that stands for a nested repository: its commit, or the tree on disk if that differs.

    None if it is not checked out: files that are not on disk were not tested.
    """
    if inner is None:
        return None
    oid = inner.tree if inner.dirty or not inner.commit else inner.commit
    width = len(repository.tree) or 40
    if re.fullmatch(r"[0-9a-f]+", oid) and len(oid) == width:
        return oid
    return hashlib.sha256(oid.encode()).hexdigest()[:width]


def describe_absent_link(path: str) -> str:
    """Return the note about a nested repository that is not checked out."""
    return (
        f"the submodule {path} is not checked out, so the tested content is not the commit's; "
        f"run: git submodule update --init --recursive"
    )


def _join_paths(items: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(item) + b"\0" for item in items)
