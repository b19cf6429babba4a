import fcntl
import os

import msgspec
import pytest

from envmatrix.engine.services import registry


@pytest.fixture
def entry(tmp_path):
    folder = tmp_path / "envmatrix-redis-0a1b2c3d"
    folder.mkdir()
    (folder / "log").write_text("x")
    return registry.new_entry(token="0a1b2c3d", service="redis", cell="full-py311", folder=folder)


def test_an_entry_is_read_back_and_forgotten(tmp_path, entry):
    os.close(registry.register(tmp_path, entry))
    assert registry.entries(tmp_path) == (entry,)
    registry.forget(tmp_path, entry.token)
    assert list(registry.state_folder(tmp_path).iterdir()) == []


def test_what_is_in_use_is_left_alone(tmp_path, entry):
    grip = registry.register(tmp_path, entry)
    assert registry.reap(tmp_path, patience_s=5) == ()
    assert registry.entries(tmp_path) == (entry,)
    os.close(grip)


def test_what_nobody_holds_is_removed(tmp_path, entry):
    os.close(registry.register(tmp_path, entry))
    assert registry.reap(tmp_path) == (entry,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["services"]


def test_a_lock_without_a_living_owner_is_waited_for(tmp_path, entry):
    dead = msgspec.structs.replace(entry, owner_started="1")
    grip = registry.register(tmp_path, dead)
    assert registry.reap(tmp_path) == ()
    assert registry.reap(tmp_path, patience_s=0.15) == (dead,)
    os.close(grip)


def test_another_hosts_entry_is_its_own(tmp_path, entry):
    os.close(registry.register(tmp_path, msgspec.structs.replace(entry, host="elsewhere.example")))
    assert registry.reap(tmp_path) == ()


def test_an_entry_cannot_remove_a_folder_that_is_not_its_own(tmp_path, entry):
    precious = tmp_path / "precious"
    precious.mkdir()
    os.close(registry.register(tmp_path, msgspec.structs.replace(entry, folder=str(precious))))
    registry.reap(tmp_path)
    assert precious.is_dir()


def test_a_broken_entry_is_passed_over(tmp_path):
    registry.state_folder(tmp_path).mkdir()
    (registry.state_folder(tmp_path) / "x.json").write_bytes(b"\xff{")
    assert registry.entries(tmp_path) == ()


def test_the_lock_is_held_while_the_file_is_open(tmp_path, entry):
    grip = registry.register(tmp_path, entry)
    other = os.open(registry.state_folder(tmp_path) / "0a1b2c3d.lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(grip)
    os.close(other)


def test_an_entry_stays_while_its_folder_does(tmp_path, entry, monkeypatch):
    os.close(registry.register(tmp_path, entry))
    monkeypatch.setattr(registry.shutil, "rmtree", lambda folder, ignore_errors: None)
    monkeypatch.setattr(registry.processes, "end", lambda token, folder: 0)
    assert not registry.remove_folder(entry, patience_s=0.1)
    monkeypatch.setattr(registry, "remove_folder", lambda entry: False)
    registry.bury(tmp_path, entry)
    assert registry.entries(tmp_path) == (entry,)


def test_a_folder_in_which_a_dying_daemon_still_writes(tmp_path, entry, monkeypatch):
    """The first attempt fails as it does when a file appears between the listing and the removal."""
    rmtree, calls = registry.shutil.rmtree, []

    def racing(folder, ignore_errors):
        calls.append(folder)
        if len(calls) > 1:
            rmtree(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(registry.shutil, "rmtree", racing)
    assert registry.remove_folder(entry)
    assert len(calls) == 2
