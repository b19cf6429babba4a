from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import msgspec
import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from store_values import OTHER, TREE, record

from envmatrix.errors import ExitCode, Problem
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.local import StoreError, StoreUrlError, UnreadableError
from envmatrix.evidence.store.names import is_name, make_component, make_log_name, make_name, parse_tree
from envmatrix.evidence.store.remote import RemotePlace
from envmatrix.evidence.store.store import LOG_LIMIT_BYTES, NoSuchEvidenceError, Store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(None if request.param == "folder" else f"memory://{tmp_path}", tmp_path)


def test_what_is_put_is_got_listed_and_iterated(store: Store) -> None:
    records = [record("1"), record("2"), record("3", cell="other"), record("4", tree=OTHER)]
    names = [store.put(item) for item in records]
    assert names == [make_name(item) for item in records]
    assert store.list_trees() == tuple(sorted([TREE, OTHER]))
    assert store.list_names(TREE) == tuple(sorted(names[:3]))
    assert list(store.iterate_records(TREE)) == records[:3]
    assert list(store.iterate_records(OTHER)) == records[3:]
    assert list(store.iterate_records("d" * 40)) == []
    assert store.get(names[2]) == store.get("3") == records[2]


def test_an_empty_store_is_empty_and_not_made(store: Store, tmp_path: Path) -> None:
    assert store.list_trees() == ()
    assert store.list_names(TREE) == ()
    assert store.last_run() is None
    assert list(tmp_path.iterdir()) == []


def test_putting_the_same_again_changes_nothing(store: Store) -> None:
    assert store.put(record()) == store.put(record())
    assert len(store.list_names(TREE)) == 1


def test_another_record_of_the_same_name_is_refused(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    store.put(record())
    with pytest.raises(StoreError, match="already holds another file"):
        store.put(record(duration_s=2.0))
    assert store.get("host-1") == record()


def test_the_folder_ignores_itself(tmp_path: Path) -> None:
    Store(None, tmp_path).put(record())
    assert (tmp_path / ".envmatrix/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    "cell",
    [
        "../../../etc/passwd",
        "..",
        ".",
        "/abs",
        "a/b",
        "a\\b",
        "C:x",
        "-rf",
        "a\0b",
        "\x1b[2J",
        "ä",
        "x" * 400,
        "con.",
        "a b",
    ],
)
def test_no_cell_name_leaves_its_folder(store: Store, tmp_path: Path, cell: str) -> None:
    name = store.put(record(cell=cell))
    assert is_name(name)
    assert list(store.iterate_records(TREE)) == [record(cell=cell)]
    inside = tmp_path / ".envmatrix/evidence"
    assert all(inside in path.parents for path in tmp_path.rglob("*.json") if path.parent != tmp_path)


def test_components_are_told_apart_and_read_back() -> None:
    texts = [".", "..", "a", "a/b", "a%2Fb", "x" * 400, "x" * 401, "A", "é", ".a", "%2Ea"]
    assert len({make_component(text) for text in texts}) == len(texts)
    assert parse_tree(make_component(OTHER)) == OTHER
    assert parse_tree("..") == ""
    assert all(len(make_component(text)) <= 120 for text in texts)


@pytest.mark.parametrize(
    "name", ["../x/y.json", "a/../b.json", "a/b/../../c.json", "/etc/x/y.json", "a/b.json", "a/b/c.txt"]
)
def test_a_name_that_is_none_is_not_read(store: Store, name: str) -> None:
    with pytest.raises(NoSuchEvidenceError):
        store.get(name)


def test_what_is_not_there_says_where_to_look(store: Store) -> None:
    with pytest.raises(NoSuchEvidenceError, match="envmatrix evidence list"):
        store.get("nothing")


def test_logs_lie_beside_and_the_records_own_path_is_not_used(store: Store, tmp_path: Path) -> None:
    item = record(log="../../../../etc/passwd")
    store.put(item)
    assert store.get_log(item) is None
    assert store.put_log(item, b"output") == make_log_name(item)
    assert store.get_log(item) == b"output"
    assert store.list_names(TREE) == (make_name(item),)


def test_last_run_is_remembered_with_its_store(store: Store, tmp_path: Path) -> None:
    store.record_last_run("run-1", TREE, ["b", "a"])
    found = store.last_run()
    assert found is not None
    assert (found.run_id, found.tree, found.names, found.store) == ("run-1", TREE, ("a", "b"), store.location)
    (tmp_path / ".envmatrix/last-run.json").write_bytes(b"[" * 100_000)
    assert store.last_run() is None


def test_push_and_pull_copy_what_is_missing_byte_by_byte(tmp_path: Path) -> None:
    here = Store(None, tmp_path)
    there = Store(f"memory://{tmp_path}/there", tmp_path)
    for item in (record("1"), record("2", tree=OTHER)):
        here.put(item)
    here.put_log(record("1"), b"log")
    path = tmp_path / ".envmatrix/evidence" / make_name(record("1"))
    path.write_bytes(path.read_bytes().replace(b'{"schema"', b'{"added_later": 1, "schema"'))
    (path.parent / "bad.json").write_text("{")
    done = here.push(there)
    assert done.copied == tuple(sorted([make_name(record("1")), make_name(record("2", tree=OTHER))]))
    assert [problem.message for problem in done.problems] != []
    again = here.push(there)
    assert (again.copied, again.present) == ((), 2)
    third = Store(str(tmp_path / "third"), tmp_path)
    assert third.pull(there, trees=[TREE]).copied == (make_name(record("1")),)
    assert (tmp_path / "third" / make_name(record("1"))).read_bytes() == path.read_bytes()
    assert third.get_log(record("1")) == b"log"


def test_prune_keeps_what_it_is_told_to(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    base = tmp_path / ".envmatrix/evidence"
    trees = [letter * 40 for letter in "abcd"]
    now = time.time()
    for age, tree in enumerate(trees):
        name = store.put(record(tree=tree))
        os.utime(base / name, (now - age * 86400 - 60,) * 2)
    store.put_log(record(tree=trees[3]), b"log")
    os.utime(base / make_log_name(record(tree=trees[3])), (now - 4 * 86400,) * 2)
    left = base / trees[0] / "full-py311/.dead.tmp"
    left.write_text("x")
    os.utime(left, (now - 7200,) * 2)
    assert store.prune(keep_days=10) == (f"{trees[0]}/full-py311/.dead.tmp",)
    assert len(store.prune(keep_days=1.5, keep=[trees[2]])) == 2
    assert store.list_trees() == tuple(trees[:3])
    store.prune(keep_trees=1)
    assert store.list_trees() == (trees[0],)
    assert not (base / trees[3]).exists()


def test_a_project_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".envmatrix").write_text("in the way")
    with pytest.raises(StoreError, match="--store URL or the variable ENVMATRIX_STORE") as caught:
        Store(None, tmp_path).put(record())
    assert caught.value.exit_code == ExitCode.INTERNAL


def test_addresses(tmp_path: Path) -> None:
    assert Store("shared/x", tmp_path).location == str(tmp_path / "shared/x")
    assert Store(f"file://{tmp_path}/y", tmp_path).location == f"{tmp_path}/y"
    for url in ("nosuchprotocol://x", "", "/a\udcff", "memory://a\udcff"):
        with pytest.raises(StoreUrlError):
            Store(url, tmp_path)


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("s3://bucket/evidence", "s3fs", "s3"),
        ("simplecache::s3://bucket/evidence", "s3fs", "s3"),
        ("gs://bucket/evidence", "gcsfs", "gcs"),
        ("sftp://host/evidence", "paramiko", "sftp"),
    ],
)
def test_a_protocol_whose_package_is_missing_names_the_extra_that_brings_it(url, package, extra, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # for Python, a package that is not there
    with pytest.raises(StoreUrlError, match=rf"pip install 'envmatrix\[{extra}\]'") as caught:
        RemotePlace(url)
    assert str(caught.value).startswith(f"{url}: ")


def test_no_credentials_in_messages(tmp_path: Path) -> None:
    with pytest.raises((StoreUrlError, StoreError)) as caught:
        Store("nosuch://user:secret@host/x?token=secret", tmp_path)
    assert "secret" not in str(caught.value)


def test_a_record_that_would_not_be_believed_is_not_written(store: Store) -> None:
    with pytest.raises(StoreError, match="started"):
        store.put(record(started="yesterday"))
    assert store.list_trees() == ()


def test_what_is_too_large_is_neither_written_nor_read(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    store.put(record())
    small = Store(None, tmp_path, limit_bytes=100)
    with pytest.raises(StoreError, match="larger than"):
        small.put(record("2"))
    (found,) = small.iterate_records(TREE)
    assert isinstance(found, Problem)
    assert "larger than" in found.message


def test_surrogates_in_names_of_tests_become_text(store: Store) -> None:
    store.put(record(tests=(Result(id="t[\udcff]", outcome="passed"),)))
    (found,) = store.iterate_records(TREE)
    assert isinstance(found, Evidence)
    assert found.tests[0].id == "t[\\udcff]"


def test_records_survive_a_round_trip(store: Store) -> None:
    item = msgspec.structs.replace(record(), partial="-k x", attempt=2, ignored=("a",))
    store.put(item)
    assert list(store.iterate_records(TREE)) == [item]


def test_a_long_log_keeps_its_end_and_says_so(store: Store) -> None:
    store.put_log(record(), b"x" * (LOG_LIMIT_BYTES + 1) + b"end")
    log = store.get_log(record())
    assert log is not None
    assert log.startswith(b"[the first 104 bytes of this output were removed]\n")
    assert log.endswith(b"xend")


def test_a_record_too_large_is_kept_with_shortened_reasons(tmp_path: Path) -> None:
    store = Store(None, tmp_path, limit_bytes=5000)
    store.put(record(tests=(Result(id="a", outcome="failed", reason="r" * 6000), Result(id="b", outcome="passed"))))
    (found,) = store.iterate_records(TREE)
    assert isinstance(found, Evidence)
    assert [test.outcome for test in found.tests] == ["failed", "passed"]
    assert len(found.tests[0].reason) == 201


def test_many_files_are_fetched_at_once_where_the_place_can(tmp_path: Path) -> None:
    place = RemotePlace(f"memory://{tmp_path}")
    for number in range(70):
        place.write(f"t/c/{number:03}.json", b"x" * number)
    entries = list(place.list_entries("t"))
    place._fs = AsyncFileSystemWrapper(place._fs, asynchronous=False)
    found = list(place.read_many(entries, 50))
    assert [entry for entry, _ in found] == entries
    assert [data for _, data in found[:51]] == [b"x" * number for number in range(51)]
    assert all(isinstance(data, UnreadableError) for _, data in found[51:])
    place.remove("t/c/003.json")
    assert isinstance(next(data for entry, data in place.read_many(entries, 50) if entry.size == 3), UnreadableError)


def test_users_of_a_shared_folder_do_not_shut_each_other_out(tmp_path: Path) -> None:
    base = tmp_path / "shared"
    base.mkdir()
    base.chmod(0o1777)
    before = os.umask(0o077)
    try:
        name = Store(str(base), tmp_path).put(record())
        alone = Store(str(tmp_path / "own"), tmp_path).put(record())
    finally:
        os.umask(before)
    path = base / name
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent.parent, path.parent, path)] == [
        0o1777,
        0o1777,
        0o644,
    ]
    assert stat.S_IMODE((tmp_path / "own" / alone).stat().st_mode) == 0o600


def test_a_store_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is not a directory"):
        Store(str(tmp_path / "file"), tmp_path).list_trees()
