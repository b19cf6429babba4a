"""Which evidence of other contents a gate looks at."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store import history
from envmatrix.evidence.store.history import iterate_older
from envmatrix.evidence.store.store import Store

NOW = "f" * 40


def put(store: Store, base: Path, number: int, *, host: str = "a", cell: str = "unit", **more: object) -> Evidence:
    """A record of a tree of its own, written so many seconds after 1970, as later ones are newer."""
    made = Evidence(
        id=f"{host}-20260101T000000Z-{number:06x}-{number:08x}",
        run_id="run",
        project="p",
        tree=f"{number:040x}",
        commit="",
        dirty=False,
        matrix_digest="",
        cell=cell,
        profile="unit",
        axes={},
        state="finished",
        host=HostRecord(name=host),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:00Z",
        duration_s=1.0,
        tests=(Result(id="t", outcome="passed"),),
    )
    made = msgspec.structs.replace(made, **more)
    path = base / store.put(made)
    for place in (path, path.parent.parent):
        os.utime(place, (number, number))
    return made


def found(store: Store, root: Path, *cells: str) -> list[Evidence]:
    return list(iterate_older(store, root, tree=NOW, cells=cells or ("unit",)))


def test_the_newest_of_each_cell_and_host_is_read_and_no_other(tmp_path: Path, monkeypatch) -> None:
    store, base = Store("store", tmp_path), tmp_path / "store"
    monkeypatch.setattr(history, "run_git", lambda *_, **__: b"")
    put(store, base, 1)
    newest = put(store, base, 2)
    other = put(store, base, 3, host="b-with-dashes")
    put(store, base, 4, cell="else")
    put(store, base, 5, tree=NOW)
    assert found(store, tmp_path) == [other, newest]


def test_attempts_without_tests_do_not_hide_what_is_known(tmp_path: Path) -> None:
    store, base = Store("store", tmp_path), tmp_path / "store"
    knows = put(store, base, 1)
    broken = put(store, base, 2, state="not_built", tests=())
    assert found(store, tmp_path) == [broken, knows]


def test_what_is_read_is_bounded_whatever_there_is(tmp_path: Path, monkeypatch) -> None:
    store, base = Store("store", tmp_path), tmp_path / "store"
    recent = [put(store, base, number, host=f"h{number}") for number in range(1, 31)]
    monkeypatch.setattr(history, "run_git", lambda *_, **__: f"{1:040x}\n{NOW}\n".encode())
    trees = {record.tree for record in found(store, tmp_path)}
    assert trees == {record.tree for record in recent[-history.RECENT - 1 :]} | {recent[0].tree}
    monkeypatch.setattr(history, "READ", 3)
    assert len(found(store, tmp_path)) == 3


def test_a_record_that_is_no_evidence_is_left_out(tmp_path: Path) -> None:
    store, base = Store("store", tmp_path), tmp_path / "store"
    good = put(store, base, 1)
    next(base.glob("*/unit/*.json")).with_name("b-20260101T000000Z-000001-00000001.json").write_text("{}")
    assert found(store, tmp_path) == [good]
