"""pip's settings of installations, read as pip reads them: its configuration files, then its variables.

Sources: pip's documentation, https://pip.pypa.io/en/stable/topics/configuration/, and pip 26.3's configuration.py. The
page has PIP_CONFIG_FILE in the place that it has there: a file so named is read last, and the user's own are not read.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_NAME: Final = "pip.conf"
_SECTIONS: Final = ("global", "install")  # the second overrides the first, whichever file they are in


def find_config_files(variables: Mapping[str, str], prefix: str = "") -> list[Path]:
    """Return the files that a pip with these variables reads, there or not, each before those that override it.

    ``prefix`` is the environment in which pip runs, "" where it is not made yet.
    """
    named = variables.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path(variables.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - one without a home is no error
    files = _find_global_files(variables)
    if not (named and os.path.exists(named)):  # noqa: PTH110 - as pip does, for any text
        files += [home / ".pip" / _NAME, _find_user_directory(variables, home) / _NAME]
    if prefix:
        files.append(Path(prefix, _NAME))
    return [*files, Path(named)] if named else files


def read_settings(variables: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    """Return what pip is set to when it installs, by the long names of its options: ``index-url``, ``no-index``."""
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for path in find_config_files(variables, prefix):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(errors="replace"), str(path))
        except (OSError, configparser.Error):  # pip passes over the first and refuses to work for the second
            continue
        for name, settings in sections.items():
            if parser.has_section(name):
                settings.update((_normalize_option(key), value) for key, value in parser.items(name))
    merged: dict[str, str] = {}
    for settings in sections.values():
        merged |= {key: value for key, value in settings.items() if value}
    local = {
        _normalize_option(name[4:]): value for name, value in variables.items() if name.startswith("PIP_") and value
    }
    return merged | local


def is_true(value: str) -> bool:
    """Tell whether pip takes the value of an option without an argument for yes."""
    return value.strip().lower() in {"1", "true", "t", "yes", "y", "on"}


def _find_global_files(variables: Mapping[str, str]) -> list[Path]:
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip", _NAME)]
    directories = variables.get("XDG_CONFIG_DIRS", "").strip() or "/etc/xdg"
    return [*(Path(directory, "pip", _NAME) for directory in directories.split(os.pathsep)), Path("/etc", _NAME)]


def _find_user_directory(variables: Mapping[str, str], home: Path) -> Path:
    if sys.platform == "darwin":
        ours = home / "Library" / "Application Support" / "pip"
        return ours if ours.is_dir() else home / ".config" / "pip"
    return Path(variables.get("XDG_CONFIG_HOME", "").strip() or home / ".config", "pip")


def _normalize_option(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")
