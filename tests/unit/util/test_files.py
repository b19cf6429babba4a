"""Files that appear whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envmatrix.util.files import read_text, temporary_file, write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_and_its_directory_made(tmp_path, durable):
    path = tmp_path / "a" / "b" / "file.json"
    write_atomically(path, b"1", durable=durable)
    write_atomically(path, b"2", durable=durable)
    assert path.read_bytes() == b"2"
    assert _names(path.parent) == ["file.json"]


def test_a_file_that_cannot_be_renamed_leaves_nothing(tmp_path):
    (tmp_path / "taken" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", b"1")
    assert _names(tmp_path) == ["taken"]


def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("precious")
    write_atomically(tmp_path / "link", b"1")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "link").is_symlink()


def test_a_temporary_file_that_nobody_renames_is_removed(tmp_path):
    with temporary_file(tmp_path / "file", b"1") as temporary:
        assert temporary.read_bytes() == b"1"
        assert temporary.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert _names(tmp_path) == []


def test_writers_at_the_same_moment_leave_a_whole_file(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([letter]) * 100_000 for letter in b"abcd"]
    write_atomically(path, contents[0])

    def write(content):
        for _ in range(20):
            write_atomically(path, content)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, contents))
    assert _names(tmp_path) == ["file"]


def test_a_text_that_cannot_be_read_is_empty(tmp_path):
    (tmp_path / "text").write_bytes(b"a\xff")
    assert [read_text(tmp_path / "text"), read_text(tmp_path), read_text(Path("a\0b"))] == ["a\ufffd", "", ""]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
