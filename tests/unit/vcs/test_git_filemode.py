"""Whether a file system keeps executable bits is tried without leaving anything behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envmatrix.vcs import git
from envmatrix.vcs.content import is_dropping


def test_a_common_file_system_keeps_them_and_nothing_is_left(tmp_path: Path) -> None:
    before = tmp_path.stat()
    assert git.has_executable_bits(tmp_path)
    after = tmp_path.stat()
    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


def test_a_named_file_is_tried_where_there_are_none_without_a_name(tmp_path: Path) -> None:
    assert git._has_executable_bits_of_named(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert is_dropping(".envmatrix-probe-0123~")


def test_a_folder_that_is_not_there_counts_as_one_that_keeps_them(tmp_path: Path) -> None:
    assert git.has_executable_bits(tmp_path / "nowhere")


def test_a_bit_that_does_not_stay_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forget(handle: int, mode: int) -> None:
        """Do as a FAT file system does: take the mode and keep its own."""

    monkeypatch.setattr(os, "fchmod", forget)
    assert not git._has_executable_bits_of_named(tmp_path)
