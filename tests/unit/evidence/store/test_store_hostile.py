"""Files in a store that are no evidence: each is reported, bounded in time and memory, and never believed."""

from __future__ import annotations

import json
import os
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envmatrix.errors import Problem
from envmatrix.evidence.codec import RejectedError, decode_evidence, encode_evidence, make_evidence_schema
from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.local import LocalPlace
from envmatrix.evidence.store.names import make_name
from envmatrix.evidence.store.remote import RemotePlace
from envmatrix.evidence.store.store import Store

TREE = "a" * 40
GOOD = Evidence(
    id="host-1",
    run_id="run",
    project="p",
    tree=TREE,
    commit="c" * 40,
    dirty=False,
    matrix_digest="sha256:x",
    cell="cell",
    profile="full",
    axes={"python": "3.11"},
    state="finished",
    host=HostRecord(name="host"),
    started="2026-01-01T00:00:00Z",
    finished="2026-01-01T00:00:01Z",
    duration_s=1.0,
    tests=(Result(id="t::a", outcome="passed"),),
)
PLAIN: dict[str, Any] = msgspec.to_builtins(GOOD)


def changed(**fields: Any) -> bytes:
    return json.dumps({**PLAIN, **fields}).encode()


def spliced(name: str, raw: bytes) -> bytes:
    """The good record with one field's value replaced by raw JSON."""
    rest = {key: value for key, value in PLAIN.items() if key != name}
    return json.dumps(rest).encode()[:-1] + b', "' + name.encode() + b'": ' + raw + b"}"


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in PLAIN.items() if key != name}).encode()


DEEP = 1_000_000
HOSTILE = {
    "empty": (b"", "not whole JSON"),
    "half": (encode_evidence(GOOD)[:-40], "not whole JSON"),
    "half of a character": (b'{"schema":"\xc3', "not whole JSON"),
    "zeros": (b"\0" * 4096, "not whole JSON"),
    "two documents": (encode_evidence(GOOD) * 2, "not whole JSON"),
    "no object": (b"[]", "right shape"),
    "foreign JSON": (b'{"name": "package.json"}', "names no schema"),
    "other version": (changed(schema="envmatrix/evidence/2"), "its schema is envmatrix/evidence/2"),
    "schema with escapes": (changed(schema="\x1b[2Jx"), r"its schema is \?\[2Jx"),
    "deep arrays": (b"[" * DEEP, "right shape"),
    "deep objects": (b'{"a":' * DEEP, "nested too deeply"),
    "deep in a field": (spliced("tests", b"[" * DEEP + b"]" * DEEP), "array"),
    "deep in an unknown field": (spliced("x", b"[" * DEEP + b"]" * DEEP), "nested too deeply"),
    "deep objects in an unknown field": (spliced("x", b'{"a":' * DEEP + b"1" + b"}" * DEEP), "nested too deeply"),
    "a key twice": (encode_evidence(GOOD)[:-2] + b',"state":"finished"}', "'state' is there twice"),
    "a key twice in a test": (
        spliced("tests", b'[{"id":"a","outcome":"failed","outcome":"passed"}]'),
        "'outcome' is there",
    ),
    "no mismatches": (without("mismatches"), "keys are missing: mismatches"),
    "no reasons": (without("reasons"), "keys are missing: reasons"),
    "no partial": (without("partial"), "keys are missing: partial"),
    "no commands": (without("commands"), "keys are missing: commands"),
    "an endless reason": (changed(tests=[{"id": "a", "outcome": "skipped", "reason": "x" * 5000}]), "longer than 4500"),
    "text for a number": (changed(duration_s="1"), "duration_s"),
    "number for text": (changed(cell=1), "cell"),
    "number for a truth": (changed(dirty=1), "dirty"),
    "unknown outcome": (changed(tests=[{"id": "a", "outcome": "green"}]), "outcome"),
    "unknown state": (changed(state="fine"), "state"),
    "huge integer": (spliced("attempt", b"9" * 5000), "attempt"),
    "infinite": (spliced("duration_s", b"1e999"), "duration_s"),
    "NaN": (spliced("duration_s", b"NaN"), "right shape|not whole JSON|malformed"),
    "negative duration": (changed(duration_s=-1), "negative"),
    "negative duration of a test": (changed(tests=[{"id": "a", "outcome": "passed", "duration_s": -1}]), "negative"),
    "attempt 0": (changed(attempt=0), "attempt"),
    "no time": (changed(started="now"), "started"),
    "no UTC": (changed(finished="2026-01-01T00:00:00+02:00"), "finished"),
    "no zone": (changed(finished="2026-01-01T00:00:00"), "finished"),
    "endless time": (changed(started="2026-01-01T00:00:00Z" * 1000), "started"),
    "time of a command": (changed(commands=[{"argv": ["a"], "started": "x"}]), "commands"),
    "other id": (changed(id="host-2"), "name is not that"),
    "other tree": (changed(tree="b" * 40), "name is not that"),
    "other cell": (changed(cell="../cell"), "name is not that"),
    "no tree": (changed(tree="../../etc"), "its tree"),
    "empty cell": (changed(cell=""), "its cell"),
    "endless cell": (changed(cell="x" * 100_000), "its cell"),
    "lone surrogate": (spliced("commit", b'"\\ud800abcdefgh"'), "surrogate|not whole JSON|malformed"),
    "a missing field": (json.dumps({k: v for k, v in PLAIN.items() if k != "host"}).encode(), "host"),
    "bytes of another kind": (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, "not whole JSON"),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / TREE / "cell").mkdir(parents=True)
    return Store(str(tmp_path), tmp_path)


def rejected(store: Store) -> Problem:
    start = time.monotonic()
    tracemalloc.start()
    try:
        (found,) = store.iterate_records(TREE)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < 5
    assert most < 64 * 1024 * 1024
    assert isinstance(found, Problem)
    assert str(found).isprintable()
    assert len(str(found)) < 1000
    assert found.message.endswith("; it was ignored")
    return found


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_content_is_reported_and_ignored(store: Store, tmp_path: Path, case: str) -> None:
    data, why = HOSTILE[case]
    (tmp_path / make_name(GOOD)).write_bytes(data)
    assert re.search(why, rejected(store).message), rejected(store).message


def test_the_record_that_the_hostile_ones_are_made_of_is_good(store: Store, tmp_path: Path) -> None:
    for data in (json.dumps(PLAIN).encode(), changed(added_later={"x": [1]}), spliced("attempt", b"2")):
        (tmp_path / make_name(GOOD)).write_bytes(data)
        (found,) = store.iterate_records(TREE)
        assert isinstance(found, Evidence)


def gigabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


SPECIAL: dict[str, Callable[[Path], Any]] = {
    "gigabyte": gigabyte,
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "device": lambda path: os.mknod(path, 0o020644, os.makedev(1, 5)),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_hostile_files_are_not_read(store: Store, tmp_path: Path, case: str) -> None:
    SPECIAL[case](tmp_path / make_name(GOOD))
    assert "root:" not in rejected(store).message


@pytest.mark.parametrize("case", SPECIAL)
def test_nothing_hostile_is_copied(store: Store, tmp_path: Path, case: str) -> None:
    SPECIAL[case](tmp_path / make_name(GOOD))
    other = Store(f"memory://{tmp_path}", tmp_path)
    assert store.push(other).copied == ()
    assert other.list_trees() == ()


@pytest.mark.parametrize(
    "name", ["notes.txt", "\x1b[31m.json", "a b.json", "x.JSON", "\udcff.json", ".hidden", "a.json.bak"]
)
def test_foreign_names_are_reported(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / TREE / "cell" / name).write_bytes(encode_evidence(GOOD))
    assert "it is not evidence" in rejected(store).message


def test_folders_that_lead_elsewhere_are_not_entered(store: Store, tmp_path: Path) -> None:
    elsewhere = Store(str(tmp_path / "elsewhere"), tmp_path)
    elsewhere.put(GOOD)
    (tmp_path / TREE / "cell").rmdir()
    (tmp_path / TREE / "cell").symlink_to(tmp_path / "elsewhere" / TREE / "cell")
    assert "it is not evidence" in rejected(store).message
    (tmp_path / ("b" * 40)).symlink_to(tmp_path / "elsewhere" / TREE)
    (tmp_path / "..foreign").mkdir()
    (tmp_path / "file").write_text("")
    assert store.list_trees() == (TREE, "elsewhere")


def test_a_writers_file_in_the_making_is_silent_and_an_abandoned_one_is_not(store: Store, tmp_path: Path) -> None:
    path = tmp_path / TREE / "cell" / ".0123.tmp"
    path.write_bytes(encode_evidence(GOOD)[:100])
    assert list(store.iterate_records(TREE)) == []
    os.utime(path, (time.time() - 7200,) * 2)
    assert "its writer was killed" in rejected(store).message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_rejected_without_a_traceback(data: bytes) -> None:
    with pytest.raises(RejectedError) as caught:
        decode_evidence(data)
    assert str(caught.value).isprintable()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(field=st.sampled_from(sorted(PLAIN)), value=anything)
def test_any_value_in_any_field_is_evidence_of_the_same_name_or_rejected(field: str, value: Any) -> None:
    try:
        found = decode_evidence(json.dumps({**PLAIN, field: value}).encode())
    except RejectedError as error:
        assert str(error).isprintable()
        return
    assert decode_evidence(encode_evidence(found)) == found
    assert (make_name(found) == make_name(GOOD)) == (
        (found.id, found.tree, found.cell) == (GOOD.id, GOOD.tree, GOOD.cell)
    )


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(encode_evidence(GOOD)) - 1), length=st.integers(0, 20), put=st.binary(max_size=20))
def test_a_damaged_record_is_rejected_or_still_one(at: int, length: int, put: bytes) -> None:
    data = encode_evidence(GOOD)
    try:
        decode_evidence(data[:at] + put + data[at + length :])
    except RejectedError as error:
        assert str(error).isprintable()


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, len(encode_evidence(GOOD)) - 2))
def test_no_beginning_of_a_record_is_a_record(cut: int) -> None:
    with pytest.raises(RejectedError):
        decode_evidence(encode_evidence(GOOD)[:cut])


def test_the_schema_accepts_what_is_written() -> None:
    full = msgspec.structs.replace(GOOD, partial="-k x", ignored=("a",))
    jsonschema.Draft202012Validator(make_evidence_schema()).validate(json.loads(encode_evidence(full)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(make_evidence_schema()).validate(json.loads(changed(state="fine")))


def test_a_place_without_whole_puts_is_written_beside_and_renamed(tmp_path: Path) -> None:
    place = RemotePlace(f"file://{tmp_path}/far")
    place.write("t/c/x.json", b"{}")
    assert [path.name for path in (tmp_path / "far/t/c").iterdir()] == ["x.json"]
    assert place.read("t/c/x.json", 10) == b"{}"
    assert [entry.name for entry in place.list_entries("t")] == ["t/c/x.json"]
    assert place.list_folders() == LocalPlace(tmp_path / "far").list_folders() == ("t",)
    place.remove("t/c/x.json")
    place.remove("t/c/x.json")
    assert list(place.list_entries("t")) == []
