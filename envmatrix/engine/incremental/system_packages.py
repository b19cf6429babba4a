"""What of the operating system's packages an environment was built upon, and whether that is still there.

pip installs nothing that the system has already, so an environment with the system's packages is broken where one of
them goes, and is another where one changes; neither tox nor pip look at that again once it is built.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.util.sealed import read_sealed, write_sealed
from envmatrix.util.text import listed

_METADATA = (".dist-info", ".egg-info")


class SystemPackages(msgspec.Struct, frozen=True, kw_only=True):
    """The distributions outside of the environment ``prefix`` that it saw: by folder, metadata entries and their times.

    ``built`` is the state of its pyvenv.cfg: an environment that somebody else has made anew stands on other things.
    """

    prefix: str
    built: tuple[int, int]
    folders: dict[str, dict[str, int]]


def save_system_packages(cache: Path, cell: str, proof: dict[str, Any]) -> None:
    """Write down what the environment that gave ``proof`` stands on; where nothing can be written, nothing is known."""
    prefix, folders = proof.get("prefix", ""), proof.get("system", ())
    packages = SystemPackages(
        prefix=prefix, built=_stat_pyvenv(prefix), folders={folder: _list_metadata(folder) for folder in folders}
    )
    place = _record_path(cache, cell)
    with contextlib.suppress(OSError):
        if not folders:
            place.unlink(missing_ok=True)
            return
        write_sealed(place, packages)


def find_lost_packages(cache: Path, cell: str) -> str:
    """Return which of the system's distributions are gone, or are others now, in a phrase; "" where none is."""
    try:
        stood = read_sealed(_record_path(cache, cell), SystemPackages)
    except (OSError, msgspec.DecodeError):
        return ""
    if _stat_pyvenv(stood.prefix) != stood.built:
        return ""
    lost = [
        entry
        for folder, entries in stood.folders.items()
        for now in [_list_metadata(folder)]
        for entry, time_s in entries.items()
        if now.get(entry) != time_s
    ]
    names = sorted(entry.rpartition(".")[0] for entry in lost)
    return listed(names, 3)


def _list_metadata(folder: str) -> dict[str, int]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: int(_time_s(entry)) for entry in entries if entry.name.endswith(_METADATA)}
    except OSError:
        return {}


def _time_s(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0  # a link to nowhere


def _stat_pyvenv(prefix: str) -> tuple[int, int]:
    try:
        stat = Path(prefix, "pyvenv.cfg").stat()
    except OSError:
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)


def _record_path(cache: Path, cell: str) -> Path:
    return cache / "standing" / f"{cell}.json"
