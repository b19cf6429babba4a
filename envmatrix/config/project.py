"""Which folder is the project, and what it says of itself in its own files."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any

from envmatrix.config.model import Project
from envmatrix.config.tox.file import base_python, read_ini, read_tox_file
from envmatrix.errors import ConfigError, Problem
from envmatrix.util.files import is_there
from envmatrix.util.toml import Unreadable, decode, read_bytes


def find_project(start: Path) -> Project:
    """Return the project that ``start`` lies in: the nearest folder upwards with a tox configuration, a profiles folder
    with TOML files, or .git; ``start`` itself where there is none.

    Raises ConfigError where ``start`` is no folder, or has a name that no document can hold.
    """
    start = start.absolute()
    try:
        str(start).encode()
    except UnicodeEncodeError:
        facts = str(start).encode("utf-8", "backslashreplace").decode()
        message = "this path is not text in UTF-8, which every record needs; rename the folder, or set LC_ALL=C.UTF-8"
        raise ConfigError([Problem(file=facts, message=message)]) from None
    try:
        is_folder = start.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if not is_folder:
        raise ConfigError([Problem(file=str(start), message="is no folder; name the folder of a project")])
    root = next((folder for folder in (start, *start.parents) if _is_root(folder)), start)
    tox = read_tox_file(root)
    return Project(
        root=str(root),
        tox_file=tox.name if tox else "",
        requires_python=_requires_python(root),
        base_python=base_python(tox),
    )


def _is_root(folder: Path) -> bool:
    if is_there(folder / ".git") or read_tox_file(folder):
        return True
    try:
        return any((folder / "profiles").glob("*.toml"))
    except OSError:
        return False


def _requires_python(root: Path) -> str:
    """Return the project's specifier: [project] of pyproject.toml, else setup.cfg in setuptools' or pbr's words."""
    project = _toml(root / "pyproject.toml").get("project")
    value = project.get("requires-python") if isinstance(project, dict) else None
    if value is None:
        try:
            sections = read_ini(root / "setup.cfg")
        except (Unreadable, UnicodeDecodeError, configparser.Error):
            sections = {}
        options, metadata = sections.get("options", {}), sections.get("metadata", {})
        keys = ("python_requires", "python-requires", "requires_python", "requires-python")
        value = next((table[key] for table in (options, metadata) for key in keys if table.get(key)), "")
    return _specifier(value)


def _specifier(value: object) -> str:
    if not value or not isinstance(value, str):
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(value))
    except InvalidSpecifier:
        return ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode(read_bytes(path, path.name), path.name))
    except (Unreadable, ValueError, RecursionError):
        return {}
