from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envmatrix.vcs.changes import UnknownBaseError, find_changed_paths
from envmatrix.vcs.identity import identify_content
from envmatrix.vcs.revision import (
    AmbiguousRefError,
    UnknownRevisionError,
    export_files,
    find_full_name,
    resolve_revision,
)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "repo"
    (root / "sub/profiles").mkdir(parents=True)
    (root / "tox.ini").write_text("[tox]\n")
    (root / "sub/tox.ini").write_text("[tox]\nsub\n")
    (root / "sub/profiles/ä b.toml").write_bytes(b"\0\n" * 100)
    (root / "sub/profiles/link.toml").symlink_to("/etc/passwd")
    (root / ".gitattributes").write_text("profiles export-ignore\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    return root


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def test_a_revisions_tree_is_that_of_its_untouched_checkout(repo: Path) -> None:
    found = resolve_revision(repo / "sub", "HEAD")
    here = identify_content(repo / "sub")
    assert (found.commit, found.tree, found.folder) == (here.commit, here.tree, here.folder) == (*found_id(repo), "sub")
    git(repo, "tag", "-a", "v1", "-m", "x")
    tagged = resolve_revision(repo / "sub", "v1")
    assert (tagged.commit, tagged.tree, tagged.name) == (found.commit, found.tree, "refs/tags/v1")
    assert resolve_revision(repo, "v1").folder == ""


def found_id(repo: Path) -> tuple[str, str]:
    return git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD^{tree}")


def test_files_of_a_revision_are_read_as_they_were(repo: Path, tmp_path: Path) -> None:
    (repo / "sub/tox.ini").write_text("changed")
    into = tmp_path / "into"
    assert export_files(repo / "sub", "HEAD", into, lambda path: True) == ("profiles/ä b.toml", "tox.ini")
    assert (into / "tox.ini").read_text() == "[tox]\nsub\n"
    assert (into / "profiles/ä b.toml").read_bytes() == b"\0\n" * 100
    assert not (into / "profiles/link.toml").exists()
    assert export_files(repo, "HEAD", tmp_path / "top", lambda path: path == "tox.ini") == ("tox.ini",)


def test_nothing_is_written_outside_the_folder(repo: Path, tmp_path: Path) -> None:
    """git makes no such tree itself, but reads one."""
    blob = git(repo, "rev-parse", "HEAD:tox.ini")
    entry = b"100644 evil\0" + bytes.fromhex(blob)
    inner = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"], cwd=repo, input=entry, capture_output=True
    ).stdout.decode().strip()  # fmt: skip
    entry = b"40000 ..\0" + bytes.fromhex(inner)
    outer = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"], cwd=repo, input=entry, capture_output=True
    ).stdout.decode().strip()  # fmt: skip
    commit = git(repo, "commit-tree", outer, "-m", "evil")
    assert export_files(repo, commit, tmp_path / "deep/into", lambda path: True) == ()
    assert not (tmp_path / "deep/evil").exists()


@pytest.mark.parametrize("rev", ["nowhere", "--all", "", "HEAD:tox.ini", "\x1b[31m"])
def test_what_is_no_commit_is_said(repo: Path, rev: str) -> None:
    with pytest.raises(UnknownRevisionError) as caught:
        resolve_revision(repo, rev)
    assert "\x1b" not in str(caught.value)


@pytest.fixture
def clone(repo: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", str(repo), "clone")
    git(tmp_path / "clone", "commit", "-q", "--allow-empty", "-m", "a change")
    return tmp_path / "clone"


def test_a_name_gets_its_refs_full_name_and_keeps_what_follows(clone: Path) -> None:
    git(clone, "tag", "v1")
    for rev, expected in {
        "origin/main": "refs/remotes/origin/main",
        "origin": "refs/remotes/origin/HEAD",
        "main~1": "refs/heads/main~1",
        "main@{upstream}": "refs/heads/main@{upstream}",
        "v1^{commit}": "refs/tags/v1^{commit}",
        "HEAD": "HEAD",
        "HEAD~1": "HEAD~1",
        "@": "@",
        "refs/heads/main": "refs/heads/main",
        found_id(clone)[0]: found_id(clone)[0],
        f"{found_id(clone)[0]}^": f"{found_id(clone)[0]}^",
    }.items():
        assert find_full_name(clone, rev) == expected
    short = found_id(clone)[0][:9]
    assert resolve_revision(clone, short).commit == found_id(clone)[0]
    assert resolve_revision(clone, git(clone, "describe", "--tags", "--long")).commit == found_id(clone)[0]


@pytest.mark.parametrize("impostor", ["refs/heads/origin/main", "refs/tags/origin/main", "refs/origin/main"])
def test_a_local_ref_does_not_pass_for_a_remotes(clone: Path, impostor: str) -> None:
    git(clone, "update-ref", impostor, "HEAD")
    with pytest.raises(AmbiguousRefError, match=f"refs/remotes/origin/main.*|{impostor}") as told:
        resolve_revision(clone, "origin/main")
    assert impostor in str(told.value)
    assert resolve_revision(clone, "refs/remotes/origin/main").commit != found_id(clone)[0]
    with pytest.raises(UnknownBaseError, match="ambiguous"):
        find_changed_paths(clone, "origin/main")


def test_a_local_branch_does_not_pass_for_one_that_was_not_fetched(clone: Path) -> None:
    git(clone, "update-ref", "refs/heads/origin/next", "HEAD")
    with pytest.raises(AmbiguousRefError, match="refs/remotes/origin/next"):
        resolve_revision(clone, "origin/next")


def test_a_file_in_the_git_folder_is_no_ref(clone: Path) -> None:
    (clone / ".git/origin").mkdir(exist_ok=True)
    for name in ("origin/main", "base"):
        (clone / ".git" / name).write_text(found_id(clone)[0] + "\n")
    assert resolve_revision(clone, "origin/main").commit == git(clone, "rev-parse", "refs/remotes/origin/main")
    with pytest.raises(UnknownRevisionError):
        resolve_revision(clone, "base")


def test_a_branch_that_looks_like_an_id_is_ambiguous(clone: Path) -> None:
    short = git(clone, "rev-parse", "HEAD~1")[:8]
    git(clone, "update-ref", f"refs/heads/{short}", "HEAD")
    with pytest.raises(AmbiguousRefError, match=f"refs/heads/{short}"):
        resolve_revision(clone, short)


@pytest.mark.parametrize("replaced", ["HEAD", "HEAD:tox.ini"])
def test_a_replaced_object_is_not_read(repo: Path, tmp_path: Path, replaced: str) -> None:
    (repo / "tox.ini").write_text("[tox]\nweaker\n")
    git(repo, "commit", "-q", "-a", "-m", "two")
    git(repo, "replace", replaced.replace("HEAD", "HEAD~1"), replaced)
    export_files(repo, "HEAD~1", tmp_path / "into", lambda path: path == "tox.ini")
    assert (tmp_path / "into/tox.ini").read_text() == "[tox]\n"
