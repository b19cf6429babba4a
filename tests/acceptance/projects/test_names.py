"""Every name in a document is understood by every verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gate_lab import states

if TYPE_CHECKING:
    from results import Result

INI = "[tox]\nskipsdist = true\nenv_list = a-b\n[testenv]\ncommands = python -m unittest -v test_it\n"
TEST = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_it(self):\n        pass\n"


def test_the_cell_of_a_tox_environment(
    project: Callable[..., Path], envmatrix: Callable[..., Result], tmp_path: Path
) -> None:
    root, store = project({"tox.ini": INI, "test_it.py": TEST}), ("--store", str(tmp_path / "store"))
    (planned,) = envmatrix("plan", "tox:a-b", "--json", cwd=root).json["cells"]
    name = planned.get("name") or planned["cell"]["name"]
    assert name == "a-b"
    assert envmatrix("plan", name, cwd=root).returncode == 0
    assert envmatrix("explain", name, cwd=root).returncode == 0
    assert states(envmatrix("run", name, "--json", *store, cwd=root).json) == {name: "passed"}
    (record,) = (tmp_path / "store").glob("*/a-b/*.json")
    told = envmatrix("report", str(record), "--format", "json", cwd=root)
    assert states(told.json) == {name: "passed"}, told
    assert envmatrix("report", record.stem, "--format", "json", *store, cwd=root).returncode == 0
    assert envmatrix("gate", "HEAD", "--profile", name, *store, cwd=root).returncode == 0
