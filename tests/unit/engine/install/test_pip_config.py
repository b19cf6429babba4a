"""Where pip's settings are, and which of them wins."""

import os
from pathlib import Path

import pytest

from envmatrix.engine.install.pip_config import find_config_files, is_true, read_settings


@pytest.fixture
def variables(tmp_path):
    """The variables of a user who has a home and nothing in it, on a machine without a configuration of its own."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "dirs")}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_are_in_the_order_of_pips_documentation(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    named = [
        "/a/pip/pip.conf",
        "/b/pip/pip.conf",
        "/etc/pip.conf",
        "/home/u/.pip/pip.conf",
        "/home/u/.config/pip/pip.conf",
        "/env/pip.conf",
    ]
    variables = {"HOME": "/home/u", "XDG_CONFIG_DIRS": "/a:/b"}
    assert [str(path) for path in find_config_files(variables, "/env")] == named
    assert find_config_files({"HOME": "/home/u"})[0] == Path("/etc/xdg/pip/pip.conf")
    assert Path("/x/pip/pip.conf") in find_config_files({"HOME": "/home/u", "XDG_CONFIG_HOME": "/x"})


def test_on_a_mac_they_are_in_the_libraries(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "darwin")
    variables = {"HOME": str(tmp_path)}
    shared, legacy = Path("/Library/Application Support/pip/pip.conf"), tmp_path / ".pip" / "pip.conf"
    assert find_config_files(variables) == [shared, legacy, tmp_path / ".config" / "pip" / "pip.conf"]
    own = tmp_path / "Library" / "Application Support" / "pip"
    own.mkdir(parents=True)
    assert find_config_files(variables) == [shared, legacy, own / "pip.conf"]


def test_a_file_that_is_named_stands_for_the_users_own(tmp_path, variables):
    named = tmp_path / "named.conf"
    variables["PIP_CONFIG_FILE"] = str(named)
    assert tmp_path / ".pip" / "pip.conf" in find_config_files(variables), "it is not there"
    named.write_text("")
    assert tmp_path / ".pip" / "pip.conf" not in find_config_files(variables)
    assert find_config_files(variables)[-1] == named
    assert find_config_files({**variables, "PIP_CONFIG_FILE": os.devnull}) == []


def test_the_section_of_installations_and_the_variables_win(tmp_path, variables):
    write(tmp_path / "dirs/pip/pip.conf", "[install]\nindex_url = i\n[global]\nno-index = no\n--timeout = 1\n")
    write(tmp_path / ".config/pip/pip.conf", "[global]\nindex-url = g\nretries =\n[list]\nformat = json\n")
    variables["PIP_TIMEOUT"] = "2"
    settings = {"index-url": "i", "no-index": "no", "timeout": "2"}
    assert {
        name: value for name, value in read_settings(variables).items() if name in {*settings, "retries", "format"}
    } == settings


def test_a_file_that_is_none_says_nothing(tmp_path, variables):
    write(tmp_path / ".config/pip/pip.conf", "index-url = g\n")
    write(tmp_path / ".pip/pip.conf", "[global]\nindex-url = h\n")
    assert read_settings(variables)["index-url"] == "h"


def test_words_for_yes():
    assert [is_true(value) for value in ("1", "True", "on", "0", "false", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
