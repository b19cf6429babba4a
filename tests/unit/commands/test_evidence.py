from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from envmatrix.commands.evidence import (
    PruneError,
    evidence_lines,
    find_evidence,
    list_evidence,
    listing_lines,
    prune_lines,
    prune_store,
    transfer_lines,
)
from envmatrix.evidence.codec import encode_evidence
from envmatrix.evidence.model import CommandRun, Evidence, FindingRecord, HostRecord, InterpreterRecord, RanReason
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.names import make_name
from envmatrix.evidence.store.store import NoSuchEvidenceError, Store

A, B = "a" * 40, "content-sha256:" + "b" * 64
BASE = Evidence(
    id="host-1",
    run_id="run",
    project="p",
    tree=A,
    commit="c" * 40,
    dirty=True,
    matrix_digest="sha256:x",
    cell="full-py311",
    profile="full",
    axes={},
    state="finished",
    host=HostRecord(name="host\x1b[31m", system="Linux", machine="x86_64", distribution="debian 12"),
    started="2026-01-01T00:00:00Z",
    finished="2026-01-01T00:00:01Z",
    duration_s=1.0,
    interpreter=InterpreterRecord(path="/usr/bin/python3", version="3.11.2"),
    findings=(FindingRecord(capability="libvirt", status="ok", version="9"),),
    commands=(CommandRun(argv=("pytest", "\x1b]0;x\x07"), exit_code=1),),
    reasons=(RanReason(code="killed", message="it was killed"),),
    tests=(
        Result(id="t::a", outcome="passed"),
        Result(id="t::b\n::error::x", outcome="skipped", reason="no \x1b[2Jlibvirt"),
        Result(id="t::c", outcome="failed", reason="assert"),
    ),
)


def variant(**changes: object) -> Evidence:
    return msgspec.structs.replace(BASE, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(None, tmp_path)
    for item in (
        BASE,
        variant(id="host-2", partial="-k x", attempt=2, started="2026-01-02T00:00:00Z"),
        variant(tree=B),
    ):
        store.put(item)
    (tmp_path / ".envmatrix/evidence" / A / "full-py311/bad.json").write_text("{")
    return store


def test_listing_counts_and_names_what_is_not_believed(store: Store) -> None:
    found = list_evidence(store)
    assert [(row.tree, row.id) for row in found.evidence] == [(A, "host-1"), (A, "host-2"), (B, "host-1")]
    assert found.evidence[0].tests == {"failed": 1, "passed": 1, "skipped": 1}
    assert len(found.problems) == 1
    lines = list(listing_lines(found))
    assert lines[0] == f"tree {'a' * 12}  commit {'c' * 12} + changes"
    assert "1 failed, 1 passed, 1 skipped" in lines[1]
    assert "attempt 2  partial: -k x" in lines[2]
    assert lines[3].startswith(f"tree content-sha256:{'b' * 12}")
    assert all(line.isprintable() for line in lines)
    assert list_evidence(store, ["content"]).evidence == found.evidence[2:]


def test_listing_of_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NoSuchEvidenceError, match="no evidence of tree ffff"):
        list_evidence(store, ["ffff"])
    empty = Store(str(tmp_path / "empty"), tmp_path)
    assert list(listing_lines(list_evidence(empty))) == [f"no evidence in {tmp_path}/empty"]


def test_a_record_is_found_by_name_id_beginning_and_path(store: Store, tmp_path: Path) -> None:
    second = variant(id="host-2", partial="-k x", attempt=2, started="2026-01-02T00:00:00Z")
    (tmp_path / "file.json").write_bytes(encode_evidence(second))
    for ref in (make_name(second), "host-2", "file.json", str(tmp_path / "file.json")):
        assert find_evidence(store, ref, tmp_path) == second
    with pytest.raises(NoSuchEvidenceError, match="could be any of"):
        find_evidence(store, "host", tmp_path)
    with pytest.raises(NoSuchEvidenceError, match="envmatrix evidence list"):
        find_evidence(store, "other", tmp_path)
    (tmp_path / "file.json").write_bytes(b"{}")
    with pytest.raises(NoSuchEvidenceError, match="not believed"):
        find_evidence(store, "file.json", tmp_path)


def test_a_record_is_shown_without_anything_that_a_terminal_would_obey() -> None:
    lines = list(evidence_lines(variant(partial="-k x")))
    assert all(line.isprintable() for line in lines)
    assert "tests     1 failed, 1 passed, 1 skipped" in lines
    assert lines[-2:] == ["  failed  t::c: assert", "  skipped  t::b?::error::x: no ?[2Jlibvirt"]


def test_pruning_says_what_to_keep_and_keeps_the_last_run(store: Store) -> None:
    with pytest.raises(PruneError, match="--keep-days N"):
        prune_store(store)
    with pytest.raises(PruneError):
        prune_store(store, keep_days=-1)
    assert prune_store(store, keep_days=1) == ()
    store.record_last_run("run", A, [make_name(BASE)])
    removed = prune_store(store, keep_trees=0)
    assert removed == (make_name(variant(tree=B)),)
    assert list(prune_lines(removed, store.location))[-1] == f"1 file removed from {store.location}"


def test_transfers_are_told(store: Store, tmp_path: Path) -> None:
    other = Store(str(tmp_path / "other"), tmp_path)
    lines = list(transfer_lines(store.push(other), "here", "there"))
    assert "3 records copied from here to there, 0 there already" in lines
    assert "it was ignored" in lines[-1]
