"""What ``envmatrix init`` proposes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from envmatrix.commands.init.profiles import render_profiles
from envmatrix.commands.init.scan_tests import Suite, read_suite
from envmatrix.config.load import load
from envmatrix.config.project import find_project
from envmatrix.errors import EnvmatrixError
from envmatrix.util.files import read_text

_TOX_INI = """[tox]
env_list = py

[testenv]
{package}deps =
    {runner}{requirements}
commands =
    {command} {{posargs}}
"""
_NAMED = r"\b(?:packages|py_modules|ext_modules|pbr)\s*="
_REQUIREMENTS = ("requirements.txt", "test-requirements.txt", "requirements-dev.txt", "requirements-test.txt")


def propose_files(start: Path) -> tuple[tuple[str, str], ...]:
    """Return the files that the project lacks, as path relative to its root and content.

    Raises ConfigError where profiles or the tox file that exist cannot be read: what stands on them would not load.
    """
    project = find_project(start)
    root = Path(project.root)
    loaded = load(project)
    suite = read_suite(root)
    result = []
    if not project.tox_file and not (root / "tox.ini").exists():
        result.append(("tox.ini", _tox_ini(root, suite)))
    result += [(name, text) for name, text in render_profiles(loaded, suite) if not (root / name).exists()]
    return tuple(result)


def explain_package_clash(start: Path) -> str:
    """Return a sentence where the project's build would take the folder profiles for a package, "" elsewhere.

    setuptools looks for packages in the project's folder where nothing names them and there is no folder src.
    """
    root = Path(find_project(start).root)
    if (root / "src").is_dir() or "packages" in read_text(root / "setup.cfg") or "pbr" in read_text(root / "setup.cfg"):
        return ""
    script = read_text(root / "setup.py")
    try:
        pyproject = tomllib.loads(read_text(root / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return ""
    backend = str(pyproject.get("build-system", {}).get("build-backend", "setuptools" if script or pyproject else ""))
    named = {"packages", "py-modules"} & pyproject.get("tool", {}).get("setuptools", {}).keys()
    if not backend.startswith("setuptools") or "project" not in pyproject or named or re.search(_NAMED, script):
        return ""
    return (
        "note: setuptools would take the folder profiles for a package, and fail: name the project's own in"
        ' pyproject.toml, as in [tool.setuptools.packages.find] include = ["NAME*"]'
    )


def write_proposals(start: Path, proposals: tuple[tuple[str, str], ...]) -> None:
    """Write the proposals; a file that exists by now is left as it is."""
    root = Path(find_project(start).root)
    for name, text in proposals:
        path = root / name
        if path.parent.exists() and not path.parent.is_dir():
            raise EnvmatrixError(
                f"{path.parent} is no folder; rename it, since profiles are kept in a folder of that name"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise EnvmatrixError(
                f"{path} cannot be written: {error.strerror}. Make the folder writable, or see with"
                " `envmatrix init --dry-run` what to write."
            ) from error


def _tox_ini(root: Path, suite: Suite) -> str:
    runner, command = _choose_runner(root, suite)
    requirements = "".join(f"\n    -r{name}" for name in _REQUIREMENTS if (root / name).is_file())
    packaged = any((root / name).is_file() for name in ("setup.py", "setup.cfg", "pyproject.toml"))
    return _TOX_INI.format(
        package="" if packaged else "skip_install = true\n", runner=runner, requirements=requirements, command=command
    )


def _choose_runner(root: Path, suite: Suite) -> tuple[str, str]:
    if (root / ".stestr.conf").is_file():
        return "stestr", "stestr run"
    if "unittest" in suite.imports and "pytest" not in suite.imports and not (root / "pytest.ini").exists():
        return "# the standard library's unittest needs nothing", "python -m unittest"
    return "pytest", "pytest"
