"""A place that fsspec addresses: object stores, shared servers, memory. Imported only when one is named."""

from __future__ import annotations

import datetime
import importlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from envmatrix.evidence.places import Entry, StoreError, StoreUrlError, UnreadableError, read_each, temporary_name

# Stores where one put is whole or not there at all; elsewhere a file is written beside and renamed.
_WHOLE_PUTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
_TIME_KEYS: Final = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
# The extras of setup.cfg that bring what fsspec needs for a protocol.
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "sftp": "sftp", "ssh": "sftp"}
_BATCH: Final = 32
_BATCH_BYTES: Final = 32 * 1024 * 1024


class RemotePlace:
    """One fsspec URL. Whatever its file system raises becomes a StoreError that names the store."""

    def __init__(self, url: str) -> None:
        self._location = re.sub(r"://[^/@]*@", "://", url).split("?")[0]
        core = importlib.import_module("fsspec.core")
        try:
            self._fs, base = core.url_to_fs(url)
        except ImportError as error:
            raise StoreUrlError(f"{self._location}: {_words(error)}. {_installation(url)}") from error
        except ValueError as error:
            raise StoreUrlError(f"the store's address {self._location} is not understood: {error}") from error
        except Exception as error:
            raise StoreError(self._sentence("reached", error)) from error
        self._base: str = base.rstrip("/")
        protocol = self._fs.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole_puts = bool(names & _WHOLE_PUTS)

    @property
    def location(self) -> str:
        """The URL without credentials."""
        return self._location

    def folders(self) -> tuple[str, ...]:
        """See ``Place.folders``."""
        return tuple(sorted(name for _, name in self._folders()))

    def recent(self) -> tuple[str, ...]:
        """See ``Place.recent``: object stores keep no times of folders."""
        return tuple(name for _, name in sorted(self._folders()))

    def _folders(self) -> list[tuple[float, str]]:
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(self._base, detail=True)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise StoreError(self._sentence("listed", error)) from error
        folders = [item for item in found if item["type"] != "file"]
        return [(-_modified(item), posixpath.basename(item["name"].rstrip("/"))) for item in folders]

    def listing(self, folder: str) -> Iterator[Entry]:
        """See ``Place.listing``."""
        top = f"{self._base}/{folder}"
        try:
            self._fs.invalidate_cache()
            found = self._fs.find(top, maxdepth=2, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(self._sentence("listed", error)) from error
        for path, info in sorted(found.items()):
            if info.get("type", "file") == "file" and path.startswith(f"{top}/"):
                yield Entry(path[len(self._base) + 1 :], int(info.get("size") or 0), _modified(info))

    def names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """See ``Place.names``."""
        found: dict[str, list[str]] = {}
        for entry in self.listing(folder):
            inner, _, name = entry.name.rpartition("/")
            found.setdefault(inner, []).append(name)
        return iter(found.items())

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place.read``."""
        path = f"{self._base}/{name}"
        try:
            size = self._fs.info(path).get("size")
            data = b"" if size is not None and size > limit else self._fs.cat_file(path)
        except Exception as error:
            raise UnreadableError(f"it cannot be read ({_words(error)})") from error
        if max(len(data), size or 0) > limit:
            raise UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")
        return bytes(data)

    def read_many(self, entries: Sequence[Entry], limit: int) -> Iterator[tuple[Entry, bytes | UnreadableError]]:
        """See ``Place.read_many``: where the file system can, many at once."""
        if not getattr(self._fs, "async_impl", False):
            yield from read_each(self, entries, limit)
            return
        for batch in _batches(entries):
            small = {f"{self._base}/{entry.name}": entry for entry in batch if entry.size <= limit}
            try:
                found = self._fs.cat(list(small), on_error="return") if small else {}
            except Exception as error:
                found = dict.fromkeys(small, error)
            for entry in batch:
                yield entry, _answer(found.get(f"{self._base}/{entry.name}"), limit)

    def write(self, name: str, data: bytes, *, lasting: bool = True) -> None:
        """See ``Place.write``: one put where that is whole, else written beside and renamed."""
        path = f"{self._base}/{name}"
        try:
            if self._whole_puts:
                self._fs.pipe_file(path, data)
                return
            folder = posixpath.dirname(path)
            self._fs.makedirs(folder, exist_ok=True)
            temporary = f"{folder}/{temporary_name()}"
            self._fs.pipe_file(temporary, data)
            self._fs.mv(temporary, path)
        except Exception as error:
            raise StoreError(self._sentence("written", error)) from error

    def remove(self, name: str) -> None:
        """See ``Place.remove``."""
        try:
            self._fs.rm_file(f"{self._base}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(self._sentence("pruned", error)) from error

    def _sentence(self, what: str, error: Exception) -> str:
        return (
            f"the evidence store {self._location} cannot be {what}: {_words(error)}; check the address and its "
            "credentials, or name another store with --store URL or the variable ENVMATRIX_STORE"
        )


def _answer(data: Any, limit: int) -> bytes | UnreadableError:
    if data is None or (isinstance(data, bytes) and len(data) > limit):
        return UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")
    if isinstance(data, Exception):
        return UnreadableError(f"it cannot be read ({_words(data)})")
    return bytes(data)


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        if batch and (len(batch) == _BATCH or sum(item.size for item in batch) + entry.size > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _modified(info: dict[str, Any]) -> float:
    """When a file was written, in whichever words its file system says that; 0 where it does not say."""
    value = next((info[key] for key in _TIME_KEYS if info.get(key)), 0)
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            return 0.0
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()
    return float(value)


def _installation(url: str) -> str:
    """Return the sentence that says how to install what fsspec needs for a URL."""
    extra = _EXTRAS.get(url.partition("://")[0].rpartition("::")[2])
    if extra is None:
        return "Install that package next to envmatrix, or name another store."
    return f"Install it next to envmatrix: pip install 'envmatrix[{extra}]'."


def _words(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return re.sub(r"://[^/@\s]*@", "://", text)[:300]
