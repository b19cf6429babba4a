"""The store under writers that are killed, race or prune, with real processes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.store import Store

KILLS = 200
RACES = 20


def tree(number: int) -> str:
    return f"{number:040x}"


def record(round_: int, name: str, tests: int = 1000) -> Evidence:
    """A record whose every part follows from its tree and id, so that a mixed or cut one shows."""
    return Evidence(
        id=name,
        run_id=f"run-{round_}",
        project="p",
        tree=tree(round_),
        commit="c" * 40,
        dirty=False,
        matrix_digest="sha256:x",
        cell="cell",
        profile="full",
        axes={},
        state="finished",
        host=HostRecord(name="host"),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:01Z",
        duration_s=1.0,
        tests=tuple(Result(id=f"{name}::{number}", outcome="passed") for number in range(tests)),
    )


def child(work: Callable[[], None]) -> int:
    """Run work in a forked process that never comes back here; its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_a_writer_killed_at_any_moment_leaves_only_whole_records(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    chance = random.Random(20260101)
    believed = cut = 0

    def write(round_: int) -> None:
        for number in range(100_000):
            store.put(record(round_, f"host-{number}"))

    for round_ in range(KILLS):
        pid = child(lambda now=round_: write(now))
        time.sleep(chance.uniform(0.001, 0.06))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        found = list(store.iterate_records(tree(round_)))
        assert found == [record(round_, item.id) for item in found if isinstance(item, Evidence)]
        believed += len(found)
        cut += len(list(tmp_path.rglob(f"{tree(round_)}/cell/.*.tmp")))
    assert believed > KILLS / 4
    assert cut > KILLS / 20, "too few writers were killed in the middle of a record"
    other = Store(str(tmp_path / "other"), tmp_path)
    assert len(store.push(other).copied) == believed


@pytest.mark.parametrize("url", [None, "shared"])
def test_two_writers_at_once_lose_nothing(tmp_path: Path, url: str | None) -> None:
    for round_ in range(RACES):
        store = Store(url, tmp_path)

        def write(host: str, store: Store = store, now: int = round_) -> None:
            for number in range(15):
                store.put(record(now, f"{host}-{number}", tests=20))
            store.record_last_run(host, tree(now), [host])

        pids = [child(lambda host=host: write(host)) for host in ("a", "b")]
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
        names = sorted(item.id for item in store.iterate_records(tree(round_)) if isinstance(item, Evidence))
        assert names == sorted(f"{host}-{number}" for host in "ab" for number in range(15))
        last = store.last_run()
        assert last is not None
        assert last.run_id in ("a", "b")


def test_a_reader_beside_a_writer_sees_only_whole_records(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    pid = child(lambda: [store.put(record(1, f"host-{number}")) for number in range(150)] and None)
    seen = 0
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        found = list(store.iterate_records(tree(1)))
        assert all(isinstance(item, Evidence) for item in found)
        assert len(found) >= seen
        seen = len(found)
    assert len(list(store.iterate_records(tree(1)))) == 150


def test_pruning_beside_a_writer_removes_only_what_is_old(tmp_path: Path) -> None:
    """Its folders disappear under the writer whenever they are empty."""
    store = Store(None, tmp_path)
    stop = threading.Event()
    base = tmp_path / ".envmatrix/evidence"

    def write() -> None:
        for number in range(150):
            store.put(record(number, "host", tests=1))

    pid = child(write)

    def prune() -> None:
        while not stop.is_set():
            for number in range(150):
                for folder in (base / tree(number) / "cell", base / tree(number)):
                    try:
                        folder.rmdir()
                    except OSError:
                        continue

    worker = threading.Thread(target=prune)
    worker.start()
    try:
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        worker.join()
    assert len(store.list_trees()) == 150
    assert store.prune(keep_days=1) == ()
    assert sum(len(store.list_names(item)) for item in store.list_trees()) == 150


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the disk's end: the write fails in the middle."""
    out = tmp_path / "said"

    def write() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            Store(None, tmp_path).put(record(1, "host"))
        except Exception as error:
            out.write_text(f"{type(error).__name__}: {error}")

    assert os.waitpid(child(write), 0)[1] == 0
    assert "StoreError: the evidence store" in out.read_text()
    assert "--store URL" in out.read_text()
    assert list(Store(None, tmp_path).iterate_records(tree(1))) == []
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_read_only_project_says_what_to_do_and_another_store_works(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    project.chmod(0o555)
    out = tmp_path / "said"
    shared = tmp_path / "shared"
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/") and path.stat().st_uid == os.getuid() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o755)
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    out.touch()
    out.chmod(0o666)

    def write() -> None:
        os.setgid(65534)
        os.setuid(65534)
        try:
            Store(None, project).put(record(1, "host"))
        except Exception as error:
            out.write_text(str(error))
        Store(str(shared), project).put(record(1, "host", tests=1))

    assert os.waitpid(child(write), 0)[1] == 0
    assert f"{project}/.envmatrix cannot be created" in out.read_text()
    assert "ENVMATRIX_STORE" in out.read_text()
    assert len(Store(str(shared), project).list_names(tree(1))) == 1


def test_a_corner_that_may_not_be_read_hides_nothing_else(tmp_path: Path) -> None:
    base = tmp_path / "shared"
    store = Store(str(base), tmp_path)
    store.put(record(1, "host", tests=1))
    closed = base / tree(1) / "another"
    closed.mkdir(mode=0)
    for path in (base, base / tree(1), base / tree(1) / "cell", tmp_path, tmp_path.parent, tmp_path.parent.parent):
        path.chmod(0o755)
    out = tmp_path / "said"
    out.touch()
    out.chmod(0o666)

    def read() -> None:
        os.setgid(65534)
        os.setuid(65534)
        out.write_text("\n".join(getattr(item, "id", str(item)) for item in store.iterate_records(tree(1))))

    assert os.waitpid(child(read), 0)[1] == 0
    assert out.read_text().splitlines() == [f"{closed}: it is not evidence; it was ignored", "host"]
