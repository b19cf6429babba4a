"""The project's tox configuration as text: which file tox would read, which factors it uses. tox is not imported.

Order of discovery and encodings are those of tox/config/source/discover.py (tox 4.67).
"""

from __future__ import annotations

import configparser
import functools
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from envmatrix.config.tox import factors, python_versions
from envmatrix.util.files import is_there
from envmatrix.util.toml import Unreadable, read_bytes

NAMES = ("tox.ini", "setup.cfg", "pyproject.toml", "tox.toml")
READ_BY_TOX = (*NAMES, "toxfile.py")  # the last is the project's own plugin
_WORD = re.compile(r"[A-Za-z0-9_.]+")


class ToxFile(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a tox file holds; one is equal to itself only.

    ``sections`` of an ini file are those that tox can see; ``table`` is tox's own of a TOML file. ``error`` says why
    the file could not be read, "" where it could.
    """

    name: str
    kind: Literal["ini", "toml"] = "ini"
    sections: dict[str, dict[str, str]] = {}
    table: dict[str, Any] = {}
    error: str = ""
    error_line: int = 0


def read_tox_file(root: Path) -> ToxFile | None:
    """Return the tox configuration of a folder as tox would find it, None where there is none."""
    for name in NAMES:
        if is_there(root / name):
            result = _read(root / name, name)
            if result:
                return result
    return None


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    """Return the sections of an ini file. Raises Unreadable for a file and configparser.Error for a content."""
    return _sections(_text(read_bytes(path, path.name)), path.name)


def factors_of(tox: ToxFile | None) -> frozenset[str]:
    """Return the factors that the project's environments and conditions use, those for Pythons left out."""
    if tox is None:
        return frozenset()
    matches = factors.of_toml(tox.table) if tox.kind == "toml" else factors.of_ini(tox.sections)
    return frozenset(word for word in matches if word and not python_versions.claimed(word))


def words_of(value: object) -> frozenset[str]:
    """Return every word in a value of any depth, keys included: what a factor may not be missed in."""
    if isinstance(value, dict):
        parts = (words_of(part) for pair in value.items() for part in pair)
        return frozenset().union(*parts)
    if isinstance(value, list | tuple):
        return frozenset().union(*map(words_of, value))
    return frozenset(_WORD.findall(value)) if isinstance(value, str) else frozenset()


def base_python(tox: ToxFile | None) -> tuple[str, ...]:
    """Return what the base environment asks for, where it says so in plain words; () otherwise."""
    if tox is None:
        return ()
    if tox.kind == "toml":
        base = tox.table.get("env_run_base")
        value = (base.get("base_python") or base.get("basepython")) if isinstance(base, dict) else None
        items = [value] if isinstance(value, str) else value
    else:
        testenv = tox.sections.get("testenv", {})
        items = re.split(r"[,\n]", testenv.get("base_python") or testenv.get("basepython") or "")
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return ()
    words = tuple(item.strip() for item in items if item.strip())
    return () if any("{" in word or ": " in word for word in words) else words


def _read(path: Path, name: str) -> ToxFile | None:
    try:
        return _parsed(read_bytes(path, name), name)
    except Unreadable as error:
        return ToxFile(name=name, error=error.problem.message)


@functools.lru_cache(maxsize=8)  # each cell of a run looks at the file, which hardly ever changes under it
def _parsed(content: bytes, name: str) -> ToxFile | None:
    try:
        text = _text(content)
        if name.endswith(".toml"):
            return _toml(text, name)
        sections = _sections(text, name)
    except (ValueError, RecursionError, configparser.Error) as error:
        line = getattr(error, "lineno", None) or 0
        return ToxFile(name=name, error=f"cannot be read as tox does: {' '.join(str(error).split())}", error_line=line)
    if name == "setup.cfg":
        if "tox:tox" not in sections:
            return None
        sections = {key: value for key, value in sections.items() if key.startswith(("tox:", "testenv", "pkgenv"))}
    return ToxFile(name=name, sections=sections)


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig")


def _sections(text: str, name: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text, name)
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _toml(text: str, name: str) -> ToxFile | None:
    table: Any = tomllib.loads(text)
    if name == "tox.toml":
        return ToxFile(name=name, kind="toml", table=table)
    for part in ("tool", "tox"):
        table = table.get(part)
        if not isinstance(table, dict):
            return None
    if not set(table) <= {"legacy_tox_ini"}:
        return ToxFile(name=name, kind="toml", table=table)
    legacy = table.get("legacy_tox_ini")
    return ToxFile(name=name, sections=_sections(legacy, name)) if isinstance(legacy, str) else None
