"""Which ref a short name means: git takes the first of many places, and whoever may write to one of them decides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.git import GitError, git

# gitrevisions(7), but for $GIT_DIR/NAME, which is for HEAD and its like alone.
_PLACES: Final = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_OPERATOR: Final = re.compile(r"[~^:]|@\{")
_ID: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_ABBREVIATED: Final = re.compile(r"[0-9a-fA-F]{4,64}")
_SPECIAL: Final = re.compile(r"@|[A-Z][A-Z_]*|.+-g[0-9a-f]{4,64}")  # HEAD, FETCH_HEAD; what git describe writes


class AmbiguousRefError(EnvmatrixError):
    """A short name that more than one ref has; ``str()`` names them all."""

    hint = "`git for-each-ref` lists the full names"


def full_name(root: Path, rev: str) -> str:
    """Return a revision with its ref's full name, so that no other ref of the same short name can take its place.

    What starts with a commit's id, HEAD or a full name stays as it is. Raises AmbiguousRefError, and GitError where
    there is no such ref.
    """
    operator = _OPERATOR.search(rev)
    base = rev[: operator.start()] if operator else rev
    if not base or base.startswith("refs/") or _ID.fullmatch(base):
        return rev
    found = _refs(root, base)
    if base == "HEAD" or (_SPECIAL.fullmatch(base) and not found):
        return rev
    if _ABBREVIATED.fullmatch(base):
        found += git(["rev-parse", f"--disambiguate={base}"], cwd=root).decode().split()
    elif len(found) == 1 and not found[0].startswith("refs/remotes/") and _is_of_remote(root, base):
        found.append(f"refs/remotes/{base} (not fetched)")
    if len(found) > 1:
        raise AmbiguousRefError(f"{base!a} is ambiguous: {', '.join(found)}. Give the full name of the one you mean")
    if not found:
        raise GitError(f"there is no ref {base!a}")
    return found[0] + rev[len(base) :]


def _refs(root: Path, name: str) -> list[str]:
    places = [place.format(name) for place in _PLACES]
    listed = git(["for-each-ref", "--format=%(refname)", *places], cwd=root).decode(errors="replace").splitlines()
    return [place for place in places if place in listed]


def _is_of_remote(root: Path, name: str) -> bool:
    remotes = git(["remote"], cwd=root).decode(errors="replace").splitlines()
    return any(name.startswith(f"{remote}/") for remote in remotes)
