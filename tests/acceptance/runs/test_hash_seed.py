"""A hash seed that the caller pins is the commands' in every run, through tox or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INI = "[testenv]\nskip_install = true\ncommands = python -m unittest -q test_a\n"
TEST = """import os, unittest

class A(unittest.TestCase):
    def test_a(self):
        with open("seeds", "a") as file:
            file.write(os.environ.get("PYTHONHASHSEED", "unset") + "\\n")
"""


@pytest.mark.parametrize(
    ("variables", "seed"),
    [
        ({"TOX_HASH_SEED": "77"}, "77"),
        ({"TOXHASH_SEED": "77"}, "77"),
        ({"PYTHONHASHSEED": "77"}, "77"),
        ({"PYTHONHASHSEED": "0"}, "0"),
        ({"PYTHONHASHSEED": "7", "TOX_HASH_SEED": "77"}, "77"),
        ({"PYTHONHASHSEED": "random"}, ""),
        ({"PYTHONHASHSEED": ""}, ""),
        ({"TOX_USER_CONFIG_FILE": "user.ini"}, "77"),
        ({}, ""),
    ],
)
def test_a_pinned_seed_stays_and_a_drawn_one_is_drawn_anew(
    project: Callable[..., Path], envmatrix: Callable[..., Any], variables: dict[str, str], seed: str
) -> None:
    files = {"tox.ini": INI, "test_a.py": TEST, "user.ini": "[tox]\nhash_seed = 77\n", ".gitignore": "seeds\n"}
    root = project(files)
    if "TOX_USER_CONFIG_FILE" in variables:
        variables = {"TOX_USER_CONFIG_FILE": str(root / "user.ini")}
    for _ in range(3):
        result = envmatrix("run", "restricted", cwd=root, env=variables)
        assert result.returncode == 0, result
    assert "without tox" in result.stderr
    seen = (root / "seeds").read_text().split()
    assert set(seen) == {seed} if seed else len(set(seen)) == 3, seen
