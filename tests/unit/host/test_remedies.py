from pathlib import Path

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.remedies import packages_remedy, parse, remedies

BINDEP = """
# comment
mariadb [platform:rpm]
mariadb-server [platform:redhat platform:debian]
mysql-server [platform:dpkg !platform:debian]
libvirt-dev [platform:dpkg test compile]
postgresql
postgresql-client [platform:dpkg]
"""
DEBIAN = {"dpkg", "debian"}


def absent(*names: str) -> list[Finding]:
    return [Finding(capability=name, status="absent") for name in names]


def test_bindep_is_read_for_a_platform() -> None:
    assert parse(BINDEP, DEBIAN) == ("libvirt-dev", "mariadb-server", "postgresql", "postgresql-client")
    assert parse(BINDEP, {"dpkg", "ubuntu"}) == ("libvirt-dev", "mysql-server", "postgresql", "postgresql-client")


def test_the_projects_names_go_before_ours() -> None:
    assert packages_remedy(BUILTIN["mysql"], "apt", ["mysql-server"]) == ("mysql-server",)
    assert packages_remedy(BUILTIN["mysql"], "apt", ["mysql-client"]) == ("mariadb-server",)
    assert packages_remedy(BUILTIN["libvirt"], "apt", ["libvirt-dev"]) == ("python3-libvirt",)


def test_one_command_line_per_package_manager(tmp_path: Path) -> None:
    (tmp_path / "bindep.txt").write_text("default-mysql-server [platform:dpkg]\n")
    commands = remedies(absent("mysql", "libvirt", "libvirt", "python3.12"), {}, tmp_path)
    assert commands["apt"] == "apt-get install default-mysql-server python3-libvirt python3.12 python3.12-venv"
    assert commands["pacman"] == "pacman -S libvirt-python mariadb"
    assert "pip" not in commands
    assert list(commands) == sorted(commands)


def test_pip_is_for_what_no_system_package_gives() -> None:
    declared = {"molecule": Capability(name="molecule", module="molecule", packages={"pip": ("molecule",)})}
    assert remedies(absent("molecule"), declared) == {"pip": "python -m pip install molecule"}


def test_what_is_there_needs_no_remedy() -> None:
    assert remedies([Finding(capability="mysql", status="broken"), Finding(capability="git", status="ok")], {}) == {}


def test_a_server_that_is_installed_and_does_not_run_is_not_installed_again():
    stopped = Finding(capability="redis", status="absent", installed=True)
    assert remedies([stopped, *absent("mysql")], BUILTIN)["apt"] == "apt-get install mariadb-server"
