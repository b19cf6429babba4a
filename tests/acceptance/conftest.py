"""What the acceptance tests share: real projects in real repositories, the real command, real interpreters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from archives import unpack
from results import Result
from traps import INI, Trap

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REPOSITORY = Path(__file__).parents[2]
OUTER = (
    "TOX_",
    "PYTEST_",
    "VIRTUALENV_",
    "ENVMATRIX_",
    "COVERAGE_",
    "COV_CORE_",
    "_ENVMATRIX",
    "PYENV_",
    "GIT_",
    "XDG_",
)
OUTER_NAMES = {"VIRTUAL_ENV", "PYTHONPATH", "CI", "COLUMNS", "LINES"}
PERSON = {"NAME": "A Tester", "EMAIL": "tester@example.org"}


def _execute(*args: str | Path, cwd: Path, env: Mapping[str, str], timeout_s: float = 300) -> Result:
    """Run a command without standard input; a non-zero exit code is a result, a time-out an error."""
    command = tuple(str(arg) for arg in args)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Result(args=command, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def clean_env() -> dict[str, str]:
    """The caller's environment without its tox, pytest, virtualenv and pyenv, and with the system's PATH only.

    Settings of package installers (PIP_*, UV_*) stay: they say how this machine reaches its index.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OUTER) and key not in OUTER_NAMES}
    return {**kept, "PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"}


@pytest.fixture
def execute(clean_env: dict[str, str]) -> Callable[..., Result]:
    """``execute("git", "status", cwd=…, env=…)`` runs any command in the clean environment and gives its Result."""

    def run(*args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 300) -> Result:
        return _execute(*args, cwd=cwd, env={**clean_env, **(env or {})}, timeout_s=timeout_s)

    return run


@pytest.fixture(scope="session")
def path_first() -> Callable[[Path], str]:
    """``path_first(python)``: a PATH on which that interpreter is the first of its name."""
    return lambda python: f"{python.parent}:{SYSTEM_PATH}"


def _imports(python: Path, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def system_python() -> Path:
    """The operating system's interpreter, the one that its package manager installs libvirt's bindings for."""
    python = Path("/usr/bin/python3").resolve()
    assert _imports(python, "libvirt"), f"{python} has no libvirt bindings: apt-get install python3-libvirt"
    return python


@pytest.fixture(scope="session")
def other_python(system_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter of the system's version without libvirt, as pyenv would build it.

    It is the system's binary and standard library under another prefix, so that it is the same on every machine:
    what happens to be installed in a developer's own interpreters changes no test.
    """
    prefix = tmp_path_factory.mktemp("prefix")
    (prefix / "bin").mkdir()
    (prefix / "lib").mkdir()
    (prefix / "lib" / system_python.name).symlink_to(Path("/usr/lib") / system_python.name)
    python = prefix / "bin" / system_python.name
    shutil.copy2(system_python, python)
    for name in ("python3", "python"):
        (prefix / "bin" / name).symlink_to(python.name)
    assert not _imports(python, "libvirt")
    return python


@pytest.fixture
def git(clean_env: dict[str, str]) -> Callable[..., str]:
    """``git("commit", …, cwd=…)``: what it printed, stripped. An error fails the test."""
    person = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}
    env = {**clean_env, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*args: str, cwd: Path) -> str:
        result = _execute("git", *args, cwd=cwd, env=env)
        assert result.returncode == 0, result
        return result.stdout.strip()

    return run


@pytest.fixture
def project(tmp_path: Path, git: Callable[..., str]) -> Callable[..., Path]:
    """``project({"tox.ini": …}, name="project")``: a git repository of these files, committed.

    A value that is a path is copied, a folder with all that git would track.
    """

    def make(files: Mapping[str, str | Path], name: str = "project") -> Path:
        root = tmp_path / name
        root.mkdir()
        for place, content in files.items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                (_copy_tree if content.is_dir() else shutil.copy2)(content, target)
            else:
                target.write_text(content)
        git("init", "-q", "-b", "main", cwd=root)
        git("add", "-A", cwd=root)
        git("commit", "-q", "--allow-empty", "-m", "The project", cwd=root)
        return root

    return make


def _copy_tree(source: Path, target: Path) -> None:
    leave = shutil.ignore_patterns(
        ".git", ".tox", ".venv", ".envmatrix", "__pycache__", "*.egg-info", "build", ".stestr"
    )
    shutil.copytree(source, target, ignore=leave, dirs_exist_ok=True)


@pytest.fixture
def example(project: Callable[..., Path]) -> Path:
    """The example project as a repository of its own."""
    return project({".": REPOSITORY / "examples" / "hypervisor"}, name="hypervisor")


@pytest.fixture
def envmatrix(execute: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    """``envmatrix("run", "full", cwd=…, env=…)`` runs the installed command and gives its Result.

    ``within`` is a command that it is started by, such as the fixture ``without_libvirt``.
    """
    installed = str(Path(sys.executable).with_name("envmatrix"))

    def run(
        *args: str,
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        timeout_s: float = 300,
    ) -> Result:
        return execute(*within, installed, *args, cwd=cwd, env=env, timeout_s=timeout_s)

    return run


@pytest.fixture(scope="session")
def without_libvirt(system_python: Path) -> tuple[str, ...]:
    """A command that runs another one as on a host without libvirt's bindings: an empty folder covers Debian's Python
    packages, in a mount namespace that ends with the command. Needs root.
    """
    cover = 'mount -t tmpfs none /usr/lib/python3/dist-packages && exec "$@"'
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", cover, "without-libvirt")
    probe = subprocess.run(
        [*command, system_python, "-c", "import libvirt"], capture_output=True, text=True, check=False
    )
    assert "No module named 'libvirt'" in probe.stderr, f"cannot hide the bindings: {probe.stderr}"
    return command


@pytest.fixture(scope="session")
def without_mysql(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A command that runs another one as on a host without a MySQL server: an empty file covers each daemon.
    Needs root.
    """
    nothing = tmp_path_factory.mktemp("nothing") / "empty"
    nothing.touch()
    daemons = {str(Path(path).resolve()) for name in ("mysqld", "mariadbd") if (path := shutil.which(name))}
    assert daemons, "there is no MySQL server to hide: apt-get install mariadb-server"
    cover = "".join(f"mount --bind {nothing} {daemon} && " for daemon in sorted(daemons))
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", f'{cover}exec "$@"', "without-mysql")


@pytest.fixture
def stock_tox(execute: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    """``stock_tox("-e", "full", cwd=…)`` runs tox as it is, without envmatrix and without any other plugin."""
    alone = {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix,tox-uv"}

    def run(
        *args: str,
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        timeout_s: float = 300,
    ) -> Result:
        command = (*within, sys.executable, "-m", "tox", *args)
        return execute(*command, cwd=cwd, env={**alone, **(env or {})}, timeout_s=timeout_s)

    return run


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tox environments that all trap projects of one module share."""
    return tmp_path_factory.mktemp("tox")


@pytest.fixture
def trap(
    project: Callable[..., Path], stock_tox: Callable[..., Result], envmatrix: Callable[..., Result], workshop: Path
) -> Callable[..., Trap]:
    """``trap(commands, files, profile=…, more=…)``: a project of these commands, files, profile lines and settings."""

    def make(
        commands: str, files: Mapping[str, str | Path], profile: str = "", more: str = "", name: str = "project"
    ) -> Trap:
        ini = INI.format(work=workshop, commands=commands.replace("\n", "\n    "), more=more)
        described = f'description = "A trap"\nextends = "restricted"\n{profile}'
        root = project({"tox.ini": ini, "profiles/trap.toml": described, ".gitignore": "*.pyc\n", **files}, name=name)
        return Trap(root, stock_tox, envmatrix)

    return make


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """``source("tooz==9.1.0", folder)``: the unpacked source archive, a fresh copy each time."""
    cache = tmp_path_factory.mktemp("archives")
    return lambda requirement, folder: unpack(requirement, cache, folder)


@pytest.fixture
def constraints(tmp_path: Path) -> str:
    """An empty constraints file, which OpenStack's projects otherwise take from their own server."""
    path = tmp_path / "constraints.txt"
    path.touch()
    return str(path)
