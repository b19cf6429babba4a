"""What an environment was built upon is told where it is gone or changed, and not where the environment is another."""

import os

import pytest

from envmatrix.engine.incremental import system_packages


@pytest.fixture
def built(tmp_path):
    """An environment that stands on two of the system's distributions, and what it answered."""
    env, system = tmp_path / "env", tmp_path / "dist-packages"
    env.mkdir()
    (env / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("libvirt_python-9.0.0.egg-info", "six-1.16.0.dist-info"):
        (system / name).mkdir(parents=True)
        os.utime(system / name, (1000, 1000))
    system_packages.save_system_packages(tmp_path, "full", {"prefix": str(env), "system": [str(system)]})
    return tmp_path


def test_nothing_is_gone_where_nothing_changed(built):
    assert system_packages.find_lost_packages(built, "full") == ""
    (built / "dist-packages" / "new-1.dist-info").mkdir()
    assert system_packages.find_lost_packages(built, "full") == ""
    assert system_packages.find_lost_packages(built, "another") == ""


def test_what_is_gone_has_its_name_and_version(built):
    (built / "dist-packages" / "libvirt_python-9.0.0.egg-info").rmdir()
    assert system_packages.find_lost_packages(built, "full") == "libvirt_python-9.0.0"


def test_what_was_installed_again_is_another(built):
    os.utime(built / "dist-packages" / "six-1.16.0.dist-info", (2000, 2000))
    assert system_packages.find_lost_packages(built, "full") == "six-1.16.0"


def test_the_whole_folder_may_be_gone(built):
    (built / "dist-packages").rename(built / "elsewhere")
    assert system_packages.find_lost_packages(built, "full") == "libvirt_python-9.0.0, six-1.16.0"


def test_an_environment_that_was_made_anew_stands_on_other_things(built):
    (built / "dist-packages").rename(built / "elsewhere")
    (built / "env" / "pyvenv.cfg").write_text("home = /usr/local/bin\n")
    assert system_packages.find_lost_packages(built, "full") == ""


def test_an_environment_without_the_systems_packages_stands_on_nothing(built):
    system_packages.save_system_packages(built, "full", {"prefix": str(built / "env"), "system": []})
    (built / "dist-packages").rename(built / "elsewhere")
    assert system_packages.find_lost_packages(built, "full") == ""


def test_what_cannot_be_read_is_not_known(built):
    (built / "standing" / "full.json").write_text("{")
    assert system_packages.find_lost_packages(built, "full") == ""
