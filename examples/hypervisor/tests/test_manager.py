import pytest

from hypervisor.driver import FakeDriver
from hypervisor.manager import Manager


@pytest.fixture
def manager():
    return Manager(FakeDriver())


def test_a_created_guest_runs(manager):
    manager.create("web", 512)
    assert manager.driver.list() == ["web"]
    assert manager.driver.is_running("web")


def test_a_name_is_taken_once(manager):
    manager.create("web", 512)
    with pytest.raises(ValueError, match="already"):
        manager.create("web", 1024)


def test_a_stopped_guest_stays_defined(manager):
    manager.create("web", 512)
    manager.stop("web")
    assert manager.driver.list() == ["web"]
    assert not manager.driver.is_running("web")


def test_a_resized_guest_runs_again(manager):
    manager.create("web", 512)
    manager.resize("web", 1024)
    assert manager.driver.memory_mb("web") == 1024
    assert manager.driver.is_running("web")
