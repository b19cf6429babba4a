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
from envmatrix.vcs.content import hash_content, hash_files, is_dropping
from envmatrix.vcs.git import GitError, run_git
from envmatrix.vcs.snapshot import Snapshot, join_snapshots
from envmatrix.vcs.worktree import (
    Repository,
    WorktreeState,
    describe_absent_link,
    make_link_id,
    read_state,
    write_tree_on_disk,
)

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


def identify_content(root: Path) -> Identity:
    """Return the identity of the files that are on disk now.

    Without a repository that git can read, this is a content hash. The notes have the reason if users would not expect
    that: git is missing, the repository belongs to another user, is broken, or ignores the project's directory.
    """
    root = root.resolve()
    try:
        repository = _locate_repository(root)
        if repository is None:
            return _identify_content(root, _note_git_dir())
        folder = root.relative_to(repository.top).as_posix() if root != repository.top else ""
        return msgspec.structs.replace(_identify_worktree(repository, read_state(repository)), folder=folder)
    except GitError as error:
        return _identify_content(root, _explain_content_hash(root, error))
    except OSError as error:
        return _identify_content(
            root, _explain_content_hash(root, GitError(f"no temporary directory can be used ({error.strerror})"))
        )


def _locate_repository(root: Path) -> Repository | None:
    """Return the repository whose content root is; None if there is none.

    Raises GitError: when git cannot read the repository, or the repository ignores root.
    """
    places = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    try:
        top, git_dir, common, commit, tree = _parse_revisions(root, [*places, "HEAD^{commit}", "HEAD^{tree}"])
    except GitError as error:
        if "not a git repository" in str(error) and _find_dot_git(root) is None:
            return None
        top, git_dir, common = _parse_revisions(root, places)
        if not _is_unborn(root):
            raise
        commit = tree = ""
    repository = Repository(
        top=Path(top), git_dir=Path(git_dir), common=(root / common).resolve(), commit=commit, tree=tree
    )
    if repository.top != root and _is_ignored(root):
        raise GitError(f"the repository at {top} ignores this directory")
    return repository


def _parse_revisions(root: Path, questions: Sequence[str]) -> list[str]:
    answers = os.fsdecode(run_git(["rev-parse", *questions], cwd=root)).splitlines()
    if len(answers) != len(questions):
        raise GitError("the repository's path contains a line break")
    return answers


def _identify_nested(folder: Path) -> Identity | None:
    """Return the identity of a nested repository; None if it is not checked out.

    A broken ``.git`` must not lead back to the outer repository.
    """
    if not os.path.lexists(folder / ".git"):
        return None
    try:
        repository = _locate_repository(folder)
        if repository is not None and repository.top == folder:
            return _identify_worktree(repository, read_state(repository))
    except GitError:
        pass
    return _identify_content(folder, ())


def _identify_worktree(repository: Repository, state: WorktreeState) -> Identity:
    nested = {path: _identify_nested(repository.top / path) for path in state.links}
    links = {path: make_link_id(repository, inner) for path, inner in nested.items()}
    gone = [path for path in state.links if links[path] is None]
    moved = {path: oid for path, oid in links.items() if oid != state.links[path]}
    if repository.tree and not (state.changed or moved or state.hidden or state.converted):
        tree = repository.tree
    else:
        paths = [path for path in (*state.changed, *state.hidden) if path not in links]
        converting = state.converted is not None
        tree = write_tree_on_disk(repository, paths, state.hidden, moved, converting=converting)
    notes = [*_list_operations(repository), *(describe_absent_link(path) for path in gone)]
    notes += [f"in {path}: {note}" for path, inner in nested.items() if inner is not None for note in inner.notes]
    notes += _note_overlooked(state)
    touched = dict.fromkeys((*state.changed, *state.hidden, *(state.converted or ())))
    snapshot = state.snapshot
    for path, inner in nested.items():
        if inner is not None and inner.snapshot is not None:
            snapshot = join_snapshots(snapshot, path, inner.snapshot)
    tracked_paths = [path for path in touched if path not in state.untracked and path not in links]
    ignored = tuple(path for path in state.ignored if not is_dropping(path))
    return Identity(
        tree=tree,
        commit=repository.commit,
        dirty=tree != repository.tree,
        vcs="git",
        notes=tuple(notes),
        ignored=ignored,
        ignored_digest=hash_files(repository.top, ignored) if ignored else "",
        ignored_folders=tuple(path for path in state.folders if not is_dropping(path.rstrip("/"))),
        tracked={"HEAD": repository.tree}
        | {path: oid or "" for path, oid in moved.items()}
        | {path: hash_files(repository.top, [path]) for path in tracked_paths},
        snapshot=snapshot,
    )


def _note_overlooked(state: WorktreeState) -> list[str]:
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


def _identify_content(root: Path, notes: tuple[str, ...]) -> Identity:
    tree, unreadable = hash_content(root)
    if unreadable:
        notes = (*notes, f"{listed(map(printable, unreadable))} cannot be read and was counted as unreadable")
    return Identity(tree=tree, commit="", dirty=False, vcs="none", notes=notes)


def _explain_content_hash(root: Path, error: GitError) -> tuple[str, ...]:
    place = _find_dot_git(root)
    if error.missing and place is None:
        return ()
    what = f"the git repository of {root} cannot identify the content, so its files were hashed: "
    then = " Evidence with this identity counts for no commit."
    problem = str(error)
    if "dubious ownership" in problem:
        owner = place.parent if place else root
        problem = "it belongs to another user, and git refuses to read it; if you trust it, run: "
        problem += f"git config --global --add safe.directory {owner}"
    elif remedy := error.suggest_remedy(root):
        problem += f"; {remedy}"
    return (f"{what}{problem}.{then}",)


def _note_git_dir() -> tuple[str, ...]:
    place = os.environ.get("GIT_DIR", "")
    if not place:
        return ()
    note = f"GIT_DIR names the repository {printable(place)}, which was not used: only one around the project counts"
    return (f"{note}. The files were hashed instead, and evidence with this identity counts for no commit.",)


def _find_dot_git(root: Path) -> Path | None:
    return next((path / ".git" for path in (root, *root.parents) if os.path.lexists(path / ".git")), None)


def _is_unborn(root: Path) -> bool:
    try:
        ref = run_git(["symbolic-ref", "--quiet", "HEAD"], cwd=root).strip().decode()
    except GitError:
        return False
    try:
        run_git(["show-ref", "--verify", "--quiet", ref], cwd=root)
    except GitError:
        return True
    return False


def _is_ignored(root: Path) -> bool:
    try:
        run_git(["check-ignore", "--quiet", "--", str(root)], cwd=root)
    except GitError:
        return False
    return True


def _list_operations(repository: Repository) -> list[str]:
    operations = {what for name, what in _UNDER_WAY.items() if (repository.git_dir / name).exists()}
    return [f"{what} is under way in this checkout" for what in sorted(operations)]
