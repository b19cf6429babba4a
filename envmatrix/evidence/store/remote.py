"""A place that fsspec addresses: object stores, shared servers, memory."""

from __future__ import annotations

import datetime
import importlib
import posixpath
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar, cast
from urllib.parse import unquote

from envmatrix.evidence.store.local import StoreEntry, StoreError, StoreUrlError, UnreadableError, read_each
from envmatrix.util.files import temporary_name
from envmatrix.util.redaction import redact_url, redact_urls

T = TypeVar("T")

TIME_LIMIT_S: Final = 120.0
# A single put is atomic in these stores; in others, a temporary file is written and renamed.
_WHOLE_PUTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
_TIME_KEYS: Final = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
# The extras of setup.cfg with the packages that fsspec needs for a protocol.
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "sftp": "sftp", "ssh": "sftp"}
_BATCH: Final = 32
_BATCH_BYTES: Final = 32 * 1024 * 1024


class RemotePlace:
    """One fsspec URL. Errors of its file system become StoreErrors that name the store."""

    def __init__(self, url: str) -> None:
        self._location = redact_url(url)
        self._secret = url.removeprefix(self._location.partition("://")[0] + "://").rpartition("@")[0]
        core = importlib.import_module("fsspec.core")
        try:
            self._fs, base = run_in_time(lambda: core.url_to_fs(url))
        except ImportError as error:
            raise StoreUrlError(
                f"{self._location}: {self._redact_error(error)}. {_suggest_installation(url)}"
            ) from error
        except ValueError as error:
            raise StoreUrlError(
                f"the store's address {self._location} is not valid: {self._redact_error(error)}"
            ) from error
        except Exception as error:
            raise StoreError(self._make_sentence("reached", error)) from error
        self._base: str = base.rstrip("/")
        protocol = self._fs.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole_puts = bool(names & _WHOLE_PUTS)

    @property
    def location(self) -> str:
        """The URL without credentials."""
        return self._location

    def list_folders(self) -> tuple[str, ...]:
        """See ``Place.list_folders``."""
        return tuple(sorted(name for _, name in self._list_dated_folders()))

    def list_recent_folders(self) -> tuple[str, ...]:
        """See ``Place.list_recent_folders``: object stores have no times of directories."""
        return tuple(name for _, name in sorted(self._list_dated_folders()))

    def _list_dated_folders(self) -> list[tuple[float, str]]:
        try:
            self._fs.invalidate_cache()
            items = run_in_time(lambda: self._fs.ls(self._base, detail=True))
        except FileNotFoundError:
            return []
        except Exception as error:
            raise StoreError(self._make_sentence("listed", error)) from error
        folders = [item for item in items if item["type"] != "file"]
        return [(-_read_modified(item), posixpath.basename(item["name"].rstrip("/"))) for item in folders]

    def list_entries(self, folder: str) -> Iterator[StoreEntry]:
        """See ``Place.list_entries``."""
        top = f"{self._base}/{folder}"
        try:
            self._fs.invalidate_cache()
            items = run_in_time(lambda: self._fs.find(top, maxdepth=2, detail=True))
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(self._make_sentence("listed", error)) from error
        for path, info in sorted(items.items()):
            if info.get("type", "file") == "file" and path.startswith(f"{top}/"):
                yield StoreEntry(path[len(self._base) + 1 :], int(info.get("size") or 0), _read_modified(info))

    def list_names(self, folder: str) -> Iterator[tuple[str, Sequence[str]]]:
        """See ``Place.list_names``."""
        names_by_folder: dict[str, list[str]] = {}
        for entry in self.list_entries(folder):
            inner, _, name = entry.name.rpartition("/")
            names_by_folder.setdefault(inner, []).append(name)
        return iter(names_by_folder.items())

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place.read``."""
        path = f"{self._base}/{name}"
        try:
            size = run_in_time(lambda: self._fs.info(path)).get("size")
            data = b"" if size is not None and size > limit else run_in_time(lambda: self._fs.cat_file(path))
        except Exception as error:
            raise UnreadableError(f"it cannot be read ({self._redact_error(error)})") from error
        if max(len(data), size or 0) > limit:
            raise UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")
        return bytes(data)

    def read_many(
        self, entries: Sequence[StoreEntry], limit: int
    ) -> Iterator[tuple[StoreEntry, bytes | UnreadableError]]:
        """See ``Place.read_many``: several at once if the file system is asynchronous."""
        if not getattr(self._fs, "async_impl", False):
            yield from read_each(self, entries, limit)
            return
        for batch in _make_batches(entries):
            small = {f"{self._base}/{entry.name}": entry for entry in batch if entry.size <= limit}
            try:
                contents = self._read_files(list(small)) if small else {}
            except Exception as error:
                contents = dict.fromkeys(small, error)
            for entry in batch:
                yield entry, self._check_answer(contents.get(f"{self._base}/{entry.name}"), limit)

    def _read_files(self, paths: list[str]) -> Any:
        return run_in_time(lambda: self._fs.cat(paths, on_error="return"))

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """See ``Place.write``: one put if that is atomic, otherwise a temporary file that is renamed.

        The size is checked afterwards, because a proxy may answer a put with status 200 and store nothing.
        """
        path = f"{self._base}/{name}"
        try:
            run_in_time(lambda: self._put_file(path, data))
            there = run_in_time(lambda: self._find_size(path))
        except Exception as error:
            raise StoreError(self._make_sentence("written", error)) from error
        if there != len(data):
            problem = f"the store accepted {len(data)} bytes of {name}, but holds {there}"
            raise StoreError(self._make_sentence("written", OSError(problem)))

    def _put_file(self, path: str, data: bytes) -> None:
        if self._whole_puts:
            self._fs.pipe_file(path, data)
            return
        folder = posixpath.dirname(path)
        self._fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name()}"
        self._fs.pipe_file(temporary, data)
        self._fs.mv(temporary, path)

    def _find_size(self, path: str) -> int:
        """Return the size of a file in the store, 0 if it does not exist."""
        self._fs.invalidate_cache()
        try:
            size = self._fs.info(path).get("size")
            return len(self._fs.cat_file(path)) if size is None else int(size)
        except FileNotFoundError:
            return 0

    def remove(self, name: str) -> None:
        """See ``Place.remove``."""
        try:
            run_in_time(lambda: self._fs.rm_file(f"{self._base}/{name}"))
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(self._make_sentence("pruned", error)) from error

    def _make_sentence(self, what: str, error: Exception) -> str:
        return (
            f"the evidence store {self._location} cannot be {what}:"
            f" {self._redact_error(error)}; check the address and its "
            "credentials, or name another store with --store URL or the variable ENVMATRIX_STORE"
        )

    def _check_answer(self, data: Any, limit: int) -> bytes | UnreadableError:
        if data is None or (isinstance(data, bytes) and len(data) > limit):
            return UnreadableError(f"it is larger than {limit // (1 << 20)} MiB")
        if isinstance(data, Exception):
            return UnreadableError(f"it cannot be read ({self._redact_error(data)})")
        return bytes(data)

    def _redact_error(self, error: Exception) -> str:
        """Return the first line of an error without the secrets of the address."""
        text = (str(error) or type(error).__name__).splitlines()[0]
        for secret in (self._secret, unquote(self._secret), self._secret.partition(":")[2]):
            if len(secret) > 2:
                text = text.replace(secret, "…")
        return redact_urls(text)[:300]


def run_in_time(work: Callable[[], T], limit_s: float | None = None) -> T:
    """Run a callable in a thread and return its result, or raise its exception.

    Many file systems have no time limit, and a server may keep a connection open without an answer. The waiting thread
    is a daemon, so that it does not outlive this process.

    Raises TimeoutError: when the callable takes longer than the time limit.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run_work() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))

    limit_s = TIME_LIMIT_S if limit_s is None else limit_s
    threading.Thread(target=run_work, name="evidence store", daemon=True).start()
    try:
        value, error = done.get(timeout=limit_s)
    except queue.Empty:
        raise TimeoutError(f"no answer in {limit_s:.0f} s") from None
    if error is not None:
        raise error
    return cast("T", value)


def _make_batches(entries: Sequence[StoreEntry]) -> Iterator[list[StoreEntry]]:
    batch: list[StoreEntry] = []
    for entry in entries:
        if batch and (len(batch) == _BATCH or sum(item.size for item in batch) + entry.size > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _read_modified(info: dict[str, Any]) -> float:
    """Return the time at which a file was written, from the key that its file system uses; 0 if it gives none."""
    value = next((info[key] for key in _TIME_KEYS if info.get(key)), 0)
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            return 0.0
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()
    return float(value)


def _suggest_installation(url: str) -> str:
    """Return a sentence with the command that installs the packages that fsspec needs for a URL."""
    extra = _EXTRAS.get(url.partition("://")[0].rpartition("::")[2])
    if extra is None:
        return "Install that package next to envmatrix, or name another store."
    return f"Install it next to envmatrix: pip install 'envmatrix[{extra}]'."
