"""Settings that need an interpreter are read with those that envmatrix finds, and tox's own words are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PYENV = Path.home() / ".pyenv" / "versions"
FOUND = sorted({path.name.removeprefix("python3.") for path in PYENV.glob("3.*/bin/python3.*[0-9]")})
ELSEWHERE = [f"py3{minor}" for minor in FOUND if int(minor) >= 8 and not Path(f"/usr/bin/python3.{minor}").exists()]
INI = "[testenv]\nskip_install = true\ncommands = {env_python} -c 'import sys; print(sys.version, sys.argv)' SETTING\n"
SETTINGS = ["{env_python}", "{env_bin_dir}", "{env_site_packages_dir}", "{envsitepackagesdir}"]


@pytest.fixture
def planned(project: Callable[..., Path], envmatrix: Callable[..., Any]) -> Callable[[str, str], Any]:
    """``planned(ini, name)``: what the plan says of an environment of a project with this tox.ini."""

    def plan(ini: str, name: str) -> Any:
        root = project({"tox.ini": ini})
        result = envmatrix("plan", f"tox:{name}", "--json", cwd=root)
        assert not (root / ".tox" / name).exists(), "a plan makes no environment"
        (cell,) = result.json["cells"]
        return cell

    return plan


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_interpreter_that_tox_does_not_find_is_planned(
    planned: Callable[[str, str], Any], name: str, setting: str
) -> None:
    assert planned(INI.replace("SETTING", setting) + f"[testenv:{name}]\n", name)["state"] == "runnable"


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_interpreter_that_is_nowhere_is_told_as_that(planned: Callable[[str, str], Any], setting: str) -> None:
    cell = planned(INI.replace("SETTING", setting) + "[testenv:py399]\n", "py399")
    assert (cell["state"], cell["reasons"][0]["code"]) == ("blocked", "no_interpreter"), cell
    assert "no Python 3.99" in cell["reasons"][0]["message"]


@pytest.mark.parametrize(
    ("ini", "name", "words"),
    [
        ("[testenv:f{,-py312}]\nbase_python = python3\n", "f-py312", "conflicting with base python python3"),
        ("[testenv:any]\nbase_python =\n", "any", "base_python for env any is empty"),
    ],
)
def test_what_tox_says_of_a_setting_is_kept(
    planned: Callable[[str, str], Any], ini: str, name: str, words: str
) -> None:
    cell = planned(INI.replace("SETTING", "{env_site_packages_dir}") + ini, name)
    assert (cell["state"], words in cell["reasons"][0]["message"]) == ("blocked", True), cell
