"""List the paths that a change touches, for profiles that run only for some paths."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from envmatrix.errors import EnvmatrixError
from envmatrix.vcs.content import is_dropping
from envmatrix.vcs.git import GitError, git
from envmatrix.vcs.revision import AmbiguousRefError, full_name


class UnknownBaseError(EnvmatrixError):
    """The changed paths cannot be determined, so no profile may be left out; ``str()`` has the reason and the fix."""


def changed_paths(root: Path, since: str, staged: bool = False, rev: str = "") -> tuple[str, ...]:
    """Return the paths that changed since the merge base of HEAD and ``since``, sorted and relative to root.

    Commits, the index, the working tree and untracked files count. With ``staged``, only the index counts, compared
    with HEAD unless ``since`` is given. With ``rev``, a gate compares that commit with ``since`` and ignores the index
    and the working tree. A renamed file counts with both names, a submodule with its own path, and a path outside root
    starts with "../".

    Raises UnknownBaseError: when git has no such commit or no merge base.
    """
    root = root.resolve()
    try:
        top = Path(os.fsdecode(git(["rev-parse", "--show-toplevel"], cwd=root).rstrip(b"\n")))
        if rev:
            commit = _commit(root, rev)
            found = _diff(top, [_base(root, _commit(root, since or "HEAD"), commit), commit])
        else:
            found = _staged(root, top, since) if staged else _on_disk(root, top, since)
    except GitError as error:
        raise UnknownBaseError(f"cannot list the changes since {since or 'HEAD'}: git says: {error}") from error
    inside = os.path.relpath(root, top)
    return tuple(sorted({posixpath.relpath(path, inside) for path in found}))


def tracked_paths(root: Path, rev: str = "") -> tuple[str, ...]:
    """Return the files that git tracks below root, or those of the commit ``rev``; () if git fails."""
    try:
        asked = ["ls-tree", "-r", "--name-only", "-z", full_name(root, rev)] if rev else ["ls-files", "-z"]
        return tuple(_split(git(asked, cwd=root)))
    except (GitError, AmbiguousRefError):
        return ()


def _on_disk(root: Path, top: Path, since: str) -> list[str]:
    base = _base(root, _commit(root, since or "HEAD"))
    listed = git(["ls-files", "--others", "--exclude-standard", "-z"], cwd=top)
    untracked = [path for path in _split(listed) if not is_dropping(path.rstrip("/"))]
    return [*_diff(top, [base]), *untracked]


def _staged(root: Path, top: Path, since: str) -> list[str]:
    # `git commit -a` and `git commit FILE` name the index that they will commit in this variable of their hooks.
    index = os.environ.get("GIT_INDEX_FILE")
    env = {"GIT_INDEX_FILE": os.path.join(top, index)} if index else {}  # noqa: PTH118 - relative ones start at the top
    base = [_base(root, _commit(root, since))] if since and since != "HEAD" else []
    return _diff(top, ["--cached", *base], env)


def _diff(top: Path, arguments: list[str], env: dict[str, str] | None = None) -> list[str]:
    plain = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"]
    return _split(git([*plain, *arguments, "--"], cwd=top, env=env))


def _commit(root: Path, rev: str) -> str:
    try:
        name = full_name(root, rev)
        found = git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"], cwd=root)
    except AmbiguousRefError as error:
        raise UnknownBaseError(str(error)) from error
    except GitError as error:
        remedy = "fetch it, or deepen a shallow clone with git fetch --unshallow"
        raise UnknownBaseError(f"there is no commit {rev!a} in this repository; {remedy}") from error
    return found.decode().strip()


def _base(root: Path, commit: str, other: str = "HEAD") -> str:
    try:
        return git(["merge-base", commit, other], cwd=root).decode().strip()
    except GitError as error:
        remedy = "in a shallow clone, run git fetch --unshallow"
        raise UnknownBaseError(f"{other[:12]} and {commit[:12]} have no common ancestor here; {remedy}") from error


def _split(listed: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listed.split(b"\0") if path]
