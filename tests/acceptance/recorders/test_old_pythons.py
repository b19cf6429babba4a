"""Cells of Pythons that the installed virtualenv no longer makes environments of by itself."""

from pathlib import Path

import pytest

PYENV = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3.*[0-9]"))
FOUND = sorted({path.name.removeprefix("python") for path in (*PYENV, *Path("/usr/bin").glob("python3.*[0-9]"))})
VERSIONS = [version for version in FOUND if int(version.split(".")[1]) >= 7]
TEST = "import sys\n\n\ndef test_version():\n    assert '.'.join(map(str, sys.version_info[:2])) == '%s'\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cell_runs_on_every_python_that_this_host_has(project, envmatrix, version):
    ini = "[testenv]\nskip_install = true\ndeps = pytest\ncommands = pytest -q\n"
    root = project({"tox.ini": ini, "test_it.py": TEST % version})
    cell = f"restricted-py{version.replace('.', '')}"
    result = envmatrix("run", cell, "--json", cwd=root)
    assert result.returncode == 0, result
    assert result.json["cells"][0]["tests"]["passed"] == 1
