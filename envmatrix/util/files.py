"""Files that another process may read at any moment: they appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".tmp"  # how the name of a file ends that is to be renamed


def temporary_name() -> str:
    """Return a name that no other writer has, for a file that is to be renamed."""
    return f".{os.urandom(12).hex()}{TEMPORARY}"


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace a file at once; its directory is made where it is missing. Raises OSError.

    A file that is not ``durable`` may be lost where the machine loses its power in the next seconds.
    """
    with temporary_file(path, data, durable=durable) as temporary:
        temporary.replace(path)
    if durable:
        sync_directory(path.parent)


@contextmanager
def temporary_file(
    path: Path, data: bytes, *, durable: bool = False, create: Callable[[Path], int] = _create
) -> Iterator[Path]:
    """Yield a new file with ``data`` in the directory of ``path``, and remove it unless it was renamed.

    Raises OSError.
    ``create`` opens the new file in its own way and returns the descriptor.
    """
    temporary = path.parent / temporary_name()
    handle = create(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(handle)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk, where the file system can do that."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_there(path: Path) -> bool:
    """Tell whether the path exists, as far as this user may see: in a directory of somebody else's nothing does."""
    try:
        return path.exists()
    except OSError:
        return False


def read_text(path: Path) -> str:
    """Return the text of a file as far as it is text, "" for a file that cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return ""
