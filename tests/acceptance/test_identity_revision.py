from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envmatrix.evidence.identity import identify
from envmatrix.evidence.revision import UnknownRevisionError, export, resolve


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
    found = resolve(repo / "sub", "HEAD")
    here = identify(repo / "sub")
    assert (found.commit, found.tree, found.folder) == (here.commit, here.tree, here.folder) == (*found_id(repo), "sub")
    git(repo, "tag", "-a", "v1", "-m", "x")
    assert resolve(repo / "sub", "v1") == found
    assert resolve(repo, "v1").folder == ""


def found_id(repo: Path) -> tuple[str, str]:
    return git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD^{tree}")


def test_files_of_a_revision_are_read_as_they_were(repo: Path, tmp_path: Path) -> None:
    (repo / "sub/tox.ini").write_text("changed")
    into = tmp_path / "into"
    assert export(repo / "sub", "HEAD", into, lambda path: True) == ("profiles/ä b.toml", "tox.ini")
    assert (into / "tox.ini").read_text() == "[tox]\nsub\n"
    assert (into / "profiles/ä b.toml").read_bytes() == b"\0\n" * 100
    assert not (into / "profiles/link.toml").exists()
    assert export(repo, "HEAD", tmp_path / "top", lambda path: path == "tox.ini") == ("tox.ini",)


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
    assert export(repo, commit, tmp_path / "deep/into", lambda path: True) == ()
    assert not (tmp_path / "deep/evil").exists()


@pytest.mark.parametrize("rev", ["nowhere", "--all", "", "HEAD:tox.ini", "\x1b[31m"])
def test_what_is_no_commit_is_said(repo: Path, rev: str) -> None:
    with pytest.raises(UnknownRevisionError) as caught:
        resolve(repo, rev)
    assert "\x1b" not in str(caught.value)
