"""Projects in odd places, and callers with odd variables: none of it changes what runs, none of it is a traceback."""

import shutil

import pytest

INI = "[tox]\nno_package = true\n[testenv]\nskip_install = true\ncommands = python -m unittest discover -s tests\n"
TESTS = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
PASSED = "passed: 1 of 1 cell passed - exit 0"


def lay(root):
    (root / "tests").mkdir(parents=True)
    (root / "tox.ini").write_text(INI)
    (root / "tests" / "test_it.py").write_text(TESTS)
    return root


@pytest.mark.parametrize("name", ["a b'c", "ünï日本", "x" * 150, "[a]%b"])
def test_a_folder_of_any_name(tmp_path, envmatrix, name):
    result = envmatrix("run", "full", cwd=lay(tmp_path / name))
    assert PASSED in result.stdout, result


def test_a_symlinked_checkout_and_a_folder_inside_it(tmp_path, envmatrix):
    lay(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    result = envmatrix("run", "full", cwd=tmp_path / "link" / "tests")
    assert PASSED in result.stdout, result


def test_a_subfolder_of_a_repository(project, envmatrix, git):
    root = project({"other.txt": "x"})
    lay(root / "parts" / "one")
    git("add", "-A", cwd=root)
    result = envmatrix("run", "full", cwd=root / "parts" / "one")
    assert PASSED in result.stdout, result


@pytest.mark.parametrize(
    "variables",
    [
        {"TOX_SKIP_ENV": ".*"},
        {"TOX_CONFIG_FILE": "/nowhere/tox.ini"},
        {"TOX_NO_TEST": "1"},
        {"TOX_LABELS": "other"},
        {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix"},
        {"TOX_COLORED": "yes", "LC_ALL": "C", "LANG": "C"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_what_the_caller_set_for_tox_sessions_of_his_own(tmp_path, envmatrix, variables):
    result = envmatrix("run", "full", cwd=lay(tmp_path / "project"), env=variables)
    assert PASSED in result.stdout, result


def test_without_a_home(tmp_path, envmatrix):
    result = envmatrix("run", "full", cwd=lay(tmp_path / "project"), within=("env", "-u", "HOME"))
    assert PASSED in result.stdout, result


# Root without the right to pass over permissions: what belongs to another user is as closed to it as to anybody.
ORDINARY = (
    "setpriv",
    "--bounding-set",
    "-dac_override,-dac_read_search",
    "--inh-caps",
    "-dac_override,-dac_read_search",
)


def give_away(*paths, mode):
    for path in paths:
        path.chmod(mode)
        shutil.chown(path, "nobody")


def test_another_users_folder_in_path_is_passed_over(tmp_path, envmatrix):
    root, locked = lay(tmp_path / "project"), tmp_path / "locked"
    (locked / "shims").mkdir(parents=True)
    give_away(locked, mode=0o700)
    environ = {"PATH": f"{locked}/shims:{locked}:/usr/bin:/bin"}
    result = envmatrix("plan", "full", cwd=root, env=environ, within=ORDINARY)
    assert "1 of 1 cell can run on this host" in result.stdout, result


def test_a_checkout_that_cannot_be_written(tmp_path, envmatrix):
    root = lay(tmp_path / "project")
    give_away(root, root / "tests", mode=0o755)
    refused = envmatrix("run", "full", cwd=root, within=ORDINARY)
    assert refused.returncode == 3, refused
    assert "TOX_WORK_DIR=FOLDER" in refused.stdout
    elsewhere = {"TOX_WORK_DIR": str(tmp_path / "work")}
    unkept = envmatrix("run", "full", cwd=root, env=elsewhere, within=ORDINARY)
    assert unkept.returncode == 4, unkept
    assert "passed: 1 of 1 cell passed - exit 4" in unkept.stdout
    kept = envmatrix("run", "full", "--store", str(tmp_path / "store"), cwd=root, env=elsewhere, within=ORDINARY)
    assert kept.returncode == 0, kept


def test_a_colon_in_the_path_hides_what_is_installed_and_is_said(tmp_path, envmatrix):
    root = lay(tmp_path / "a:b")
    result = envmatrix("run", "full", cwd=root)
    assert result.returncode == 3, result
    assert "ends a folder's name in PATH" in " ".join(result.stdout.split()), result
    result = envmatrix("run", "full", cwd=root, env={"TOX_WORK_DIR": str(tmp_path / "tox")})
    assert PASSED in result.stdout, result
