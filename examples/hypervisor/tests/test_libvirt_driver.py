import pytest

libvirt = pytest.importorskip("libvirt")

from hypervisor.libvirt_driver import LibvirtDriver  # noqa: E402
from hypervisor.manager import Manager  # noqa: E402


@pytest.fixture
def driver():
    driver = LibvirtDriver("test:///default", kind="test")
    yield driver
    for domain in driver.connection.listAllDomains():
        if domain.name() != "test":
            if domain.isActive():
                domain.destroy()
            domain.undefine()
    driver.close()


def test_the_hypervisors_own_guest_is_listed(driver):
    assert driver.list() == ["test"]


def test_define_start_destroy(driver):
    driver.define("web", 512)
    assert driver.list() == ["test", "web"]
    driver.start("web")
    assert driver.is_running("web")
    Manager(driver).stop("web")
    assert not driver.is_running("web")


def test_resize(driver):
    manager = Manager(driver)
    manager.create("web", 512)
    manager.resize("web", 1024)
    assert driver.memory_mb("web") == 1024
    assert driver.is_running("web")
