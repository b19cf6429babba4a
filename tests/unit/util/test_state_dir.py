"""The state directory is never reached through a link."""

import pytest

from envmatrix.util.state_dir import StateDirError, check_state_dir, state_path


def test_a_path_of_what_is_not_there_yet(tmp_path):
    assert state_path(tmp_path, "cache", "warm") == tmp_path / ".envmatrix" / "cache" / "warm"
    check_state_dir(tmp_path)


@pytest.mark.parametrize("link", [".envmatrix", ".envmatrix/cache", ".envmatrix/cache/warm"])
def test_a_link_on_the_way_is_an_error(tmp_path, link):
    (tmp_path / "elsewhere" / "cache" / "warm").mkdir(parents=True)
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDirError, match="symbolic link"):
        state_path(tmp_path, "cache", "warm")
    with pytest.raises(StateDirError, match="symbolic link"):
        check_state_dir(tmp_path)


def test_directories_and_files_are_no_links(tmp_path):
    (tmp_path / ".envmatrix" / "cache" / "warm").mkdir(parents=True)
    (tmp_path / ".envmatrix" / "last-run.json").touch()
    check_state_dir(tmp_path)
