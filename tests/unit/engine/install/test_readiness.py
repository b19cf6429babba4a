import pytest

from envmatrix.engine.install.readiness import (
    DAMAGED,
    NAME,
    READY,
    WORKED,
    is_ready,
    note_outcome,
    read_mark,
    take_mark,
    write_mark,
)


def test_without_a_mark_an_environment_is_not_ready(tmp_path):
    assert (read_mark(tmp_path), is_ready(tmp_path)) == (None, False)


@pytest.mark.parametrize(("mark", "ready"), [(READY, True), (WORKED, True), (DAMAGED, False), (b"other", False)])
def test_a_mark_says_whether_an_environment_is_ready(tmp_path, mark, ready):
    write_mark(tmp_path, mark)
    assert (is_ready(tmp_path), take_mark(tmp_path), read_mark(tmp_path)) == (ready, mark, None)


def test_a_link_is_no_mark(tmp_path):
    (tmp_path / "target").touch()
    (tmp_path / NAME).symlink_to(tmp_path / "target")
    assert read_mark(tmp_path) is None


@pytest.mark.parametrize(
    ("before", "worked", "failed", "after"),
    [
        (READY, True, False, WORKED),
        (READY, False, True, READY),  # whatever fails here failed from the beginning
        (WORKED, False, True, DAMAGED),
        (WORKED, True, False, WORKED),
        (WORKED, False, False, WORKED),
    ],
)
def test_only_what_worked_once_is_taken_for_damaged(tmp_path, before, worked, failed, after):
    write_mark(tmp_path, before)
    note_outcome(str(tmp_path), worked=worked, failed=failed)
    assert read_mark(tmp_path) == after
