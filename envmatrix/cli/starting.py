"""What ``envmatrix init`` proposes."""

from __future__ import annotations

from pathlib import Path

from envmatrix.config.project import find_project
from envmatrix.errors import EnvmatrixError

_TOX_INI = """[tox]
env_list = py

[testenv]
{package}deps =
    {runner}{requirements}
commands =
    {command} {{posargs}}
"""

_UNIT = """# The whole suite with declared dependencies only: what any laptop can run.
description = "Declared dependencies only"
extends = "restricted"

# Name the versions to make them part of the matrix; without this line any Python of the host will do.
# [axes]
# python = ["3.11", "3.12"]
"""


def propose(start: Path) -> tuple[tuple[str, str], ...]:
    """Return the files that the project lacks, as path relative to its root and content."""
    project = find_project(start)
    root = Path(project.root)
    found = []
    if not project.tox_file and not (root / "tox.ini").exists():
        found.append(("tox.ini", _tox_ini(root)))
    if not any((root / "profiles").glob("*.toml")):
        found.append(("profiles/unit.toml", _UNIT))
    return tuple(found)


def write(start: Path, proposals: tuple[tuple[str, str], ...]) -> None:
    """Write the proposals; a file that exists by now is left as it is."""
    root = Path(find_project(start).root)
    for name, text in proposals:
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise EnvmatrixError(f"{name} cannot be written: {error.strerror}") from error


def _tox_ini(root: Path) -> str:
    runner, command = _runner(root)
    names = ("requirements.txt", "test-requirements.txt", "requirements-dev.txt", "requirements-test.txt")
    requirements = "".join(f"\n    -r{name}" for name in names if (root / name).is_file())
    packaged = any((root / name).is_file() for name in ("setup.py", "setup.cfg", "pyproject.toml"))
    return _TOX_INI.format(
        package="" if packaged else "skip_install = true\n", runner=runner, requirements=requirements, command=command
    )


def _runner(root: Path) -> tuple[str, str]:
    if (root / ".stestr.conf").is_file():
        return "stestr", "stestr run"
    texts = "".join(_read(path) for path in sorted(root.glob("test*/**/*.py"))[:200])
    if "import unittest" in texts and "import pytest" not in texts and "from pytest" not in texts:
        return "# the standard library's unittest needs nothing", "python -m unittest"
    return "pytest", "pytest"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
