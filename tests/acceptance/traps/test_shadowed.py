"""Tests that run against another copy of the project's own code than the one that is on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PYPROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1"
dependencies = [{needs}]
[tool.setuptools]
py-modules = ["{name}"]
"""
INI = """[testenv]
{install}
deps =
    {deps}
commands = python -m unittest -q test_it
"""
TEST = (
    "import unittest\n\nimport thing\n\n\nclass Case(unittest.TestCase):\n    def test_it(self):\n        thing.f()\n"
)
OLD = "def f():\n    pass\n"
NEW = "def f():\n    1 / 0\n"


@pytest.fixture
def make(project: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """``make(install, deps, now)``: a project in src layout beside an old release and what depends on that."""
    old, other = tmp_path / "old", tmp_path / "other"
    for folder, name, needs, code in (
        (old, "thing", "", OLD),
        (other, "uses_thing", f'"thing @ {old.as_uri()}"', "import thing\n"),
    ):
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name, needs=needs))
        (folder / f"{name}.py").write_text(code)

    def build(install: str, deps: Path | str, now: str = NEW) -> Path:
        pyproject = PYPROJECT.format(name="thing", needs="") + 'package-dir = {"" = "src"}\n'
        files = {"tox.ini": INI.format(install=install, deps=deps), "pyproject.toml": pyproject, "test_it.py": TEST}
        return project({**files, "src/thing.py": now, ".gitignore": "*.pyc\n*.egg-info\nbuild\n"})

    return build


def test_a_copy_that_something_else_brought(make: Any, envmatrix: Any, tmp_path: Path) -> None:
    root = make("skip_install = true", tmp_path / "other")
    for _ in range(2):  # through tox, then without
        result = envmatrix("run", "restricted", "--json", cwd=root)
        assert result.returncode == 3, result
        (breach,) = result.json["breaches"]
        assert breach["code"] == "env_mismatch"
        assert breach["message"].startswith("the tests ran against another thing than the project's: ")
        assert "site-packages/thing.py was imported, and src/thing.py differs" in breach["message"]


def test_a_copy_that_the_environment_asks_for_is_noted(make: Any, envmatrix: Any, tmp_path: Path) -> None:
    root = make("skip_install = true", tmp_path / "old")
    result = envmatrix("run", "restricted", "--json", cwd=root)
    assert result.returncode == 0, result
    assert result.json["cells"][0]["notes"] == [
        "the tests ran against the thing that deps name, not against the project's (src/thing.py differs)"
    ]


@pytest.mark.parametrize("install", ["package = wheel", "usedevelop = true", "skip_install = true"])
def test_the_same_code_is_no_other_copy(make: Any, envmatrix: Any, tmp_path: Path, install: str) -> None:
    root = make(install, tmp_path / "other" if "skip" in install else "", OLD)
    result = envmatrix("run", "restricted", "--json", cwd=root)
    assert (result.returncode, result.json["cells"][0]["notes"]) == (0, []), result


def test_what_git_ignores_and_tests_import_is_named(project: Callable[..., Path], envmatrix: Any) -> None:
    test = TEST.replace("import thing", "import local\nfrom made import other").replace("thing.f()", "local, other")
    ini = "[testenv]\nskip_install = true\ncommands = python -m unittest -q test_it\n"
    ignored = "*.pyc\nmade/\nlocal.py\n*_version.py\n"
    root = project({"sub/tox.ini": ini, "sub/test_it.py": test, ".gitignore": ignored, "other/tox.ini": ini}) / "sub"
    (root / "made").mkdir()
    (root / "made" / "other.py").touch()
    (root / "local.py").write_text("import a_version\n")
    (root / "a_version.py").touch()
    told = "the tests imported local.py, made/other.py, which git ignores: no commit has their content"
    result = envmatrix("run", "restricted", "--json", cwd=root)
    assert (result.returncode, result.json["cells"][0]["notes"]) == (0, [told]), result
    judged = envmatrix("gate", "HEAD", "--profile", "restricted", "--json", cwd=root)
    assert told in judged.json["cells"][0]["notes"], judged
