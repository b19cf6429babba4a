"""Projects that envmatrix was not written against: its counts are the runner's own, and what it refuses it explains."""

import re

import pytest

SYSTEM_BINDINGS = """
import unittest

try:
    import apt_pkg
    import gi
except ImportError:
    apt_pkg = gi = None


class Case(unittest.TestCase):
    def test_plain(self):
        pass

    @unittest.skipUnless(gi, "the system's bindings are missing")
    def test_bindings(self):
        from gi.repository import GLib

        self.assertTrue(apt_pkg.VERSION and GLib.MAJOR_VERSION)
"""
CAPABILITIES = """
[gobject]
module = "gi"
version = "gi.__version__"
skip_reasons = ["system's bindings"]
[apt]
module = "apt_pkg"
version = "apt_pkg.VERSION"
[old]
module = "apt_pkg"
version = "apt_pkg.VERSION"
"""


def summary(text):
    """The counts in pytest's last line."""
    (*_, line) = re.findall(r"^=+ (.*\d+ passed.*) in [\d.]+s", text, re.M)
    return {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|xfailed|deselected)", line)}


@pytest.mark.parametrize(
    ("requirement", "profile"),
    [
        ("beautifulsoup4==4.15.0", "full"),  # tox.ini, hatchling
        ("flask==3.1.3", "restricted"),  # [tool.tox], flit, dependency groups, a locked uv runner, a wheel
    ],
)
def test_the_counts_are_pytests_own(source, envmatrix, tmp_path, requirement, profile):
    root = source(requirement, tmp_path / "src")
    result = envmatrix("run", profile, "--json", cwd=root, timeout_s=600)
    assert result.returncode == 0, result
    counted = {word: number for word, number in result.json["cells"][0]["tests"].items() if number}
    assert counted == summary(result.stderr)
    assert counted["passed"] > 400


def test_commands_that_only_some_factors_have(source, envmatrix, tmp_path):
    root = source("structlog==26.1.0", tmp_path / "src")
    result = envmatrix("run", "full", "--json", cwd=root, timeout_s=600)
    assert result.returncode == 3, result
    (breach,) = result.json["breaches"]
    assert breach["code"] == "no_commands"
    assert "an axis that names them" in breach["message"]
    (root / "profiles").mkdir()
    (root / "profiles" / "unit.toml").write_text('extends = "restricted"\n[axes]\nkind = ["tests"]\n')
    explained = envmatrix("explain", "unit-tests", cwd=root)
    assert re.search(r"commands = .*pytest", explained.stdout), explained


def test_other_bindings_of_the_systems_than_libvirts(project, envmatrix, system_python, other_python, path_first):
    root = project(
        {
            "tox.ini": "[tox]\nno_package = true\n[testenv]\ncommands = python -m unittest -v test_it\n",
            "test_it.py": SYSTEM_BINDINGS,
            "profiles/capabilities.toml": CAPABILITIES,
            "profiles/bindings.toml": 'extends = "full"\nrequires = ["gobject>=3", "apt>=2"]\n',
            "profiles/newer.toml": 'extends = "full"\nrequires = ["old>=99"]\n',
            "profiles/plain.toml": 'extends = "restricted"\n',
        }
    )
    path = {"PATH": path_first(other_python)}
    plan = envmatrix("plan", "--json", cwd=root, env=path)
    cells = {cell["name"]: cell for cell in plan.json["cells"]}
    assert cells["bindings"]["interpreter"]["path"] == str(system_python)
    assert cells["newer"]["state"] == "blocked"
    result = envmatrix("run", "bindings", "plain", "--json", cwd=root, env=path)
    assert result.returncode == 0, result
    passed = {cell["name"]: (cell["tests"]["passed"], cell["tests"]["skipped"]) for cell in result.json["cells"]}
    assert passed == {"bindings": (2, 0), "plain": (1, 1)}
    alone = envmatrix("run", "plain", "restricted", "--json", cwd=root, env=path)
    assert (alone.returncode, alone.json["ran_nowhere"][0]["would_run"]) == (3, "gobject")
