"""Identify the tested content: the git tree id of the files on disk, computed without changing the repository.

The tree of the whole repository counts, also for a project in a subdirectory: tests may read files next to the project,
and a commit of the same content has the same tree.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from envmatrix.util.text import listed, printable
from envmatrix.vcs.content import content_id, files_digest, is_dropping
from envmatrix.vcs.git import GitError, git
from envmatrix.vcs.snapshot import Snapshot, joined
from envmatrix.vcs.worktree import Repository, State, absent_link, link_id, read_state, tree_on_disk

_UNDER_WAY: Final = {
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of the tested content.

    ``tree`` is a git tree id or "content-sha256:…", ``commit`` is HEAD ("" if there is none), and ``dirty`` is true if
    the content differs from the commit. ``notes`` are sentences for readers of the evidence. ``ignored`` names the
    files that git ignores and that tests could read (``.env``, local settings; no caches, no ignored directories):
    they are not in the tree. ``ignored_digest`` is their digest, "" if there are none. ``ignored_folders`` are the
    directories that git ignores, without caches and environments. ``folder`` is the directory of the content in its
    repository, "" at the top and outside git. ``tracked`` has HEAD's tree and a digest of each tracked file that
    differs from HEAD: it does not change with files that a test leaves behind. ``snapshot`` has the stamps of the
    tracked files from just before that, also of nested repositories; None outside git.
    """

    tree: str
    commit: str
    dirty: bool
    vcs: Literal["git", "none"]
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    ignored_digest: str = ""
    ignored_folders: tuple[str, ...] = ()
    folder: str = ""
    tracked: dict[str, str] = {}
    snapshot: Snapshot | None = None


def identify(root: Path) -> Identity:
    """Return the identity of the files that are on disk now.

    Without a repository that git can read, this is a content hash. The notes have the reason if users would not expect
    that: git is missing, the repository belongs to another user, is broken, or ignores the project's directory.
    """
    root = root.resolve()
    try:
        repository = _locate(root)
        if repository is None:
            return _content(root, _elsewhere())
        folder = root.relative_to(repository.top).as_posix() if root != repository.top else ""
        return msgspec.structs.replace(_identity(repository, read_state(repository)), folder=folder)
    except GitError as error:
        return _content(root, _why_not_git(root, error))
    except OSError as error:
        return _content(root, _why_not_git(root, GitError(f"no temporary directory can be used ({error.strerror})")))


def _locate(root: Path) -> Repository | None:
    """Return the repository whose content root is; None if there is none.

    Raises GitError: when git cannot read the repository, or the repository ignores root.
    """
    places = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    try:
        top, git_dir, common, commit, tree = _ask(root, [*places, "HEAD^{commit}", "HEAD^{tree}"])
    except GitError as error:
        if "not a git repository" in str(error) and _dot_git(root) is None:
            return None
        top, git_dir, common = _ask(root, places)
        if not _unborn(root):
            raise
        commit = tree = ""
    repository = Repository(
        top=Path(top), git_dir=Path(git_dir), common=(root / common).resolve(), commit=commit, tree=tree
    )
    if repository.top != root and _ignored(root):
        raise GitError(f"the repository at {top} ignores this directory")
    return repository


def _ask(root: Path, questions: Sequence[str]) -> list[str]:
    answers = os.fsdecode(git(["rev-parse", *questions], cwd=root)).splitlines()
    if len(answers) != len(questions):
        raise GitError("the repository's path contains a line break")
    return answers


def _nested(folder: Path) -> Identity | None:
    """Return the identity of a nested repository; None if it is not checked out.

    A broken ``.git`` must not lead back to the outer repository.
    """
    if not os.path.lexists(folder / ".git"):
        return None
    try:
        repository = _locate(folder)
        if repository is not None and repository.top == folder:
            return _identity(repository, read_state(repository))
    except GitError:
        pass
    return _content(folder, ())


def _identity(repository: Repository, state: State) -> Identity:
    nested = {path: _nested(repository.top / path) for path in state.links}
    links = {path: link_id(repository, inner) for path, inner in nested.items()}
    gone = [path for path in state.links if links[path] is None]
    moved = {path: oid for path, oid in links.items() if oid != state.links[path]}
    if repository.tree and not (state.changed or moved or state.hidden or state.converted):
        tree = repository.tree
    else:
        paths = [path for path in (*state.changed, *state.hidden) if path not in links]
        converting = state.converted is not None
        tree = tree_on_disk(repository, paths, state.hidden, moved, converting=converting)
    notes = [*_under_way(repository), *(absent_link(path) for path in gone)]
    notes += [f"in {path}: {note}" for path, inner in nested.items() if inner is not None for note in inner.notes]
    notes += _note_overlooked(state)
    touched = dict.fromkeys((*state.changed, *state.hidden, *(state.converted or ())))
    snapshot = state.snapshot
    for path, inner in nested.items():
        if inner is not None and inner.snapshot is not None:
            snapshot = joined(snapshot, path, inner.snapshot)
    own = [path for path in touched if path not in state.untracked and path not in links]
    ignored = tuple(path for path in state.ignored if not is_dropping(path))
    return Identity(
        tree=tree,
        commit=repository.commit,
        dirty=tree != repository.tree,
        vcs="git",
        notes=tuple(notes),
        ignored=ignored,
        ignored_digest=files_digest(repository.top, ignored) if ignored else "",
        ignored_folders=tuple(path for path in state.folders if not is_dropping(path.rstrip("/"))),
        tracked={"HEAD": repository.tree}
        | {path: oid or "" for path, oid in moved.items()}
        | {path: files_digest(repository.top, [path]) for path in own},
        snapshot=snapshot,
    )


def _note_overlooked(state: State) -> list[str]:
    """Return a note for each kind of tracked file whose content on disk git does not compare."""
    notes = []
    if state.hidden:
        names = listed(map(printable, state.hidden))
        notes.append(f"git is set to overlook {names}: their content on disk was counted")
    if state.converted:
        names = listed(map(printable, state.converted))
        notes.append(
            f"git overlooks the line ends (CRLF) of {names}: their content on disk was counted, which is not the"
            " commit's content; check them out again with LF"
        )
    return notes


def _content(root: Path, notes: tuple[str, ...]) -> Identity:
    tree, unreadable = content_id(root)
    if unreadable:
        notes = (*notes, f"{listed(map(printable, unreadable))} cannot be read and was counted as unreadable")
    return Identity(tree=tree, commit="", dirty=False, vcs="none", notes=notes)


def _why_not_git(root: Path, error: GitError) -> tuple[str, ...]:
    place = _dot_git(root)
    if error.missing and place is None:
        return ()
    what = f"the git repository of {root} cannot identify the content, so its files were hashed: "
    then = " Evidence with this identity counts for no commit."
    said = str(error)
    if "dubious ownership" in said:
        owner = place.parent if place else root
        said = "it belongs to another user, and git refuses to read it; if you trust it, run: "
        said += f"git config --global --add safe.directory {owner}"
    elif remedy := error.remedy(root):
        said += f"; {remedy}"
    return (f"{what}{said}.{then}",)


def _elsewhere() -> tuple[str, ...]:
    place = os.environ.get("GIT_DIR", "")
    if not place:
        return ()
    told = f"GIT_DIR names the repository {printable(place)}, which was not used: only one around the project counts"
    return (f"{told}. The files were hashed instead, and evidence with this identity counts for no commit.",)


def _dot_git(root: Path) -> Path | None:
    return next((path / ".git" for path in (root, *root.parents) if os.path.lexists(path / ".git")), None)


def _unborn(root: Path) -> bool:
    try:
        ref = git(["symbolic-ref", "--quiet", "HEAD"], cwd=root).strip().decode()
    except GitError:
        return False
    try:
        git(["show-ref", "--verify", "--quiet", ref], cwd=root)
    except GitError:
        return True
    return False


def _ignored(root: Path) -> bool:
    try:
        git(["check-ignore", "--quiet", "--", str(root)], cwd=root)
    except GitError:
        return False
    return True


def _under_way(repository: Repository) -> list[str]:
    found = {what for name, what in _UNDER_WAY.items() if (repository.git_dir / name).exists()}
    return [f"{what} is under way in this checkout" for what in sorted(found)]
