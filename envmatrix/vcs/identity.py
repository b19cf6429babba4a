"""Which content was tested: the git tree id of what is on disk, found without touching the repository.

The whole repository's tree is taken, also for a project in a subfolder: tests may read what lies beside the project,
and the tree is what a commit of the same content would have.
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
    """What was tested. ``tree`` is a git tree id or "content-sha256:…"; ``commit`` is HEAD, "" where there is none.

    ``dirty`` says that the content is not that of the commit. ``notes`` are sentences that a reader of the evidence
    needs. ``ignored`` names the single files that git ignores and tests could read all the same (``.env``, local
    settings; no caches, no ignored folders): they are not in the tree, ``ignored_digest`` tells one set of them from
    another, and is "" where there are none; ``ignored_folders`` are the folders that git ignores, without those of
    caches and environments. ``folder`` is where in its repository the content asked about lies, "" at
    the top and outside git. ``tracked`` has HEAD's tree and a digest of each tracked file that differs from it:
    it changes with a file of the project's own and not with one that a test leaves behind. ``snapshot`` is how the file
    system showed the tracked files just before that, also those of nested repositories; None outside git.
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
    """The identity of what is on disk now.

    Outside a repository that git can read it is a content hash, and the notes say why where that is a surprise (no
    git, a repository of another user, a broken one, a project folder that its repository ignores).
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
        return _content(root, _why_not_git(root, GitError(f"no temporary folder can be used ({error.strerror})")))


def _locate(root: Path) -> Repository | None:
    """The repository that root is content of; None where there is none. Raises GitError."""
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
        raise GitError(f"the repository at {top} ignores this folder")
    return repository


def _ask(root: Path, questions: Sequence[str]) -> list[str]:
    answers = os.fsdecode(git(["rev-parse", *questions], cwd=root)).splitlines()
    if len(answers) != len(questions):
        raise GitError("the repository's path has a line break in it")
    return answers


def _nested(folder: Path) -> Identity | None:
    """The identity of a nested repository, whose broken ``.git`` must not lead back to the outer one; None where it is
    not checked out.
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
    if state.hidden:
        notes.append(f"git is told to overlook {listed(map(printable, state.hidden))}: what is on disk was counted")
    if state.converted:
        names = listed(map(printable, state.converted))
        notes.append(
            f"git overlooks the line ends (CRLF) of {names}: what is on disk was counted, which is not the commit's"
            " content; check them out again with LF"
        )
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


def _content(root: Path, notes: tuple[str, ...]) -> Identity:
    tree, unreadable = content_id(root)
    if unreadable:
        notes = (*notes, f"{listed(map(printable, unreadable))} cannot be read and was counted as unreadable")
    return Identity(tree=tree, commit="", dirty=False, vcs="none", notes=notes)


def _why_not_git(root: Path, error: GitError) -> tuple[str, ...]:
    place = _dot_git(root)
    if error.missing and place is None:
        return ()
    what = f"the git repository of {root} was not used for the identity, the files' content was: "
    then = " Evidence named like this counts for no commit."
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
    told = f"GIT_DIR names the repository {printable(place)}, which was not asked: only one around the project counts"
    return (
        f"{told}. The files' content was taken for the identity, and evidence named like this counts for no commit.",
    )


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
