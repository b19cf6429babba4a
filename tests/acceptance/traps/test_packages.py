"""What a package is built from lies anywhere in the repository: the second run is never greener than tox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

BUILD = '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
TOX = "[tox]\nenv_list = a\n[testenv]\nrunner = virtualenv\n{env}\ncommands = python -m unittest -q test_it\n"
TEST = "import unittest\n\nfrom demo import VALUE\n\n\nclass Case(unittest.TestCase):\n"
TEST += "    def test_value(self):\n        self.assertEqual(VALUE, 1)\n"
CODE = "VALUE = {}\n"
IGNORE = "build\n*.egg-info\n.envmatrix\n/.tox\n"
READS = "import pathlib\n\nVALUE = int(pathlib.Path(__file__).parent.joinpath({!r}).read_text())\n"
CFG = "[metadata]\nname = demo\nversion = 1\n[options]\npackages = demo\n"
SIBLING = f"{CFG}package_dir =\n    = ../sibling/src\n"
COMPUTED = """import os
from setuptools import setup

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
place = os.path.join(PLACE, "src/demo")
setup(name="demo", version="1", packages=["demo"], package_dir={"demo": os.path.relpath(place)})
"""
UP = 'os.path.join(os.path.dirname(here), "sibling")'
WHEEL = """import pathlib, zipfile

place = pathlib.Path("../out")
place.mkdir(exist_ok=True)
with zipfile.ZipFile(place / "demo-1-py3-none-any.whl", "w") as archive:
    archive.writestr("demo.py", pathlib.Path("../sibling/src/demo/__init__.py").read_text())
    archive.writestr("demo-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: demo\\nVersion: 1\\n")
    archive.writestr("demo-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr("demo-1.dist-info/RECORD", "")
"""
EXTERNAL = """package = external
package_env = .pkg_own
[testenv:.pkg_own]
commands = python make.py
package_glob = {tox_root}/../out/*.whl
[testenv:a]"""


def data(folder: str, *, manifest: bool = False) -> dict[str, str]:
    """A package with data in a folder of this name, which git tracks."""
    place = f"{folder}/value"
    options = "include_package_data = true\n" if manifest else f"[options.package_data]\ndemo = {place}\n"
    files = {"project/demo/__init__.py": READS.format(place), f"project/demo/{place}": "1"}
    more = {"project/MANIFEST.in": f"recursive-include demo/{folder} *\n"} if manifest else {}
    return {"project/pyproject.toml": BUILD, "project/setup.cfg": CFG + options, **files, **more}


SOURCE = {"sibling/src/demo/__init__.py": CODE.format(1)}
KINDS: dict[str, tuple[Mapping[str, str], str, str]] = {
    "setup.cfg": ({"project/pyproject.toml": BUILD, "project/setup.cfg": SIBLING, **SOURCE}, "", *SOURCE),
    "setup.py": ({"project/setup.py": COMPUTED.replace("PLACE", UP), **SOURCE}, "", *SOURCE),
    "external": ({"project/make.py": WHEEL, "project/pyproject.toml": BUILD, **SOURCE}, EXTERNAL, *SOURCE),
    "node_modules": (data("node_modules"), "", "project/demo/node_modules/value"),
    ".cache": (data(".cache"), "", "project/demo/.cache/value"),
    ".venv": (data(".venv"), "", "project/demo/.venv/value"),
    "MANIFEST.in": (data("node_modules", manifest=True), "", "project/demo/node_modules/value"),
    ".tox": (data(".tox"), "", "project/demo/.tox/value"),
}


def run_twice(root: Path, envmatrix: Callable[..., Any], place: Path) -> tuple[Any, Any]:
    first = envmatrix("run", "tox:a", cwd=root)
    assert first.returncode == 0, first
    place.write_text(place.read_text().replace("1", "2"))
    return first, envmatrix("run", "tox:a", cwd=root)


@pytest.mark.parametrize("at_top", [False, True], ids=["below", "top"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_elsewhere_in_the_repository_is_built_again(
    project: Callable[..., Path], envmatrix: Callable[..., Any], kind: str, at_top: bool
) -> None:
    files, env, changed = KINDS[kind]
    tox = TOX.format(env=env or "package = wheel")
    ignored = {".gitignore": "build\n*.egg-info\n__pycache__\n.envmatrix\n/project/.tox\nout\n"}
    repository = project({"project/tox.ini": tox, "project/test_it.py": TEST, **files, **ignored}, name="repository")
    if at_top:  # the project is a repository of its own, and what it is built from may lie outside of that
        (repository / ".git").rename(repository / "project" / ".git")
    _, second = run_twice(repository / "project", envmatrix, repository / changed)
    assert second.returncode == 1, second


@pytest.mark.parametrize("kind", [".cache", ".venv", "node_modules"])
def test_a_dependency_with_data_in_such_a_folder_is_built_again(
    project: Callable[..., Path], envmatrix: Callable[..., Any], kind: str
) -> None:
    library = {place.replace("project/", "lib/", 1): content for place, content in data(kind).items()}
    tox = TOX.format(env="skip_install = true\ndeps = ./lib")
    root = project(
        {"tox.ini": tox, "test_it.py": TEST, ".gitignore": "build\n*.egg-info\n.envmatrix\n/.tox\n", **library}
    )
    _, second = run_twice(root, envmatrix, root / f"lib/demo/{kind}/value")
    assert second.returncode == 1, second


def test_a_package_of_the_repository_runs_without_tox_while_it_stays_the_same(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    files, _, _ = KINDS["setup.py"]
    root = project({"project/tox.ini": TOX.format(env="package = wheel"), "project/test_it.py": TEST, **files})
    for _ in range(2):
        result = envmatrix("run", "tox:a", cwd=root / "project")
    assert (result.returncode, "without tox" in result.stderr) == (0, True), result
