"""Recorders: files put into an environment's site-packages that write down every test, and the variables they read.

Nothing of the project is touched and nothing is installed: no distribution, no entry point, no variable that a pytest
of another Python would stumble over. See docs/design.md for why.
"""

from __future__ import annotations

import functools
import os
import shutil
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.errors import InternalError
from envmatrix.util.files import temporary_file

PAYLOAD: Final = Path(__file__).parent / "payload"
VARIABLES: Final = (
    "ENVMATRIX_RECORD",
    "ENVMATRIX_SESSION",
    "ENVMATRIX_WATCH",
    "ENVMATRIX_WATCH_ADDRESSES",
    "ENVMATRIX_CHECK_ORIGIN",
    "ENVMATRIX_PROJECT",
    "ENVMATRIX_PROMISED",
    "ENVMATRIX_PROFILE",
)


def install_recorders(site_packages: Path) -> None:
    """Put the recorders into an environment; safe to repeat, also while the environment is in use.

    A file is replaced only where it differs, beside and then renamed. Raises InternalError where that is not possible.
    """
    try:
        for name, size, changed_s in _list_payload():
            place = f"{site_packages}/{name}"
            if not _is_unchanged(place, size, changed_s):
                _replace_file(Path(place), (PAYLOAD / name).read_bytes(), changed_s)
    except OSError as error:
        raise InternalError(
            f"The test recorders cannot be written to {site_packages} ({error}). Make the folder writable, or remove"
            " the environment so that it is made again."
        ) from error


def remove_recorders(site_packages: Path) -> None:
    """Take the recorders out of an environment again; nothing happens where there are none.

    The file that starts them goes first, so that no process starts with half of them.
    """
    for source in PAYLOAD.iterdir():
        if source.is_file():
            (site_packages / source.name).unlink(missing_ok=True)
    shutil.rmtree(site_packages / "_envmatrix", ignore_errors=True)


def recorder_environment(
    record_dir: Path,
    *,
    watch: Sequence[str] = (),
    base: Mapping[str, str],
    check_origin: bool = False,
    project: Path | None = None,
    watch_addresses: Sequence[str] = (),
    promised: Mapping[str, str | None] | None = None,
    profile: str = "",
) -> dict[str, str]:
    """Return the variables to set for the commands of one run; creates ``record_dir``, where each run has its own.

    ``base`` is what the commands run with: variables of an outer recorded run found there are emptied, everything
    else (PYTEST_PLUGINS and PYTEST_ADDOPTS too) is left alone. ``watch`` names modules whose import proves use,
    ``watch_addresses`` "host:port" or socket paths; ``check_origin`` asks for modules that come from neither the
    environment, the standard library nor ``project``; ``promised`` maps the profile's capabilities to their version
    (``None`` where unknown) for ``@pytest.mark.requires``.
    """
    if not record_dir.is_dir():
        record_dir.mkdir(parents=True, exist_ok=True)
    values = {
        "ENVMATRIX_RECORD": str(record_dir.absolute()),
        "ENVMATRIX_WATCH": ",".join(_sorted_unique(watch)),
        "ENVMATRIX_WATCH_ADDRESSES": ",".join(_sorted_unique(watch_addresses)),
        "ENVMATRIX_CHECK_ORIGIN": "1" if check_origin else "",
        "ENVMATRIX_PROJECT": str(project.absolute()) if project is not None else "",
        "ENVMATRIX_PROMISED": msgspec.json.encode(dict(promised or {}), order="sorted").decode(),
        "ENVMATRIX_PROFILE": profile,
    }
    outer = {name: "" for name in VARIABLES if base.get(name)}
    return outer | {name: value for name, value in values.items() if value or name in outer}


def _sorted_unique(names: Collection[str]) -> list[str]:
    return sorted(set(names))


@functools.cache
def _list_payload() -> tuple[tuple[str, int, int], ...]:
    """Return the payload as name, size and time of change in whole seconds, which every file system can hold.

    What starts it comes last, so that a start never finds it half written.
    """
    listed = []
    for folder, ending in (("_envmatrix/", ".py"), ("", "")):
        with os.scandir(f"{PAYLOAD}/{folder}") as entries:
            files = sorted((one.name, one.stat()) for one in entries if one.is_file() and one.name.endswith(ending))
        listed += [(f"{folder}{name}", found.st_size, int(found.st_mtime)) for name, found in files]
    return tuple(listed)


def _is_unchanged(place: str, size: int, changed_s: int) -> bool:
    """Tell whether a file is there as it was written: whoever changed it since has changed its time too."""
    try:
        there = os.lstat(place)
    except FileNotFoundError:
        return False
    return there.st_size == size and there.st_mtime == changed_s and stat.S_ISREG(there.st_mode)


def _replace_file(target: Path, content: bytes, changed_s: int) -> None:
    """Write a file with its time, next to its place and then renamed."""
    target.parent.mkdir(exist_ok=True)
    with temporary_file(target, content) as temporary:
        temporary.chmod(0o644)
        os.utime(temporary, (changed_s, changed_s))
        temporary.replace(target)
