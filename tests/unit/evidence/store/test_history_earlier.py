"""What is remembered of earlier runs."""

from __future__ import annotations

from pathlib import Path

from store_values import OTHER, TREE, record

from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.history import EarlierRecords
from envmatrix.evidence.store.names import make_name
from envmatrix.evidence.store.store import Store


def ids(store: Store, newest: int = 5) -> set[str]:
    return {item.id for item in EarlierRecords(store, tree=TREE, newest=newest).read_records()}


def test_records_of_the_same_tree_are_remembered(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    for item in (record("1"), record("2", cell="other"), record("3", tree=OTHER)):
        store.put(item)
    assert ids(store) == {"1", "2"}


def test_the_last_run_is_remembered_whatever_its_tree(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    records = [record("1", tree=OTHER), record("2", tree=OTHER, cell="other"), record("3", tree=OTHER)]
    for item in records:
        store.put(item)
    store.record_last_run("run", OTHER, [make_name(item) for item in records[:2]])
    assert ids(store) == {"1", "2"}


def test_what_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    path = tmp_path / ".envmatrix" / "evidence" / store.put(record("1"))
    store.put(record("2"))
    path.write_text("{")
    assert ids(store) == {"2"}
    assert ids(Store(f"file://{tmp_path}/absent", tmp_path)) == set()


def test_not_every_record_of_a_cell_is_read(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    for number in range(3):
        store.put(record(f"r{number}"))
    assert len(ids(store, newest=2)) == 2


def test_what_vanished_in_the_last_whole_run_is_remembered_in_the_next(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    for number, tests in enumerate([("test_a", "test_b"), ("test_a",), ("test_a",)]):
        results = tuple(Result(id=test, outcome="passed") for test in tests)
        store.put(record(f"host-20260101T00000{number}Z-aaaaaa-00000000", tests=results))
    assert {test.id for item in EarlierRecords(store, tree=TREE).read_records() for test in item.tests} == {
        "test_a",
        "test_b",
    }


def test_the_newest_are_told_by_their_times_whatever_their_hosts_and_what_lies_beside_them(tmp_path: Path) -> None:
    store = Store(None, tmp_path)
    names = ["z-20260101T000000Z-a1-b1", "a-b-c-20260103T000000Z-a1-b1", "vm-20260102T000000Z-f1-f1"]
    for name in names:
        place = tmp_path / ".envmatrix" / "evidence" / store.put(record(name))
        (place.parent / f"x-y-y-y {name}.json").touch()
    assert ids(store, newest=2) == set(names[1:])
