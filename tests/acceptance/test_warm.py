"""Runs without tox and packages built once: which are taken from an earlier run, and which are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOX_INI = "[tox]\nenv_list = a, b\n[testenv]\nskip_install = true\ncommands = python -m unittest -q test_a\n"
TEST = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "thing"
version = "1.0"
"""


MODULES = '[tool.setuptools]\npy-modules = ["thing"]\n'


def way(envmatrix: Callable[..., Any], root: Path, name: str) -> str:
    return str(envmatrix("explain", name, "--json", cwd=root).json["way"])


def test_explain_says_which_way_a_cell_runs(project: Callable[..., Path], envmatrix: Callable[..., Any]) -> None:
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    assert "nothing is known" in way(envmatrix, root, "tox:a")
    assert envmatrix("run", "tox:a", cwd=root).returncode == 0
    assert way(envmatrix, root, "tox:a").startswith("without tox")
    again = envmatrix("run", "tox:a", cwd=root)
    assert (again.returncode, "without tox" in again.stderr) == (0, True)
    (root / "tox.ini").write_text(TOX_INI + "ignore_errors = true\n")
    assert way(envmatrix, root, "tox:a").endswith("changed since the last run through tox: tox.ini")


def test_a_package_is_built_once_and_again_when_its_source_changes(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    test = "import thing\n" + TEST.replace("pass", "self.assertEqual(thing.VALUE, open('value').read())")
    tox = TOX_INI.replace("skip_install = true", "package = wheel\nchange_dir = {tox_root}/tests")
    files = {"tox.ini": tox, "pyproject.toml": PYPROJECT, "src/thing/__init__.py": "VALUE = '1'\n"}
    root = project({**files, "tests/test_a.py": test, "tests/value": "1", ".gitignore": "build/\n*.egg-info\n"})
    first = envmatrix("-v", "run", "-j", "2", "tox:a", "tox:b", cwd=root)
    assert (first.returncode, first.stderr.count(": build_wheel>")) == (0, 1), first
    assert "without tox" in envmatrix("run", "tox:b", cwd=root).stderr
    (root / "src" / "thing" / "__init__.py").write_text("VALUE = '2'\n")
    (root / "tests" / "value").write_text("2")
    third = envmatrix("run", "tox:b", cwd=root)
    assert (third.returncode, ": build_wheel>" in third.stderr) == (0, True), third


def test_an_environment_that_was_not_finished_is_built_anew(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    (root / ".envmatrix" / "building").mkdir(parents=True)
    (root / ".envmatrix" / "building" / "a").touch()
    (root / ".tox" / "a" / "bin").mkdir(parents=True)
    (root / ".tox" / "a" / "bin" / "python").write_text("half")
    result = envmatrix("run", "tox:a", cwd=root)
    assert (result.returncode, "built anew" in result.stderr) == (0, True), result


def test_what_was_kept_may_be_damaged(project: Callable[..., Path], envmatrix: Callable[..., Any]) -> None:
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    envmatrix("run", "tox:a", cwd=root)
    for path in (root / ".envmatrix" / "cache").rglob("*.json"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert envmatrix("run", "tox:a", cwd=root).returncode == 0
    assert "without tox" in envmatrix("run", "tox:a", cwd=root).stderr


def test_an_environment_whose_system_packages_went_away_is_built_anew(project, envmatrix, without_libvirt):
    ini = "[tox]\nskipsdist = true\n[testenv]\ncommands = python -m unittest -v test_it\n"
    tests = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
    root = project({"tox.ini": ini, "test_it.py": tests})
    assert envmatrix("run", "full", cwd=root).returncode == 0
    assert "built anew" not in envmatrix("run", "full", cwd=root).stderr
    explained = envmatrix("explain", "full", cwd=root, within=without_libvirt)
    assert "it was built upon " in explained.stdout
    result = envmatrix("run", "full", cwd=root, within=without_libvirt)
    assert result.returncode == 0, result
    assert "full: built anew: it was built upon " in result.stderr
    assert "of the system, gone or changed since" in result.stderr


def test_the_tools_own_programs_are_none_of_the_tests(project, envmatrix):
    seen = "import shutil; assert shutil.which('pytest') is None; assert shutil.which('uv')"
    ini = f'[tox]\nskipsdist = true\n[testenv]\ncommands =\n    python -c "{seen}"\n    python -m unittest -v test_it\n'
    tests = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
    root = project({"tox.ini": ini, "test_it.py": tests})
    for way in ("through tox", "without tox"):
        result = envmatrix("run", "restricted", cwd=root)
        assert result.returncode == 0, (way, result)
        assert ("without tox" in result.stderr) == (way == "without tox"), result


def test_the_second_environment_has_the_bytecode_of_the_first(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    tox = TOX_INI.replace("commands", "deps = iniconfig\ncommands").replace("-m unittest", "-m iniconfig_user")
    user = "import iniconfig, unittest\nunittest.main(module='test_a', argv=['x'])\n"
    root = project({"tox.ini": tox, "test_a.py": TEST, "iniconfig_user.py": user})
    done = envmatrix("run", "tox:a", "tox:b", cwd=root)
    assert done.returncode == 0, done
    modules = [next((root / ".tox" / name).glob("lib/python*/site-packages/iniconfig/__init__.py")) for name in "ab"]
    caches = [next((module.parent / "__pycache__").glob("__init__.*.pyc")) for module in modules]
    # uv links where it can: from another file system it copies, and then each environment has its own
    assert caches[0].samefile(caches[1]) == modules[0].samefile(modules[1])


def test_what_a_build_leaves_in_the_projects_folder_is_nothing_of_the_systems(project, envmatrix):
    ini = "[testenv]\npackage = sdist\ncommands = python -m unittest -v test_it\n"
    test = "import unittest, thing\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
    root = project(
        {"tox.ini": ini, "test_it.py": test, "thing.py": "VALUE = 1\n", "pyproject.toml": PYPROJECT + MODULES}
    )
    assert envmatrix("run", "restricted", cwd=root).returncode == 0
    assert list(root.glob("*.egg-info"))
    (root / "thing.py").write_text("VALUE = 2\n")
    (root / "thing.egg-info" / "later.txt").write_text("as of a build by hand")
    result = envmatrix("run", "restricted", "--json", cwd=root)
    assert result.returncode == 0, result
    assert "built anew" not in result.stderr
    (name,) = (cell["evidence"] for cell in result.json["cells"])
    (record,) = root.glob(f".envmatrix/evidence/*/restricted/{name}.json")
    owners = {one["name"]: one["owner"] for one in json.loads(record.read_bytes())["distributions"]}
    assert owners["thing"] == "env"
    assert "system" not in owners.values()
