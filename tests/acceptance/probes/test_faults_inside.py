"""Faults that no probe of the host can see: they are in the finished environment, and told before the first test."""

import subprocess
import sys

import pytest

BASE = "[testenv]\nskip_install = true\n"
UNITTEST = "commands = python -m unittest -v test_it\n"
TEST = """import unittest

import libvirt


class Case(unittest.TestCase):
    def test_open(self):
        libvirt.open("test:///default").close()
"""
FAKE = "def open(uri):\n    raise RuntimeError('fake')\n\n\ndef getVersion():\n    return 9000000\n"


@pytest.fixture
def run(project, envmatrix, other_python, path_first):
    """Run the profile `libvirt` of a project with its system Python not first in PATH."""

    def go(files, *, ini=BASE + UNITTEST, tests=TEST, names=("libvirt",), env=None, **more):
        root = project({"tox.ini": ini, "test_it.py": tests, **files})
        result = envmatrix("run", "--json", *names, cwd=root, env={"PATH": path_first(other_python), **(env or {})})
        assert "Traceback" not in result.stderr, result
        return root, result

    return go


def breach(result, code):
    found = [one for one in result.json["breaches"] if one["code"] == code]
    assert found, result
    return found[0]["message"]


def test_nothing_wrong_passes(run):
    _, result = run({})
    assert result.returncode == 0, result


def test_a_file_of_the_project_shadows_the_bindings(run, system_python):
    root, result = run({"libvirt.py": FAKE})
    assert result.returncode == 3, result
    message = breach(result, "env_mismatch")
    assert "the plan saw libvirt in /usr/lib/python3/dist-packages/libvirt.py" in message
    assert str(root / "libvirt.py") in message
    assert result.json["cells"][0]["state"] == "inconclusive"


def test_pythonpath_that_the_project_passes_shadows_the_bindings(run, tmp_path):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "libvirt.py").write_text(FAKE)
    _, result = run({}, ini=f"{BASE}pass_env = PYTHONPATH\n{UNITTEST}", env={"PYTHONPATH": str(tmp_path / "path")})
    assert result.returncode == 3, result
    assert str(tmp_path / "path" / "libvirt.py") in breach(result, "env_mismatch")


def test_the_users_site_cannot_shadow_the_bindings(run, system_python, tmp_path):
    home = tmp_path / "home"
    version = ".".join(system_python.name.removeprefix("python").split(".")[:2])
    site = home / ".local" / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    (site / "libvirt.py").write_text(FAKE)
    _, result = run({}, env={"HOME": str(home)})
    # The user's own packages are nobody else's: an environment with the system's packages has them shut out.
    assert result.returncode == 0, result


def test_a_wheel_that_a_dependency_pulls_in_shadows_the_bindings(run):
    setup = "from setuptools import setup\nsetup(name='libvirt-python', version='99', py_modules=['libvirt'])\n"
    _, result = run(
        {"fake/setup.py": setup, "fake/libvirt.py": FAKE}, ini=f"{BASE}deps = {{tox_root}}/fake\n{UNITTEST}"
    )
    assert result.returncode == 3, result
    message = breach(result, "env_mismatch")
    assert "site-packages/libvirt.py" in message
    assert "shadows" in message


def test_a_profile_that_requires_bindings_and_keeps_the_system_out(run):
    files = {"profiles/virt.toml": 'description = "x"\nextends = "restricted"\nrequires = ["libvirt"]\n'}
    _, result = run(files, names=("virt",))
    assert result.returncode == 3, result
    message = breach(result, "env_mismatch")
    assert "`import libvirt` fails inside the finished environment" in message
    assert "No module named 'libvirt'" in message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "signal 11"),
        ("import sys\nsys.exit(0)\n", "SystemExit"),
        ("print('x' * 2**20)\nraise ImportError('undefined symbol: virOpen')\n", "undefined symbol: virOpen"),
        ("import os\nos._exit(0)\n", "exit code 0"),
    ],
)
def test_an_import_that_misbehaves_inside_is_told_and_hurts_nobody(run, body, says):
    capability = '[binding]\nmodule = "binding"\n'
    files = {
        "binding.py": body,
        "profiles/capabilities.toml": capability,
        "profiles/bind.toml": 'description = "x"\nextends = "restricted"\nrequires = ["binding"]\n',
    }
    _, result = run(files, names=("bind",), tests="import unittest\n")
    assert result.returncode == 3, result
    assert says in breach(result, "env_mismatch")


def test_a_script_that_was_already_satisfied_is_this_environments(run, system_python, tmp_path):
    """A dependency that the system has leaves no script in the environment; the cell gets one of its own."""
    site = tmp_path / "dist"
    _pip_install(system_python, site)
    ini = f"{BASE}set_env =\n    PYTHONPATH = {site}\ncommands = sayprefix\n"
    root, _ = run({}, ini=ini, tests=TEST, names=("full",))
    log = next((root / ".envmatrix" / "runs").glob("*/full/output.log")).read_text()
    assert f"prefix is {root}/.tox/full" in log, log
    script = (root / ".tox" / "full" / "bin" / "sayprefix").read_text()
    assert script.startswith(f"#!{root}/.tox/full/bin/python")


def _pip_install(python, target):
    package = target.parent / "package"
    package.mkdir()
    (package / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='sayprefix', version='1', py_modules=['sayprefix'],"
        " entry_points={'console_scripts': ['sayprefix=sayprefix:main']})\n"
    )
    (package / "sayprefix.py").write_text("import sys\n\n\ndef main():\n    print('prefix is', sys.prefix)\n")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, package]
    subprocess.run(command, check=True)


def test_a_runner_that_only_another_python_has_is_refused(run, tmp_path):
    """allowlist_externals = * would run another Python's pytest, which tests with other packages."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pytest").write_text("#!/bin/sh\necho 5 passed\n")
    (tools / "pytest").chmod(0o755)
    path = f"{tools}:/usr/local/bin:/usr/bin:/bin"
    _, result = run({}, ini=f"{BASE}allowlist_externals = *\ncommands = pytest\n", names=("full",), env={"PATH": path})
    assert result.returncode == 3, result
    (cell,) = result.json["cells"]
    assert "would run the one of another Python from PATH" in cell["reasons"][0]["message"]


def test_usr_bin_env_python_in_a_test_is_the_cells(run, tmp_path):
    tests = """import subprocess, sys, unittest


class Case(unittest.TestCase):
    def test_same(self):
        found = subprocess.check_output(["/usr/bin/env", "python", "-c", "import sys; print(sys.prefix)"], text=True)
        self.assertEqual(found.strip(), sys.prefix)
"""
    _, result = run({}, tests=tests, names=("full",))
    assert result.returncode == 0, result


@pytest.mark.parametrize(
    "variable", ["VIRTUALENV_SYSTEM_SITE_PACKAGES=1", "PIP_TARGET=/nonexistent/x", "PIP_USER=1", "PYTHONPATH={site}"]
)
def test_restricted_stays_restricted_whatever_the_caller_sets(run, tmp_path, variable):
    site = tmp_path / "site"
    site.mkdir()
    (site / "stray.py").write_text("")
    name, _, value = variable.format(site=site).partition("=")
    tests = """import importlib.util, unittest


class Case(unittest.TestCase):
    def test_nothing_of_outside(self):
        for name in ("libvirt", "stray"):
            self.assertIsNone(importlib.util.find_spec(name), name)
        self.assertIsNotNone(importlib.util.find_spec("iniconfig"))
"""
    ini = f"{BASE}pass_env = PYTHONPATH\ndeps = iniconfig\n{UNITTEST}"
    _, result = run({}, ini=ini, tests=tests, names=("restricted",), env={name: value})
    assert result.returncode == 0, result


def test_restricted_names_what_the_tests_loaded_from_outside(run, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "stray.py").write_text("")
    tests = f"""import sys, unittest

sys.path.append({str(outside)!r})
import stray


class Case(unittest.TestCase):
    def test_one(self):
        pass
"""
    # what tests write below the folder for temporary files is theirs; this is not below it
    (tmp_path / "tmp").mkdir()
    _, result = run({}, tests=tests, names=("restricted",), env={"TMPDIR": str(tmp_path / "tmp")})
    assert result.returncode == 3, result
    message = breach(result, "env_mismatch")
    assert f"stray ({outside / 'stray.py'})" in message
    assert result.json["cells"][0]["state"] == "inconclusive"
