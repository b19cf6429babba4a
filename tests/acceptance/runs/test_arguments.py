"""What follows -- reaches a command, or nothing is run and a sentence says so."""

from __future__ import annotations

import pytest

INI = "[tox]\nskipsdist = true\n[testenv]\nchange_dir = {{tox_root}}/sub\nset_env = {set_env}\ncommands = {commands}\n"
TEST = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self): pass\n    def test_b(self): pass\n"
RUNNER = "import os, sys, unittest\nunittest.main('test_a', argv=['x', *os.environ.get('ARGS', '').split()])\n"


def files(commands, set_env=""):
    return {
        "tox.ini": INI.format(commands=commands, set_env=set_env),
        "sub/test_a.py": TEST,
        "sub/runner.py": RUNNER,
        "profiles/unit.toml": 'extends = "restricted"\n',
    }


@pytest.mark.parametrize("way", [(), ("--no-warm",)])
def test_arguments_that_no_command_takes_are_said_and_nothing_is_run(envmatrix, project, way):
    root = project(files("python -m unittest -v"))
    result = envmatrix("run", *way, "--", "-k", "test_b", cwd=root)
    assert result.returncode == 3, result
    assert "the arguments after -- (-k test_b) reach no command, so no command was run" in result.stdout
    assert "write {posargs} into the commands of\n              tox.ini" in result.stdout
    assert "Ran " not in result.output
    assert envmatrix("run", "--json", *way, cwd=root).json["cells"][0]["tests"]["passed"] == 2


def test_arguments_that_are_no_text_are_refused_before_anything_runs(envmatrix, project):
    result = envmatrix("run", "--", "-k", "test_\udcff", cwd=project(files("python -m unittest {posargs}")))
    assert (result.returncode, result.stdout) == (2, "")
    assert "-- -k 'test_\\xff': not text in UTF-8" in result.stderr


def test_the_remedy_is_in_the_words_of_the_file_that_has_the_commands(envmatrix, project):
    tree = files("true") | {"profiles/unit.toml": 'extends = "restricted"\n[env]\ncommands = [["python", "-V"]]\n'}
    (cell,) = envmatrix("run", "--json", "--", "-v", cwd=project(tree)).json["cells"]
    assert [reason["code"] for reason in cell["reasons"]] == ["arguments_unused"]
    assert 'write { replace = "posargs", extend = true } into the commands of profiles/unit.toml:3' in str(cell)


@pytest.mark.parametrize(
    ("commands", "set_env"),
    [
        ("python -V\n    python -m unittest {posargs}", ""),
        ("python -m unittest {posargs:-v}", ""),
        ("python runner.py", "ARGS={posargs}"),
    ],
)
def test_arguments_reach_a_command_by_its_words_or_by_a_variable(envmatrix, project, commands, set_env):
    root = project(files(commands, set_env))
    for _ in range(2):  # the second time without tox
        (cell,) = envmatrix("run", "--json", "--", "-k", "test_b", cwd=root).json["cells"]
        assert (cell["state"], cell["tests"]["passed"]) == ("passed", 1), cell
