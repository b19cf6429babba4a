"""Resolve revisions and export their files without a checkout, for gates.

Short names are completed first: git takes the first of many refs of one name, so that anybody who can create one
of these refs could choose the commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from envmatrix.errors import EnvmatrixError
from envmatrix.vcs.git import GitError, run_git

# From gitrevisions(7), without $GIT_DIR/NAME, which is only for HEAD and similar names.
_PLACES: Final = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_OPERATOR: Final = re.compile(r"[~^:]|@\{")
_ID: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_ABBREVIATED: Final = re.compile(r"[0-9a-fA-F]{4,64}")
_SPECIAL: Final = re.compile(r"@|[A-Z][A-Z_]*|.+-g[0-9a-f]{4,64}")  # HEAD, FETCH_HEAD; what git describe writes


class AmbiguousRefError(EnvmatrixError):
    """More than one ref has the short name; ``str()`` names them all."""

    hint = "`git for-each-ref` lists the full names"


def find_full_name(root: Path, rev: str) -> str:
    """Return a revision with the full name of its ref, so that no other ref of the same short name can replace it.

    A revision that starts with a commit id, HEAD or a full name is returned unchanged.

    Raises AmbiguousRefError: when several refs have the name. Raises GitError: when no ref has it.
    """
    operator = _OPERATOR.search(rev)
    base = rev[: operator.start()] if operator else rev
    if not base or base.startswith("refs/") or _ID.fullmatch(base):
        return rev
    refs = _list_refs(root, base)
    if base == "HEAD" or (_SPECIAL.fullmatch(base) and not refs):
        return rev
    if _ABBREVIATED.fullmatch(base):
        refs += run_git(["rev-parse", f"--disambiguate={base}"], cwd=root).decode().split()
    elif len(refs) == 1 and not refs[0].startswith("refs/remotes/") and _is_of_remote(root, base):
        refs.append(f"refs/remotes/{base} (not fetched)")
    if len(refs) > 1:
        raise AmbiguousRefError(f"{base!a} is ambiguous: {', '.join(refs)}. Give the full name of one of them")
    if not refs:
        raise GitError(f"there is no ref {base!a}")
    return refs[0] + rev[len(base) :]


def _list_refs(root: Path, name: str) -> list[str]:
    places = [place.format(name) for place in _PLACES]
    listed = run_git(["for-each-ref", "--format=%(refname)", *places], cwd=root).decode(errors="replace").splitlines()
    return [place for place in places if place in listed]


def _is_of_remote(root: Path, name: str) -> bool:
    remotes = run_git(["remote"], cwd=root).decode(errors="replace").splitlines()
    return any(name.startswith(f"{remote}/") for remote in remotes)


_LIMIT_BYTES: Final = 64 * 1024 * 1024


class UnknownRevisionError(EnvmatrixError):
    """git does not have or cannot read the revision; ``str()`` names it and the fix."""

    hint = "`git fetch` gets what the remote has, `git log --oneline` names commits"


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A commit and its tree id, which ``identify_content`` also returns for a clean checkout of the commit.

    ``folder`` is the project's directory in the repository, "" at its top; ``name`` is the requested revision with full
    ref names.
    """

    commit: str
    tree: str
    folder: str = ""
    name: str = ""


def resolve_revision(root: Path, rev: str) -> Revision:
    """Return the commit that a revision means in the repository around root.

    Raises UnknownRevisionError: when git cannot read it. Raises AmbiguousRefError: when several refs have the name.
    """
    try:
        name = find_full_name(root, rev)
        commit = _parse_object_id(root, f"{name}^{{commit}}")
        folder = os.fsdecode(run_git(["rev-parse", "--show-prefix"], cwd=root)).rstrip("\n").rstrip("/")
        return Revision(commit=commit, tree=_parse_object_id(root, f"{commit}^{{tree}}"), folder=folder, name=name)
    except GitError as error:
        raise UnknownRevisionError(
            f"{rev!a} is no commit that git can read in {root}: {error}; "
            f"{error.suggest_remedy(root) or 'name one that it has, or fetch it'}"
        ) from error


def export_files(root: Path, rev: str, into: Path, is_included: Callable[[str], bool]) -> tuple[str, ...]:
    """Write the files of a revision that ``is_included`` accepts into a directory and return their paths, sorted.

    Paths are relative to root, which may be a subdirectory of its repository. Symbolic links and submodules are left
    out, and nothing is written outside the directory.

    Raises UnknownRevisionError: when git cannot read the files, or they are together larger than 64 MiB.
    """
    commit = resolve_revision(root, rev).commit
    try:
        # Without --full-tree, git lists what is below root, and names it relative to root.
        files = [
            item
            for item in _parse_tree(run_git(["ls-tree", "-r", "-z", "-l", commit], cwd=root))
            if is_included(item[0])
        ]
        if sum(size for _, _, size in files) > _LIMIT_BYTES:
            raise UnknownRevisionError(f"the configuration files of {rev!a} are larger than {_LIMIT_BYTES >> 20} MiB")
        object_ids = b"".join(oid + b"\n" for _, oid, _ in files)
        contents = _split_contents(run_git(["cat-file", "--batch"], cwd=root, stdin=object_ids))
        for (path, _, _), content in zip(files, contents, strict=True):
            place = into / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    except GitError as error:
        raise UnknownRevisionError(f"the files of {rev!a} cannot be read from git in {root}: {error}") from error
    return tuple(sorted(path for path, _, _ in files))


def _parse_object_id(root: Path, name: str) -> str:
    object_id = run_git(["rev-parse", "--verify", "--quiet", "--end-of-options", name], cwd=root)
    return object_id.decode().strip()


def _parse_tree(tree: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Yield path, id and size of each plain file in the output of `git ls-tree -r -z -l`."""
    for entry in tree.split(b"\0"):
        facts, _, raw = entry.partition(b"\t")
        if not facts.startswith((b"100644 ", b"100755 ")):
            continue
        _, _, oid, size = facts.split()
        path = os.fsdecode(raw)
        # git does not create trees with such paths, but it reads trees that other programs created.
        if not any(part in ("..", ".git") for part in PurePosixPath(path).parts) and not path.startswith("/"):
            yield path, oid, int(size)


def _split_contents(answer: bytes) -> Iterator[bytes]:
    """Yield the objects in the output of `git cat-file --batch`."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        head = answer[at:end].split()
        if len(head) != 3:
            raise GitError("an object is missing from the repository")
        start, size = end + 1, int(head[2])
        yield answer[start : start + size]
        at = start + size + 1
