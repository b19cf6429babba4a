"""Things that an environment was built from change, and nothing in it is built again: the second run is no pass."""

import shutil

import pytest
from results import Result

METADATA = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "demo"
version = "1"

[tool.setuptools]
packages = ["demo"]
package-dir = {{"" = "src"}}
{}"""
EXTENSION = """#include <Python.h>

static PyObject *value(PyObject *self, PyObject *args) {{ return PyLong_FromLong({}); }}
static PyMethodDef methods[] = {{{{"value", value, METH_NOARGS, ""}}, {{0}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "_c", 0, -1, methods}};
PyMODINIT_FUNC PyInit__c(void) {{ return PyModule_Create(&module); }}
"""
TOX = """[tox]
{tox}
[testenv]
{env}
commands = python -m unittest -v test_it
"""
TEST = """import unittest

{}


class Case(unittest.TestCase):
    def test_value(self):
        self.assertEqual({}, 1)
"""
LINKS = """import pathlib

from setuptools import setup

pathlib.Path("src").mkdir(exist_ok=True)
if not pathlib.Path("src/linked").exists():
    pathlib.Path("src/linked").symlink_to("{}")
setup()
"""
IGNORE = "build\n*.egg-info\n*.so\n.tox\n.envmatrix\n*.pyc\n"
LIB = {"lib/pyproject.toml": METADATA.format(""), "lib/src/demo/__init__.py": "VALUE = 1\n"}
OF_LIB = {"test_it.py": TEST.format("import demo", "demo.VALUE")}


def green(result: Result) -> bool:
    return result.returncode == 0


@pytest.fixture
def twice(project, envmatrix):
    """``twice(files, change, env=…, tox=…)``: whether the first run and, after the change, the second one pass."""

    def run(files, change, *, env, tox="skipsdist = true"):
        ini = TOX.format(tox=tox, env=env)
        root = project({"tox.ini": ini, ".gitignore": IGNORE, **files})
        first = envmatrix("run", "restricted", cwd=root)
        assert green(first), first
        change(root)
        return envmatrix("run", "restricted", cwd=root)

    return run


def rewrite(place, content):
    return lambda root: (root / place).write_text(content)


@pytest.mark.parametrize("runner", ["", "runner = virtualenv\n"], ids=["uv", "pip"])
@pytest.mark.parametrize(
    ("dep", "more"),
    [("./lib", {}), ("-r needs.txt", {"needs.txt": "./lib ; python_version > '3'\n"})],
    ids=["folder", "requirements"],
)
def test_a_dependency_that_is_a_folder(twice, runner, dep, more):
    change = rewrite("lib/src/demo/__init__.py", "VALUE = 2\n")
    second = twice({**LIB, **OF_LIB, **more}, change, env=f"{runner}deps = {dep}")
    assert second.returncode == 1, second
    assert "changed since it was built: ./lib" in second.stderr


def test_a_dependency_that_is_a_folder_and_stays_the_same(twice):
    second = twice({**LIB, **OF_LIB}, lambda root: None, env="deps = ./lib")
    assert green(second), second
    assert "without tox" in second.stderr


def test_an_extension_in_an_editable_project(twice):
    extra = 'ext-modules = [{name = "demo._c", sources = ["src/demo/_c.c"]}]\n'
    files = {"pyproject.toml": METADATA.format(extra), "src/demo/__init__.py": "", "src/demo/_c.c": EXTENSION.format(1)}
    files["test_it.py"] = TEST.format("from demo import _c", "_c.value()")
    second = twice(files, rewrite("src/demo/_c.c", EXTENSION.format(2)), env="package = editable", tox="")
    assert second.returncode == 1, second


def test_a_package_that_is_a_link_to_another_place(twice, tmp_path):
    common = tmp_path / "common"
    common.mkdir()
    (common / "__init__.py").write_text("VALUE = 1\n")
    files = {"pyproject.toml": METADATA.format("").replace("demo", "linked"), "setup.py": LINKS.format(common)}
    files["test_it.py"] = TEST.format("import linked", "linked.VALUE")
    second = twice(
        files, lambda root: (common / "__init__.py").write_text("VALUE = 2\n"), env="package = wheel", tox=""
    )
    assert second.returncode == 1, second


def test_a_module_that_is_only_in_an_old_build(twice):
    files = {"pyproject.toml": METADATA.format(""), "src/demo/__init__.py": "", "src/demo/old.py": "VALUE = 1\n"}
    files["test_it.py"] = TEST.format("from demo import old", "old.VALUE")
    second = twice(files, lambda root: (root / "src/demo/old.py").unlink(), env="package = wheel", tox="")
    assert not green(second), second


EDITABLE = {"pyproject.toml": METADATA.format(""), "src/demo/__init__.py": "VALUE = 1\n"}
IN_DEPS = "package = skip\ndeps = -e ."


@pytest.fixture
def copied(project, envmatrix, tmp_path):
    """``copied(env=…)``: a checkout with its environments, copied, and then broken in the copy alone."""

    def copy(*, env, without=(), variables=None):
        ini = TOX.format(tox="", env=env)
        root = project({"tox.ini": ini, ".gitignore": IGNORE, **EDITABLE, **OF_LIB})
        first = envmatrix("run", "restricted", cwd=root, env=variables)
        assert green(first), first
        copy = tmp_path / "copy"
        shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(*without))
        (copy / "src/demo/__init__.py").write_text("VALUE = 2\n")
        return root, copy

    return copy


@pytest.mark.parametrize("runner", ["", "runner = virtualenv\n"], ids=["uv", "pip"])
@pytest.mark.parametrize("without", [(), (".envmatrix",)], ids=["everything", "environments alone"])
@pytest.mark.parametrize("env", [IN_DEPS, "package = editable"], ids=["deps", "package"])
def test_a_copied_checkout_runs_its_own_tests(copied, envmatrix, env, without, runner):
    root, copy = copied(env=f"{runner}{env}", without=without)
    for _ in range(2):
        second = envmatrix("run", "restricted", cwd=copy)
        assert second.returncode == 1, second
    assert green(envmatrix("run", "restricted", cwd=root))


def test_checkouts_that_share_a_work_directory_run_their_own_tests(copied, envmatrix, tmp_path):
    variables = {"TOX_WORK_DIR": str(tmp_path / "work")}
    root, copy = copied(env=IN_DEPS, variables=variables)
    for _ in range(2):
        assert envmatrix("run", "restricted", cwd=copy, env=variables).returncode == 1
        assert green(envmatrix("run", "restricted", cwd=root, env=variables))
