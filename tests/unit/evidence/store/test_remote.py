"""Stores that lie, hang or know secrets: what is called stored is there, and nobody waits for ever."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from envmatrix.evidence.store import remote
from envmatrix.evidence.store.local import StoreError
from envmatrix.evidence.store.remote import RemotePlace, run_in_time


class Page(MemoryFileSystem):
    """A proxy in front of a store: it answers each PUT with 200, and keeps nothing, or a page of its own."""

    protocol = "page"
    kept: bytes | None = None

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if self.kept is not None:
            super().pipe_file(path, self.kept, mode=mode, **kwargs)

    def mv(self, path1: str, path2: str, *args: Any, **kwargs: Any) -> None:
        if self.kept is not None:
            super().pipe_file(path2, self.kept)


@pytest.mark.parametrize("kept", [None, b"", b"<html>log in</html>"])
def test_a_record_that_is_not_there_afterwards_is_not_stored(kept: bytes | None) -> None:
    fsspec.register_implementation("page", Page, clobber=True)
    Page.kept = kept
    place = RemotePlace("page://user:p@ss/word@host/store")
    with pytest.raises(StoreError, match="accepted 6 bytes of tree/cell/id") as told:
        place.write("tree/cell/id.json", b"record")
    assert not any(secret in str(told.value) for secret in ("user", "p@ss", "word@"))
    assert "page://host/store" in str(told.value)


def test_what_is_there_is_stored(tmp_path: Path) -> None:
    for url in ("memory://test/store", f"local://{tmp_path}/store"):
        RemotePlace(url).write("tree/cell/id.json", b"record")
        assert RemotePlace(url).read("tree/cell/id.json", 100) == b"record"


class Mute(MemoryFileSystem):
    """A server that keeps each connection open and says nothing."""

    protocol = "mute"

    def ls(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(30)

    pipe_file = ls


def test_a_store_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("mute", Mute, clobber=True)
    monkeypatch.setattr(remote, "TIME_LIMIT_S", 0.2)
    place = RemotePlace("mute://host/store")
    with pytest.raises(StoreError, match="no answer in 0 s"):
        place.list_folders()
    with pytest.raises(StoreError, match="no answer in 0 s"):
        place.write("tree/cell/id.json", b"record")


def test_results_and_errors_come_through() -> None:
    assert run_in_time(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        run_in_time(lambda: 1 // 0)
