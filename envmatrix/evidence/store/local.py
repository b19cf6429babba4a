"""Folders and files that several users write: what one of them makes below a shared folder serves the others too.

Where evidence can lie: a folder of this machine, or anything that fsspec addresses. Names and bytes, no meaning.
"""

from __future__ import annotations

import os
import re
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
from envmatrix.util.redaction import redact_url

_TRIES: Final = 200
_REFUSED: Final = 20  # tries, and as many twentieths of a second, until somebody else's new folder is open to us
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def create(base: Path, path: Path) -> int:
    """A new file below base, open for writing, its folders made where they are missing.

    Where group or others may write to base, folders get base's own mode and the file may be read by whoever may read
    base, whatever the umask: else the first user to report a tree would shut out all others. Raises OSError.
    """
    refused = 0
    for _ in range(_TRIES):
        # Folders may be gone again, at each level: pruning removes empty ones at any moment.
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
    """Make the folders from base to folder, with the mode of base where others share it."""
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
    """A store that cannot be reached, read or written; ``str()`` names it and the remedy."""


class NotAStoreError(StoreError):
    """What was named as a store is a file, or is not there; ``str()`` says so, and the remedy."""

    exit_code = ExitCode.USAGE
    hint = "`envmatrix evidence --store DIR list` shows what a folder holds"


class StoreUrlError(EnvmatrixError):
    """A store's address that means nothing here; ``str()`` names it and the remedy."""

    hint = "`envmatrix evidence --store DIR list` shows what a folder holds"


class UnreadableError(Exception):
    """One file that cannot be read or must not be; ``str()`` says why."""


class StoredFile(msgspec.Struct, frozen=True, order=True):
    """A file of a store: its name relative to the store, size in bytes, time of writing in seconds since 1970."""

    name: str
    size: int
    modified: float


class Place(Protocol):
    """What a store needs of a place. Names are relative, with forward slashes, and always safe to join."""

    @property
    def location(self) -> str:
        """Where it is, without credentials, for people."""

    def folders(self) -> tuple[str, ...]:
        """The names of the folders on the first level, sorted."""

    def recent(self) -> tuple[str, ...]:
        """The same, those first that were made or added to last, as far as the place can tell."""

    def listing(self, folder: str) -> Iterator[StoredFile]:
        """The files two levels below a folder, and whatever else is there in their stead; sorted by name."""

    def names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """The folders in a folder and the names in each, in no order: no more is asked of the place."""

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a file. Raises UnreadableError, without reading, when it is longer than limit."""

    def read_many(
        self, entries: Sequence[StoredFile], limit: int
    ) -> Iterator[tuple[StoredFile, bytes | UnreadableError]]:
        """The same for many, in their order, with as little waiting as the place allows."""

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Make a file appear whole or not at all. Raises StoreError; the same bytes may be written again.

        What is not ``durable`` may be lost where the machine loses its power in the next seconds.
        """

    def remove(self, name: str) -> None:
        """Remove a file that may be gone already. Raises StoreError."""


class LocalPlace:
    """A folder. Nothing is followed out of it: symbolic links below it are not read."""

    def __init__(self, base: Path) -> None:
        self.base = base

    @property
    def location(self) -> str:
        """The folder's path."""
        return str(self.base)

    def folders(self) -> tuple[str, ...]:
        """See ``Place.folders``."""
        return tuple(sorted(entry.name for entry in self._entries() if entry.is_dir(follow_symlinks=False)))

    def recent(self) -> tuple[str, ...]:
        """See ``Place.recent``."""
        found = []
        for entry in self._entries():
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    found.append((-entry.stat(follow_symlinks=False).st_mtime, entry.name))
        return tuple(name for _, name in sorted(found))

    def _entries(self) -> list[os.DirEntry[str]]:
        self.check()
        return _scan(self.base)

    def check(self, *, there: bool = False) -> None:
        """Raise NotAStoreError where the path is no folder; with ``there``, also where there is nothing."""
        if os.path.lexists(self.base) and not self.base.is_dir():
            raise NotAStoreError(
                f"the evidence store {self.location} is no folder; name one with --store or ENVMATRIX_STORE"
            )
        if there and not self.base.is_dir():
            raise NotAStoreError(f"there is no folder {self.location} to take evidence from")

    def listing(self, folder: str) -> Iterator[StoredFile]:
        """See ``Place.listing``."""
        for inner in sorted(_scan(self.base / folder), key=lambda entry: entry.name):
            try:
                items = _scan(Path(inner.path)) if inner.is_dir(follow_symlinks=False) else [inner]
            except StoreError:
                items = [inner]  # a folder that cannot be read is reported as one thing, and hides nothing else
            for item in sorted(items, key=lambda entry: entry.name):
                with suppress(FileNotFoundError):
                    found = item.stat(follow_symlinks=False)
                    name = f"{folder}/{inner.name}" if item is inner else f"{folder}/{inner.name}/{item.name}"
                    yield StoredFile(name, found.st_size, found.st_mtime)

    def names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """See ``Place.names``."""
        for inner in _scan(self.base / folder):
            with suppress(OSError):
                if inner.is_dir(follow_symlinks=False):
                    yield f"{folder}/{inner.name}", os.listdir(inner.path)  # noqa: PTH208 - names are all that is wanted

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place.read``."""
        try:
            # Not blocking, so that a pipe with nobody at its other end cannot hold us; not following, so that a link
            # in a shared folder cannot make us read something else.
            handle = os.open(self.base / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise UnreadableError(f"it cannot be opened ({error.strerror})") from error
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError("it is no regular file")
            _check_size(found.st_size, limit)
            with os.fdopen(os.dup(handle), "rb") as file:
                data = file.read(found.st_size + 1)
        except OSError as error:
            raise UnreadableError(f"it cannot be read ({error.strerror})") from error
        finally:
            os.close(handle)
        _check_size(len(data), limit)
        return data

    def read_many(
        self, entries: Sequence[StoredFile], limit: int
    ) -> Iterator[tuple[StoredFile, bytes | UnreadableError]]:
        """See ``Place.read_many``."""
        return read_each(self, entries, limit)

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See ``Place.write``: written beside, brought to the disk, renamed."""
        self.check()
        path = self.base / name
        try:
            fresh = not path.parent.is_dir()
            with temporary_file(path, data, durable=durable, create=partial(create, self.base)) as temporary:
                if not os.path.lexists(path):
                    temporary.replace(path)
                elif not (path.is_file() and path.read_bytes() == data):
                    raise StoreError(f"{self.location} already holds another file named {name}; remove or rename it")
            for folder in (path.parent, path.parent.parent)[: 2 if fresh else 1] if durable else ():
                sync_directory(folder)
        except OSError as error:
            raise StoreError(
                f"the evidence store {self.location} cannot be written: {error.strerror}{self._where(error)}; make it "
                "writable, or name another one with --store URL or the variable ENVMATRIX_STORE"
            ) from error

    def _where(self, error: OSError) -> str:
        """The folder that a system's error is about, where that is not the store itself."""
        folder = Path(os.fsdecode(error.filename)).parent if isinstance(error.filename, str | bytes) else self.base
        return "" if folder == self.base or folder in self.base.parents else f" ({folder})"

    def remove(self, name: str) -> None:
        """See ``Place.remove``; folders that become empty go too."""
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
    place: Place, entries: Sequence[StoredFile], limit: int
) -> Iterator[tuple[StoredFile, bytes | UnreadableError]]:
    """Read one after the other."""
    for entry in entries:
        try:
            yield entry, place.read(entry.name, limit)
        except UnreadableError as error:
            yield entry, error


def open_place(url: str, project: Path) -> Place:
    """The place that a URL or a path (relative ones start at the project) names. Raises StoreUrlError."""
    try:
        url.encode()
    except UnicodeEncodeError:
        told = redact_url(os.fsencode(url).decode("utf-8", "backslashreplace"))
        raise StoreUrlError(f"the evidence store {told} has a path that is not text in UTF-8; name another") from None
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|:)", url):
        from envmatrix.evidence.store.remote import RemotePlace  # fsspec takes a sixth of a second to import

        return RemotePlace(url)
    if not url:
        raise StoreUrlError("the evidence store's address is empty; give a path or a URL, or leave the setting out")
    return LocalPlace(project / Path(url).expanduser())


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"the evidence store's folder {folder} cannot be read: {error.strerror}; make it readable, or name another "
            "store with --store URL or the variable ENVMATRIX_STORE"
        ) from error
