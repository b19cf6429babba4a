"""A profile that extends an environment of the project's own has all of its settings, however tox's file says them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEST = """import os, unittest

class Case(unittest.TestCase):
    def test_settings(self):
        self.assertEqual((os.environ.get("OWN"), os.environ.get("FACTOR")), ("1", "1"))
"""
COMMANDS = "python -m unittest -q test_it"
GENERATIVE = f"""[tox]
env_list = py311
[testenv]
skip_install = true
commands = {COMMANDS}
[testenv:{{section}}]
set_env =
    OWN = 1
    {{factor}}: FACTOR = 1
"""
TOML = f"""env_list = ["lib-py311"]
[env_run_base]
skip_install = true
commands = [["{'", "'.join(COMMANDS.split())}"]]
[env_base.lib]
factors = [["py310", "py311"]]
set_env = {{ OWN = "1", FACTOR = "1" }}
"""
BRACES = GENERATIVE.format(section="{py310,py311}", factor="py311")
FILES = {
    "braces": ("tox.ini", BRACES, "py311"),
    "product": ("tox.ini", GENERATIVE.format(section="unit-py3{10,11}{,-x}", factor="x"), "unit-py311-x"),
    "range": ("tox.ini", GENERATIVE.format(section="py3{10-12}", factor="py311"), "py311"),
    "name": ("tox.ini", GENERATIVE.format(section="py311", factor="py311"), "py311"),
    "setup.cfg": ("setup.cfg", BRACES.replace("[tox]", "[tox:tox]"), "py311"),
    "toml": ("tox.toml", TOML, "lib-py311"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_profile_that_extends_an_environment_has_its_settings(
    project: Callable[..., Path], envmatrix: Callable[..., Any], kind: str
) -> None:
    name, content, env = FILES[kind]
    root = project({name: content, "test_it.py": TEST, "profiles/mine.toml": f'extends = "tox:{env}"\n'})
    for wanted in (f"tox:{env}", "mine"):
        result = envmatrix("run", wanted, cwd=root)
        assert result.returncode == 0, (content, result)
