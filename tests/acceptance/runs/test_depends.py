"""Cells run in the order that tox's ``depends`` asks for, however they are named and however many run at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INI = """[tox]
env_list = t1, t2, report
[testenv]
skip_install = true
commands = python -m unittest -q test_{env_name}
[testenv:t{1,2}]
commands = python -m unittest -q test_write
set_env = NAME = {env_name}
[testenv:report]
DEPENDS
commands = python -m unittest -q test_read
"""
WRITE = """import os, pathlib, time, unittest

class Write(unittest.TestCase):
    def test_write(self):
        time.sleep(0.3)
        pathlib.Path(".data").mkdir(exist_ok=True)
        pathlib.Path(".data", os.environ["NAME"][-2:]).touch()
"""
READ = """import pathlib, unittest

class Read(unittest.TestCase):
    def test_read(self):
        self.assertEqual(len(list(pathlib.Path(".data").glob("t*"))), 2)
"""
PROFILES = {f"profiles/p{name}.toml": f'extends = "tox:{name}"\n' for name in ("t1", "t2", "report")}
BY_PROFILE = {"profiles/preport.toml": 'extends = "tox:report"\n[env]\ndepends = ["pt*"]\n'}


@pytest.mark.parametrize("jobs", ["1", "2", "3"])
@pytest.mark.parametrize(
    ("depends", "names", "more"),
    [
        ("depends = t1, t2", ["tox:report", "tox:t2", "tox:t1"], {}),
        ("depends = t*", ["tox:report", "tox:t2", "tox:t1"], {}),
        ("depends = t{1,2}", ["preport", "pt1", "pt2"], {}),
        ("", ["preport", "pt1", "pt2"], BY_PROFILE),
    ],
    ids=["names", "pattern", "profiles", "profile's own"],
)
def test_what_depends_names_runs_first(
    project: Callable[..., Path],
    envmatrix: Callable[..., Any],
    depends: str,
    names: list[str],
    more: dict[str, str],
    jobs: str,
) -> None:
    files = {"tox.ini": INI.replace("DEPENDS", depends), "test_write.py": WRITE, "test_read.py": READ}
    root = project({**files, **PROFILES, **more, ".gitignore": "*\n"})
    result = envmatrix("run", "-j", jobs, *names, cwd=root)
    assert result.returncode == 0, result


def test_environments_that_depend_on_each_other_are_refused(
    project: Callable[..., Path], envmatrix: Callable[..., Any]
) -> None:
    ini = "[testenv]\nskip_install = true\n[testenv:a]\ndepends = b\n[testenv:b]\ndepends = a\n"
    result = envmatrix("run", "tox:a", "tox:b", cwd=project({"tox.ini": ini}))
    assert (result.returncode, "wait for each other" in result.stderr) == (2, True), result
