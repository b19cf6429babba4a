"""The interface of a place that holds evidence as named bytes, and the place in a local directory.

Several users may write to a shared directory, so the others can use the files that one of them creates there.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from envmatrix.errors import EnvmatrixError, ExitCode, InternalError
from envmatrix.util.files import sync_directory, temporary_file

_TRIES: Final = 200
_REFUSED: Final = 20  # tries, 50 ms apart, until another user's new directory becomes accessible
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def create_shared(base: Path, path: Path) -> int:
    """Create a file below base with its directories, and return it open for writing.

    If the group or others may write to base, new directories get the mode of base, and the file gets the read
    permissions of base, whatever the umask: otherwise the first user to report a tree would shut out all others.

    Raises OSError: when the file cannot be created.
    """
    refused = 0
    for _ in range(_TRIES):
        # Pruning removes empty directories at any moment, so each level may vanish again.
        try:
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                _make_folders(base, path.parent)
                continue
            shared = _shared_mode(base)
        except FileNotFoundError:
            continue
        except PermissionError:
            refused += 1
            if refused > _REFUSED or not _shared_mode(base):
                raise
            time.sleep(0.05)
            continue
        if shared:
            with suppress(OSError):
                os.fchmod(handle, 0o600 | shared & (stat.S_IRGRP | stat.S_IROTH))
        return handle
    raise FileNotFoundError(2, "its folders are removed as soon as they are made", str(path))


def _make_folders(base: Path, folder: Path) -> None:
    """Create the directories from base to folder, with the mode of base if others may write to it."""
    base.mkdir(parents=True, exist_ok=True)
    mode = _shared_mode(base)
    below = folder.relative_to(base).parts
    for depth in range(1, len(below) + 1):
        made = base.joinpath(*below[:depth])
        with suppress(FileExistsError):
            made.mkdir()
            if mode:
                made.chmod(mode)


def _shared_mode(base: Path) -> int:
    mode = stat.S_IMODE(base.stat().st_mode)
    return mode if mode & _WRITABLE_BY_OTHERS else 0


class StoreError(InternalError):
    """The store cannot be reached, read or written; ``str()`` names it and the fix."""


class NotAStoreError(StoreError):
    """The path of the store is a file or does not exist; ``str()`` names it and the fix."""

    exit_code = ExitCode.USAGE
    hint = "`envmatrix evidence --store DIR list` shows what a folder holds"


class StoreUrlError(EnvmatrixError):
    """The address of the store is not valid; ``str()`` names it and the fix."""

    hint = "`envmatrix evidence --store DIR list` shows what a folder holds"


class UnreadableError(Exception):
    """A file cannot or must not be read; ``str()`` is the reason."""


class StoreEntry(msgspec.Struct, frozen=True, order=True):
    """A file of a store: its name relative to the store, size in bytes, time of writing in seconds since 1970."""

    name: str
    size: int
    modified: float


class Place(Protocol):
    """The operations that a store needs. Names are relative, with forward slashes, and always safe to join."""

    @property
    def location(self) -> str:
        """The address for messages, without credentials."""

    def list_folders(self) -> tuple[str, ...]:
        """Return the names of the directories on the first level, sorted."""

    def list_recent_folders(self) -> tuple[str, ...]:
        """Return the same names, the last modified first if the place knows times."""

    def list_entries(self, folder: str) -> Iterator[StoreEntry]:
        """Yield the files two levels below a directory, and anything else on these levels, sorted by name."""

    def list_names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield the directories in a directory and the names in each, unsorted, without reading metadata."""

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file.

        Raises UnreadableError: when it cannot be read or is larger than the limit.
        """

    def read_many(
        self, entries: Sequence[StoreEntry], limit: int
    ) -> Iterator[tuple[StoreEntry, bytes | UnreadableError]]:
        """Yield the bytes of many files in the given order, concurrently if the place can."""

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file atomically; writing the same bytes again is allowed.

        A file that is not ``durable`` may be lost if the machine loses power in the next seconds.

        Raises StoreError: when the file cannot be written or exists with other bytes.
        """

    def remove(self, name: str) -> None:
        """Remove a file that may be missing already.

        Raises StoreError: when it cannot be removed.
        """


class LocalPlace:
    """A local directory. Symbolic links below it are not followed."""

    def __init__(self, base: Path) -> None:
        self.base = base

    @property
    def location(self) -> str:
        """The path of the directory."""
        return str(self.base)

    def list_folders(self) -> tuple[str, ...]:
        """See ``Place.list_folders``."""
        return tuple(sorted(entry.name for entry in self._scan_base() if entry.is_dir(follow_symlinks=False)))

    def list_recent_folders(self) -> tuple[str, ...]:
        """See ``Place.list_recent_folders``."""
        folders = []
        for entry in self._scan_base():
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append((-entry.stat(follow_symlinks=False).st_mtime, entry.name))
        return tuple(name for _, name in sorted(folders))

    def _scan_base(self) -> list[os.DirEntry[str]]:
        self.check_directory()
        return _scan_directory(self.base)

    def check_directory(self, *, there: bool = False) -> None:
        """Raise NotAStoreError if the path is not a directory; with ``there``, also if it does not exist."""
        if os.path.lexists(self.base) and not self.base.is_dir():
            raise NotAStoreError(
                f"the evidence store {self.location} is not a directory; name one with --store or ENVMATRIX_STORE"
            )
        if there and not self.base.is_dir():
            raise NotAStoreError(f"the directory {self.location} does not exist, so it has no evidence")

    def list_entries(self, folder: str) -> Iterator[StoreEntry]:
        """See ``Place.list_entries``."""
        for inner in sorted(_scan_directory(self.base / folder), key=lambda entry: entry.name):
            try:
                items = _scan_directory(Path(inner.path)) if inner.is_dir(follow_symlinks=False) else [inner]
            except StoreError:
                items = [inner]  # report an unreadable directory as one entry, and go on with the others
            for item in sorted(items, key=lambda entry: entry.name):
                with suppress(FileNotFoundError):
                    status = item.stat(follow_symlinks=False)
                    name = f"{folder}/{inner.name}" if item is inner else f"{folder}/{inner.name}/{item.name}"
                    yield StoreEntry(name, status.st_size, status.st_mtime)

    def list_names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """See ``Place.list_names``."""
        for inner in _scan_directory(self.base / folder):
            with suppress(OSError):
                if inner.is_dir(follow_symlinks=False):
                    yield f"{folder}/{inner.name}", os.listdir(inner.path)  # noqa: PTH208 - only names are needed

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place.read``."""
        try:
            # Non-blocking, because opening a pipe without a writer would wait for ever. No links, because one in a
            # shared directory could point to any other file.
            handle = os.open(self.base / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise UnreadableError(f"it cannot be opened ({error.strerror})") from error
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("it is not a regular file")
            _check_size(status.st_size, limit)
            with os.fdopen(os.dup(handle), "rb") as file:
                data = file.read(status.st_size + 1)
        except OSError as error:
            raise UnreadableError(f"it cannot be read ({error.strerror})") from error
        finally:
            os.close(handle)
        _check_size(len(data), limit)
        return data

    def read_many(
        self, entries: Sequence[StoreEntry], limit: int
    ) -> Iterator[tuple[StoreEntry, bytes | UnreadableError]]:
        """See ``Place.read_many``."""
        return read_each(self, entries, limit)

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See ``Place.write``: write a temporary file next to it, sync it, and rename it."""
        self.check_directory()
        path = self.base / name
        try:
            fresh = not path.parent.is_dir()
            with temporary_file(path, data, durable=durable, create=partial(create_shared, self.base)) as temporary:
                if not os.path.lexists(path):
                    temporary.replace(path)
                elif not (path.is_file() and path.read_bytes() == data):
                    raise StoreError(f"{self.location} already holds another file named {name}; remove or rename it")
            for folder in (path.parent, path.parent.parent)[: 2 if fresh else 1] if durable else ():
                sync_directory(folder)
        except OSError as error:
            raise StoreError(
                f"the evidence store {self.location} cannot be written:"
                f" {error.strerror}{self._describe_directory(error)}; make it "
                "writable, or name another one with --store URL or the variable ENVMATRIX_STORE"
            ) from error

    def _describe_directory(self, error: OSError) -> str:
        """Return the directory of an error, in parentheses, if it is not the store itself."""
        folder = Path(os.fsdecode(error.filename)).parent if isinstance(error.filename, str | bytes) else self.base
        return "" if folder == self.base or folder in self.base.parents else f" ({folder})"

    def remove(self, name: str) -> None:
        """See ``Place.remove``; remove directories that become empty too."""
        path = self.base / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror}; remove it by hand") from error
        for folder in (path.parent, path.parent.parent):
            if folder != self.base and self.base in folder.parents:
                with suppress(OSError):
                    folder.rmdir()


def read_each(
    place: Place, entries: Sequence[StoreEntry], limit: int
) -> Iterator[tuple[StoreEntry, bytes | UnreadableError]]:
    """Read the files one after the other."""
    for entry in entries:
        try:
            yield entry, place.read(entry.name, limit)
        except UnreadableError as error:
            yield entry, error


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")


def _scan_directory(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"the directory {folder} of the evidence store cannot be read: {error.strerror}; make it readable, or name "
            "another store with --store URL or the variable ENVMATRIX_STORE"
        ) from error
