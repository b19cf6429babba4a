"""Which paths a change touches, for the profiles that need to run only on some."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from envmatrix.errors import EnvmatrixError
from envmatrix.vcs.content import is_dropping
from envmatrix.vcs.git import GitError, git
from envmatrix.vcs.revision import AmbiguousRefError, full_name


class UnknownBaseError(EnvmatrixError):
    """What changed cannot be told, so nothing may be left out; ``str()`` says why and what would help."""


def changed_paths(root: Path, since: str, staged: bool = False, rev: str = "") -> tuple[str, ...]:
    """The paths that changed since the point where HEAD and ``since`` parted, sorted and relative to root.

    Counted are commits, the index, what is on disk and untracked files; with ``staged`` the index alone, as a commit
    made now would have it, against HEAD unless ``since`` is given. Of a renamed file both names count, a submodule
    counts by its own path, and a path outside root starts with "../". With ``rev``, it is that commit which is held
    against ``since``, and neither index nor disk: what a gate asks. Raises UnknownBaseError.
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
        raise UnknownBaseError(f"what changed since {since or 'HEAD'} cannot be told: git says: {error}") from error
    inside = os.path.relpath(root, top)
    return tuple(sorted({posixpath.relpath(path, inside) for path in found}))


def tracked_paths(root: Path, rev: str = "") -> tuple[str, ...]:
    """The files that git tracks below root, or those of the commit ``rev``; () where it cannot say."""
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
    # A hook of `git commit -a` or `git commit FILE` is told of the index that will be committed by this variable.
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
