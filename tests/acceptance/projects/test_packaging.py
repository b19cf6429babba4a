"""The wheel and the sdist: what is in them, and that the wheel alone is enough in a clean environment."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

REPOSITORY = Path(__file__).parents[3]
HELD = {
    "envmatrix/py.typed",
    "envmatrix/engine/toxplugin/proof_script.py",
    "envmatrix/evidence/recorders/payload/_envmatrix.pth",
    "envmatrix/evidence/recorders/payload/_envmatrix/pytest_plugin.py",
    "envmatrix/profiles/libvirt.toml",
    "envmatrix/report/assets/page.html",
    "envmatrix/report/assets/page.css",
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder with the wheel and the sdist of what is on disk."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "-q", "--outdir", str(out)]
    lock = tmp_path_factory.getbasetemp().parent / "building.lock"
    with FileLock(lock):  # two workers of a test run would build in one folder
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def clean(dist, tmp_path_factory):
    """The programs' folder of an environment with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    (wheel,) = dist.glob("*.whl")
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", wheel], check=True)
    return folder


def test_both_hold_all_that_the_code_reads(dist):
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "envmatrix", "profiles"], cwd=REPOSITORY, capture_output=True, text=True
    )
    needed = {
        name if name.startswith("envmatrix/") else f"envmatrix/{name}"
        for name in tracked.stdout.split()
        if name != "envmatrix/profiles"
    }
    assert needed >= HELD
    assert needed - in_wheel == set()
    assert any(name.endswith("data/share/man/man1/envmatrix.1") for name in in_wheel)
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    assert {"man/envmatrix.1", "LICENSE", "README.md", *HELD} - in_sdist == set()


def test_the_wheel_alone_is_enough(clean, execute, project):
    assert execute(clean / "bin" / "python", "-m", "pip", "check", cwd=clean).returncode == 0
    command = clean / "bin" / "envmatrix"
    assert "envmatrix, version" in execute(command, "--version", cwd=clean).stdout
    root = project({"tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n"})
    (root / "test_it.py").write_text("import unittest\nclass T(unittest.TestCase):\n    def test_a(self): pass\n")
    ran = execute(command, "run", "restricted", cwd=root)
    assert (ran.returncode, "passed: 1 of 1 cell passed" in ran.stdout) == (0, True), ran
    assert execute(command, "report", "--format", "html", "-o", "r.html", cwd=root).returncode == 0
    typed = execute(clean / "bin" / "python", "-c", "import envmatrix; print(envmatrix.__file__)", cwd=clean).stdout
    assert (Path(typed.strip()).parent / "py.typed").exists()


def test_the_man_page_is_installed_and_can_be_read(clean, execute):
    page = clean / "share" / "man" / "man1" / "envmatrix.1"
    shown = execute(
        "man", "--warnings", "-l", page, cwd=clean, env={"MANWIDTH": "80", "MANPAGER": "cat", "PAGER": "cat"}
    )
    assert shown.returncode == 0, shown
    assert shown.stderr == ""
    for heading in ("NAME", "SYNOPSIS", "VERBS", "EXIT STATUS", "ENVIRONMENT"):
        assert f"\n{heading}" in f"\n{shown.stdout}", shown
    assert "ENVMATRIX_STORE" in shown.stdout


def test_it_runs_without_being_installed(dist, execute, tmp_path):
    (wheel,) = dist.glob("*.whl")
    uvx = Path(sys.executable).with_name("uvx")
    env = {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(tmp_path / "cache")}
    result = execute(uvx, "--from", wheel, "envmatrix", "--version", cwd=tmp_path, env=env)
    assert (result.returncode, "envmatrix, version" in result.stdout) == (0, True), result
