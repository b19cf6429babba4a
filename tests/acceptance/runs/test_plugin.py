"""``tox`` beside envmatrix: the same environments, nothing lost of what tox can do."""

import json
import sys

import pytest

TEST = "import os, sys, unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
SHOW = (
    "python -c \"import json, os, sys; print(json.dumps([sys.prefix, os.environ.get('WHO'), sys.argv[1:]]))\" {posargs}"
)
INI = f"[tox]\nskipsdist = true\nenv_list = own\n[testenv]\ncommands = {SHOW}\n"
INI += "set_env =\n    WHO = base\n    red: WHO = red\n"
PROFILE = """description = "x"
extends = "restricted"
[axes]
color = ["red", "blue"]
"""


@pytest.fixture
def tox(execute):
    return lambda *args, cwd, **env: execute(sys.executable, "-m", "tox", *args, cwd=cwd, env=env)


def printed(result):
    return json.loads(next(line for line in result.stdout.splitlines() if line.startswith("[")))


@pytest.fixture
def root(project):
    return project({"tox.ini": INI, "profiles/paint.toml": PROFILE, "test_it.py": TEST})


def test_tox_lists_and_configures_the_cells(tox, root):
    listed = tox("list", "--no-desc", "-q", cwd=root)
    assert listed.returncode == 0, listed
    assert {"own", "paint-red", "paint-blue"} <= set(listed.stdout.split())
    config = tox("config", "-e", "paint-red", "-k", "system_site_packages", "set_env", cwd=root)
    assert config.returncode == 0, config
    assert "system_site_packages = False" in config.stdout
    assert "WHO=red" in config.stdout


def test_tox_runs_a_cell_with_posargs_and_an_override_still_wins(tox, root):
    result = tox("-e", "paint-red", "-x", "testenv:paint-red.set_env=WHO=caller", "--", "one", cwd=root)
    assert result.returncode == 0, result
    prefix, who, arguments = printed(result)
    assert prefix.endswith("paint-red")
    assert (who, arguments) == ("caller", ["one"])


def test_tox_and_envmatrix_use_the_same_environment(tox, envmatrix, root):
    envmatrix("run", "paint-blue", cwd=root)
    stamp = (root / ".tox" / "paint-blue" / "pyvenv.cfg").stat()
    assert tox("-e", "paint-blue", cwd=root).returncode == 0
    envmatrix("run", "paint-blue", "--no-warm", cwd=root)
    again = (root / ".tox" / "paint-blue" / "pyvenv.cfg").stat()
    assert (again.st_ino, again.st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)


@pytest.mark.parametrize("name", ["paint-green", "paint", "full-py27", "restricted-nonsense"])
def test_a_name_that_no_profile_defines_is_refused(tox, root, name):
    result = tox("-e", name, cwd=root)
    assert result.returncode != 0, result
    assert not (root / ".tox" / name / "pyvenv.cfg").exists()
    assert "Traceback" not in result.output


def test_the_projects_own_environments_are_as_before(tox, root):
    result = tox("-e", "own", cwd=root)
    assert result.returncode == 0, result
    assert printed(result)[1] == "base"


def test_broken_profiles_do_not_break_the_projects_own_environments(tox, root):
    (root / "profiles" / "paint.toml").write_text("nonsense = 1\n")
    assert tox("-e", "own", cwd=root).returncode == 0
    refused = tox("-e", "paint-red", cwd=root)
    assert refused.returncode != 0
    assert "profiles/paint.toml" in refused.output
    assert "Traceback" not in refused.output


def test_only_what_is_asked_for_is_defined(tox, project):
    many = 'description = "x"\nextends = "restricted"\n[axes]\nnumber = [%s]\n'
    root = project(
        {"tox.ini": INI, "profiles/many.toml": many % ", ".join(f'"n{number}"' for number in range(500))}, name="many"
    )
    result = tox("-e", "many-n7", "-vv", cwd=root)
    assert result.returncode == 0, result
    assert not (root / ".tox" / "many-n8").exists()


def test_a_tox_that_has_to_provision_itself_keeps_the_plugin(tox, envmatrix, project):
    ini = INI.replace("[tox]\n", "[tox]\nrequires = tox-ignore-env-name-mismatch\n") + "commands_pre = python -V\n"
    ini = ini.replace(f"commands = {SHOW}", "commands = python -m unittest -v test_it")
    root = project({"tox.ini": ini, "profiles/paint.toml": PROFILE, "test_it.py": TEST}, name="provisioned")
    result = envmatrix("run", "--json", "paint-red", cwd=root, timeout_s=600)
    assert result.returncode == 0, result
    assert result.json["cells"][0]["tests"]["passed"] == 1
    assert (root / ".tox" / ".tox").is_dir()


def test_a_tox_that_the_tests_start_is_no_part_of_the_run(envmatrix, project):
    tests = TEST.replace("pass\n", "self.assertNotIn('ENVMATRIX_JOB', os.environ)\n")
    ini = "[testenv]\nskip_install = true\npass_env = *\ncommands = python -m unittest -v test_it\n"
    root = project({"tox.ini": ini, "test_it.py": tests}, name="nested")
    for _ in range(2):  # through tox, and without it
        result = envmatrix("run", "restricted", "--json", cwd=root)
        assert result.returncode == 0, result
