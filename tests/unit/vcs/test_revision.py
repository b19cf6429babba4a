"""The output of git ls-tree and cat-file."""

from __future__ import annotations

import pytest

from envmatrix.vcs import revision
from envmatrix.vcs.git import GitError


def test_only_plain_files_inside_the_tree_are_listed() -> None:
    tree = b"\0".join(
        [
            b"100644 blob aa       3\ttox.ini",
            b"100755 blob bb      12\tbin/run me",
            b"120000 blob cc       4\tlink",
            b"160000 commit dd       -\tlib",
            b"100644 blob ee       1\t../outside",
            b"100644 blob ff       1\ta/.git/config",
            b"100644 blob ff       1\t/etc/passwd",
            b"",
        ]
    )
    assert list(revision._parse_tree(tree)) == [("tox.ini", b"aa", 3), ("bin/run me", b"bb", 12)]


def test_objects_are_split_by_their_sizes_and_not_by_line_ends() -> None:
    assert list(revision._split_contents(b"aa blob 4\na\nb\n\nbb blob 0\n\n")) == [b"a\nb\n", b""]


def test_a_missing_object_is_an_error() -> None:
    with pytest.raises(GitError, match="missing from the repository"):
        list(revision._split_contents(b"aa missing\n"))
