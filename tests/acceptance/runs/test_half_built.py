"""Environments that are not what they were built to be: a full disk, an interrupted build, a damaged package."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RUNNERS = ("package = wheel", "runner = virtualenv", "package = wheel\nrunner = virtualenv")
INI = """[tox]
env_list = a
{tox}
[testenv]
{env}
deps = pytest
commands = python -m pytest -q test_a.py
"""
TEST = "import thing\n\ndef test_a():\n    assert thing.VALUE == 1\n"
PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "thing"
version = "1"

[tool.setuptools]
py-modules = ["thing"]
"""
FILES = {"pyproject.toml": PYPROJECT, "thing.py": "VALUE = 1\n", "test_a.py": TEST, ".gitignore": "*\n"}
# What the environments of these projects need grows to 25 MB, so that a disk is full in each of their steps.
SIZES_KB = (200, 600, 1200, 2500, 4000, 6000, 8000, 10000, 13000, 16000, 20000, 24000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """``disk(size_kb)``: a file system of that size, mounted or mounted again. Needs root."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size_kb: int) -> Path:
        options = f"size={size_kb}k"
        if place.is_mount():
            subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
        else:
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True)
        return place

    yield mount
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize(("size_kb", "env"), [*zip(SIZES_KB, itertools.cycle(RUNNERS), strict=False)])
def test_what_a_full_disk_cut_short_is_built_again(
    project: Callable[..., Path], envmatrix: Callable[..., Any], disk: Callable[[int], Path], size_kb: int, env: str
) -> None:
    root = project({"tox.ini": INI.format(tox="", env=env), **FILES}, name="project")
    place = disk(size_kb)
    subprocess.run(["cp", "-r", f"{root}/.", f"{place}/"], check=True)
    full = envmatrix("run", "restricted", cwd=place, env={"TMPDIR": "/tmp"})
    assert full.returncode in (0, 3, 4), full  # which is no vote against the content
    disk(400_000)
    second = envmatrix("run", "restricted", cwd=place)
    assert second.returncode == 0, (full, second)


@pytest.fixture
def built(project: Callable[..., Path], envmatrix: Callable[..., Any]) -> Callable[..., Path]:
    """``built(env)``: a project that passed once."""

    def build(env: str) -> Path:
        root = project({"tox.ini": INI.format(tox="", env=env), **FILES})
        first = envmatrix("run", "restricted", cwd=root, env={"UV_LINK_MODE": "copy"})
        assert first.returncode == 0, first
        return root

    return build


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def nonsense(path: Path) -> None:
    path.write_bytes(b"\0" + path.read_bytes())


DAMAGES = [
    ("_pytest/config/__init__.py", truncate),
    ("_pytest/main.py", Path.unlink),
    ("_pytest/python.py", nonsense),
    ("pytest/__init__.py", truncate),
    ("pytest/__main__.py", Path.unlink),
    ("pluggy/_hooks.py", nonsense),
]


@pytest.mark.parametrize("env", RUNNERS[:2], ids=["uv", "pip"])
@pytest.mark.parametrize(("module", "damage"), DAMAGES)
def test_an_environment_whose_runner_is_damaged_is_built_again(
    built: Callable[..., Path], envmatrix: Callable[..., Any], env: str, module: str, damage: Callable[[Path], None]
) -> None:
    root = built(env)
    (path,) = root.glob(f".tox/restricted/lib/python*/site-packages/{module}")
    damage(path)
    for cached in path.parent.glob("__pycache__/*.pyc"):
        cached.unlink()
    second = envmatrix("run", "restricted", cwd=root)
    if second.returncode != 0:  # else it was seen before a command ran
        assert second.returncode in (1, 3), second
        third = envmatrix("run", "restricted", cwd=root)
        assert third.returncode == 0, (second, third)
    assert "without tox" in envmatrix("run", "restricted", cwd=root).stderr


def test_an_environment_in_which_no_runner_ever_started_is_not_built_twice(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    root = project({"tox.ini": INI.format(tox="", env="").replace("-q test_a.py", "--no-such-option"), **FILES})
    for _ in range(3):
        result = envmatrix("run", "restricted", cwd=root)
        assert (result.returncode, "built anew" in result.stderr) == (3, False), result


@pytest.mark.parametrize("mark", [b"", b"tests ran\n", b"damaged\n", b"other"])
def test_an_environment_that_somebody_else_began_is_built_anew(
    project: Callable[..., Path], envmatrix: Callable[..., Any], mark: bytes
) -> None:
    root = project({"tox.ini": INI.format(tox="", env=""), **FILES})
    (root / ".tox" / "restricted" / "bin").mkdir(parents=True)
    (root / ".tox" / "restricted" / "bin" / "python").write_text("half")
    (root / ".tox" / "restricted" / ".envmatrix-ready").write_bytes(mark)
    result = envmatrix("run", "restricted", cwd=root)
    assert result.returncode == 0, result
