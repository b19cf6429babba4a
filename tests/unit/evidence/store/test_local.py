"""A local directory as a place for evidence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from envmatrix.evidence.store.local import (
    LocalPlace,
    NotAStoreError,
    StoreEntry,
    StoreError,
    UnreadableError,
    create_shared,
)


def test_a_file_is_written_listed_read_and_removed_with_its_directories(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path / "store")
    place.write("tree/cell/id.json", b"1")
    place.write("tree/cell/id.json", b"1")
    assert place.list_folders() == place.list_recent_folders() == ("tree",)
    assert [entry.name for entry in place.list_entries("tree")] == ["tree/cell/id.json"]
    assert list(place.list_names("tree")) == [("tree/cell", ["id.json"])]
    assert place.read("tree/cell/id.json", 10) == b"1"
    place.remove("tree/cell/id.json")
    assert place.list_folders() == ()


def test_a_name_with_other_bytes_is_not_overwritten(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    place.write("tree/cell/id.json", b"1")
    with pytest.raises(StoreError, match="already holds another file"):
        place.write("tree/cell/id.json", b"2")


def test_links_pipes_and_large_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    place = LocalPlace(tmp_path)
    answers = dict(place.read_many([StoreEntry(name, 0, 0.0) for name in ("file", "link", "pipe")], 4))
    assert all(isinstance(answer, UnreadableError) for answer in answers.values())
    assert place.read("file", 5) == b"12345"


def test_new_files_in_a_shared_directory_are_open_to_its_group(tmp_path: Path) -> None:
    base = tmp_path / "shared"
    base.mkdir()
    base.chmod(0o2775)
    os.close(create_shared(base, base / "tree" / "cell" / "id.json"))
    assert stat.S_IMODE((base / "tree" / "cell").stat().st_mode) & 0o775 == 0o775
    assert stat.S_IMODE((base / "tree" / "cell" / "id.json").stat().st_mode) == 0o644


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotAStoreError, match="is not a directory"):
        LocalPlace(tmp_path / "file").list_folders()
    with pytest.raises(NotAStoreError, match="does not exist"):
        LocalPlace(tmp_path / "none").check_directory(there=True)
