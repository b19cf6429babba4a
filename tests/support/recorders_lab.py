"""Real environments of every interpreter that is found here, with the recorders in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uv

from envmatrix.evidence import recorders, subunit
from envmatrix.evidence.recordings import Recorded, merge_recordings, read_recordings

OLDEST, NEWEST = (3, 7), (3, 15)
PYTEST_OF = {(3, 7): "pytest==7.0.*", (3, 8): "pytest==7.4.*", (3, 9): "pytest==8.3.*"}  # others take the newest
INHERITED = ("ENVMATRIX_", "PYTEST_", "VIRTUAL", "PYTHON", "TOX_", "COV_", "COVERAGE_", "OS_TEST_")


@cache
def interpreters() -> dict[str, Path]:
    """Every CPython of this machine that recorders are meant for, by "3.11"; the first that is found counts."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [
        *pyenv.glob("3.*/bin/python3"),
        *Path("/usr/local/bin").glob("python3.*"),
        *Path("/usr/bin").glob("python3.*"),
    ]
    found: dict[tuple[int, int], Path] = {}
    for place in [Path(sys.executable), *sorted(places)]:
        if re.fullmatch(r"python3?(\.\d+)?", place.name):
            found.setdefault(_version(place), place)
    known = sorted(version for version in found if OLDEST <= version <= NEWEST)
    return {f"{major}.{minor}": found[major, minor] for major, minor in known}


def _version(python: Path) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else (0, 0)  # type: ignore[return-value]


def pytest_for(version: str) -> str:
    major, minor = map(int, version.split("."))
    return PYTEST_OF.get((major, minor), "pytest>=9")


NEW = sys.version_info[:2]
THIS = f"{NEW[0]}.{NEW[1]}"


@dataclass(frozen=True)
class Run:
    """A command that ran in an environment, and what the recorders made of it."""

    returncode: int
    output: str
    recorded: Recorded
    record_dir: Path

    @property
    def outcomes(self) -> dict[str, str]:
        return {test.id: test.outcome for test in self.recorded.tests}

    @property
    def counts(self) -> Counter[str]:
        return Counter(test.outcome for test in self.recorded.tests)

    @property
    def reasons(self) -> dict[str, str]:
        return {test.id: test.reason for test in self.recorded.tests}

    def summary(self) -> Counter[str]:
        """pytest's own last line in the words of the record."""
        words = re.findall(
            r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)\b", self.output.splitlines()[-1]
        )
        return Counter({word.replace("errors", "error"): int(number) for number, word in words})


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the recorders installed."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return next(self.root.glob("lib/python3*/site-packages"))

    def run(
        self, *args: str, cwd: Path, env: dict[str, str] | None = None, record: Path | None = None, **more: Any
    ) -> Run:
        """Run a program of the environment, recorded; ``more`` goes to ``recorders.environment``."""
        base = {name: value for name, value in os.environ.items() if not name.startswith(INHERITED)} | (env or {})
        base["PYTHONDONTWRITEBYTECODE"] = "1"
        record_dir = record or cwd.parent / f"{cwd.name}-record-{os.urandom(4).hex()}"
        values = recorders.recorder_environment(record_dir, base=base, **more)
        before = subunit.mark_streams(cwd)
        done = subprocess.run(
            [self.root / "bin" / args[0], *args[1:]],
            cwd=cwd,
            env=base | values,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        recorded = read_recordings(record_dir, project=cwd)
        streams = subunit.read_streams(cwd, before, project=cwd, streams=recorded.streams)
        return Run(
            done.returncode,
            done.stdout.decode("utf-8", "replace").strip(),
            merge_recordings([recorded, streams]),
            record_dir,
        )

    def pytest(self, *args: str, cwd: Path, **more: Any) -> Run:
        return self.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *args, cwd=cwd, **more)


Lab = Callable[..., Environment]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """``lab("3.11", "pytest>=9", …)``: an environment with these packages, made once for all tests."""
    made: dict[tuple[str, ...], Environment] = {}

    def make(version: str, *packages: str, python: Path | None = None, system: bool = False) -> Environment:
        key = (version, str(python), *sorted(packages))
        if key not in made:
            root = tmp_path_factory.mktemp("env")
            made[key] = _create(root, python or interpreters()[version], packages, system)
        return made[key]

    return make


def _create(root: Path, python: Path, packages: Iterable[str], system: bool) -> Environment:
    tool = uv.find_uv_bin()
    offline = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    options = ["--system-site-packages"] if system else []
    subprocess.run([tool, "venv", "-q", "-p", python, *options, root], env=offline, check=True)
    if packages:
        subprocess.run(
            [tool, "pip", "install", "-q", "-p", root / "bin" / "python", *packages], env=offline, check=True
        )
    environment = Environment(root)
    recorders.install_recorders(environment.site_packages)
    return environment


def write(root: Path, files: Iterable[str] = (), **modules: str) -> Path:
    """Write Python modules by name below ``root``, and empty files by path, and return it."""
    for place, content in [*((name, "") for name in files), *((f"{name}.py", code) for name, code in modules.items())]:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(content)
    root.mkdir(exist_ok=True)
    return root
