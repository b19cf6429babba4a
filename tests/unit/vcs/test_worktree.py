"""The output of git status and ls-files, and the ids of nested repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from envmatrix.vcs import worktree
from envmatrix.vcs.identity import Identity
from envmatrix.vcs.worktree import Repository, describe_absent_link, make_link_id, parse_tracked_names


def make_repository(tree: str = "a" * 40) -> Repository:
    return Repository(top=Path("/r"), git_dir=Path("/r/.git"), common=Path("/r/.git"), commit="c" * 40, tree=tree)


def test_status_lines_are_sorted_into_changed_ignored_and_untracked() -> None:
    status = b"\0".join(
        [
            b"1 .M N... 100644 100644 100644 " + b"a" * 40 + b" " + b"a" * 40 + b" with space.py",
            b"u UU N... 100644 100644 100644 100644 a b c conflict.py",
            b"? new.py",
            b"? __pycache__/x.pyc",
            b"! .env",
            b"# branch.oid x",
            b"",
        ]
    )
    changed, ignored, untracked = worktree._parse_status(status)
    assert changed == ["with space.py", "conflict.py", "new.py"]
    assert ignored == (".env",)
    assert untracked == {"new.py"}


def test_nested_repositories_are_not_tracked_files() -> None:
    listing = b"H 100644 aa 0\ta.py\0H 160000 bb 0\tlib\0h 100644 cc 0\tb\xff\0"
    assert parse_tracked_names(listing) == ("a.py", "b\udcff")


def test_paths_behind_a_symbolic_link_are_gone_to_git(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    paths = ["link/deep/a.py", "real/deep/a.py", "link"]
    assert worktree._split_behind_links(tmp_path, paths) == (["link/deep/a.py"], ["real/deep/a.py", "link"])


@pytest.mark.parametrize(
    ("dirty", "commit", "expected"), [(False, "d" * 40, "d" * 40), (True, "d" * 40, "e" * 40), (False, "", "e" * 40)]
)
def test_a_nested_repository_counts_by_its_commit_unless_it_differs(dirty: bool, commit: str, expected: str) -> None:
    inner = Identity(tree="e" * 40, commit=commit, dirty=dirty, vcs="git")
    assert make_link_id(make_repository(), inner) == expected


def test_an_id_of_another_width_is_hashed_to_the_width_of_the_repository() -> None:
    inner = Identity(tree="content-sha256:" + "e" * 64, commit="", dirty=False, vcs="none")
    oid = make_link_id(make_repository("a" * 64), inner)
    assert oid is not None
    assert len(oid) == 64
    assert make_link_id(make_repository(), inner) == oid[:40]


def test_a_nested_repository_that_is_not_checked_out_has_no_id_and_a_note() -> None:
    assert make_link_id(make_repository(), None) is None
    assert "git submodule update --init" in describe_absent_link("lib")
