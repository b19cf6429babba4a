"""List the paths that a change touches, for profiles that run only for some paths."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from envmatrix.errors import EnvmatrixError
from envmatrix.vcs.content import is_dropping
from envmatrix.vcs.git import GitError, run_git
from envmatrix.vcs.revision import AmbiguousRefError, find_full_name


class UnknownBaseError(EnvmatrixError):
    """The changed paths cannot be determined, so no profile may be left out; ``str()`` has the reason and the fix."""


def find_changed_paths(root: Path, since: str, staged: bool = False, rev: str = "") -> tuple[str, ...]:
    """Return the paths that changed since the merge base of HEAD and ``since``, sorted and relative to root.

    Commits, the index, the working tree and untracked files count. With ``staged``, only the index counts, compared
    with HEAD unless ``since`` is given. With ``rev``, a gate compares that commit with ``since`` and ignores the index
    and the working tree. A renamed file counts with both names, a submodule with its own path, and a path outside root
    starts with "../".

    Raises UnknownBaseError: when git has no such commit or no merge base.
    """
    root = root.resolve()
    try:
        top = Path(os.fsdecode(run_git(["rev-parse", "--show-toplevel"], cwd=root).rstrip(b"\n")))
        if rev:
            commit = _resolve_commit(root, rev)
            paths = _diff_names(top, [_find_merge_base(root, _resolve_commit(root, since or "HEAD"), commit), commit])
        else:
            paths = _list_staged(root, top, since) if staged else _list_changed_on_disk(root, top, since)
    except GitError as error:
        raise UnknownBaseError(f"cannot list the changes since {since or 'HEAD'}: git says: {error}") from error
    inside = os.path.relpath(root, top)
    return tuple(sorted({posixpath.relpath(path, inside) for path in paths}))


def list_tracked_paths(root: Path, rev: str = "") -> tuple[str, ...]:
    """Return the files that git tracks below root, or those of the commit ``rev``; () if git fails."""
    try:
        arguments = ["ls-tree", "-r", "--name-only", "-z", find_full_name(root, rev)] if rev else ["ls-files", "-z"]
        return tuple(_split_paths(run_git(arguments, cwd=root)))
    except (GitError, AmbiguousRefError):
        return ()


def _list_changed_on_disk(root: Path, top: Path, since: str) -> list[str]:
    base = _find_merge_base(root, _resolve_commit(root, since or "HEAD"))
    listed = run_git(["ls-files", "--others", "--exclude-standard", "-z"], cwd=top)
    untracked = [path for path in _split_paths(listed) if not is_dropping(path.rstrip("/"))]
    return [*_diff_names(top, [base]), *untracked]


def _list_staged(root: Path, top: Path, since: str) -> list[str]:
    # `git commit -a` and `git commit FILE` name the index that they will commit in this variable of their hooks.
    index = os.environ.get("GIT_INDEX_FILE")
    env = {"GIT_INDEX_FILE": os.path.join(top, index)} if index else {}  # noqa: PTH118 - relative ones start at the top
    base = [_find_merge_base(root, _resolve_commit(root, since))] if since and since != "HEAD" else []
    return _diff_names(top, ["--cached", *base], env)


def _diff_names(top: Path, arguments: list[str], env: dict[str, str] | None = None) -> list[str]:
    plain = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"]
    return _split_paths(run_git([*plain, *arguments, "--"], cwd=top, env=env))


def _resolve_commit(root: Path, rev: str) -> str:
    try:
        name = find_full_name(root, rev)
        commit = run_git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"], cwd=root)
    except AmbiguousRefError as error:
        raise UnknownBaseError(str(error)) from error
    except GitError as error:
        remedy = "fetch it, or deepen a shallow clone with git fetch --unshallow"
        raise UnknownBaseError(f"there is no commit {rev!a} in this repository; {remedy}") from error
    return commit.decode().strip()


def _find_merge_base(root: Path, commit: str, other: str = "HEAD") -> str:
    try:
        return run_git(["merge-base", commit, other], cwd=root).decode().strip()
    except GitError as error:
        remedy = "in a shallow clone, run git fetch --unshallow"
        raise UnknownBaseError(f"{other[:12]} and {commit[:12]} have no common ancestor here; {remedy}") from error


def _split_paths(listed: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listed.split(b"\0") if path]
