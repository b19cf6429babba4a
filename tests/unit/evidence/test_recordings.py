import json
from pathlib import Path

import pytest

from envmatrix.evidence import recordings
from envmatrix.evidence.model import TestResult as Result  # or pytest would collect it

START = {"t": "start", "s": "1.1", "runner": "pytest", "version": "8.0", "pid": 1, "root": "/srv/p"}
FINISH = {"t": "finish", "s": "1.1", "exit": 0, "tests": 1, "stopped": ""}


def recorded(folder, *records, tail=b""):
    content = b"".join(json.dumps(record).encode() + b"\n" for record in records) + tail
    (folder / "1-a.jsonl").write_bytes(content)
    return recordings.read_recordings(folder, project=Path("/srv/p"))


def ran(test_id, outcome="passed", **more):
    return {"t": "r", "s": "1.1", "id": test_id, "o": outcome, "d": 0.5, **more}


def outcomes(record):
    return {test.id: test.outcome for test in record.tests}


def test_a_finished_session_and_its_tests(tmp_path):
    record = recorded(tmp_path, START, ran("test_a.py::t"), FINISH)
    assert outcomes(record) == {"test_a.py::t": "passed"}
    assert (record.sessions[0].finished, record.sessions[0].exit_code, record.sessions[0].tests) == (True, 0, 1)


def test_a_session_without_end_blames_the_first_test_that_is_missing(tmp_path):
    record = recorded(tmp_path, START, {"t": "collected", "s": "1.1", "ids": ["a", "b", "c"]}, ran("a"))
    assert outcomes(record) == {"a": "passed", "b": "error", "c": "deselected"}
    assert not record.sessions[0].finished
    assert record.tests[2].reason == "not run: the process died"


def test_tests_after_a_stop_were_not_run(tmp_path):
    finish = {**FINISH, "stopped": "stopping after 1 failures"}
    record = recorded(tmp_path, START, {"t": "collected", "s": "1.1", "ids": ["a", "b"]}, ran("a", "failed"), finish)
    assert record.tests[1].reason == "not run: stopping after 1 failures"


def test_tests_of_a_skipped_class_were_not_run_for_its_reason(tmp_path):
    start = {**START, "runner": "unittest"}
    holder = ran("setUpClass (m.A)", "skipped", r="no libvirt")
    record = recorded(tmp_path, start, {"t": "collected", "s": "1.1", "ids": ["m.A.t"]}, holder, FINISH)
    assert outcomes(record) == {"m.A": "skipped", "m.A.t": "deselected"}
    assert record.tests[0].stands_for_module
    assert record.tests[1].reason == "not run: no libvirt"


def test_the_tests_of_a_nested_session_do_not_count(tmp_path):
    record = recorded(tmp_path, {**START, "nested": True}, ran("a"), FINISH)
    assert record.tests == ()
    assert record.sessions[0].nested


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"t":"r","s":"1.1","id"',
        b"\xff\xfe\n",
        b"[1]\n",
        b'{"t": 3}\n',
        b"[" * 100_000,
        b'{"t":"r","s":"9.9","id":"x"}\n',
    ],
)
def test_garbage_is_a_note_and_never_an_error(tmp_path, garbage):
    record = recorded(tmp_path, START, ran("a"), tail=garbage)
    assert outcomes(record) == {"a": "passed"}
    assert len(record.notes) == 1


def test_an_unknown_outcome_is_left_out_with_a_note(tmp_path):
    record = recorded(tmp_path, START, ran("a", "splendid"), FINISH)
    assert (record.tests, len(record.notes)) == ((), 1)


def test_no_folder_is_a_record_of_nothing(tmp_path):
    assert recordings.read_recordings(tmp_path / "none", project=tmp_path) == recordings.Recorded()


def test_a_foreign_file_is_ignored(tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    assert recordings.read_recordings(tmp_path, project=tmp_path) == recordings.Recorded()


def test_what_a_marker_requires_is_joined_to_its_test(tmp_path):
    requires = {"t": "requires", "root": "/srv/p", "of": {"a": ["libvirt>=9"]}}
    assert recorded(tmp_path, START, requires, ran("a"), FINISH).tests[0].requires == ("libvirt>=9",)


def test_a_stand_in_does_not_hide_a_real_import(tmp_path):
    stub = {"t": "import", "name": "libvirt", "path": ""}
    real = {"t": "import", "name": "libvirt", "path": "/usr/lib/libvirt.py"}
    assert recorded(tmp_path, stub, real, stub).imports == {"libvirt": "/usr/lib/libvirt.py"}


def test_reruns_are_kept_as_attempts(tmp_path):
    record = recorded(tmp_path, START, ran("a", a=["failed", "passed"]), FINISH)
    assert (record.tests[0].outcome, record.tests[0].attempts) == ("passed", ("failed", "passed"))


@pytest.mark.parametrize(
    ("first", "second", "outcome", "attempts"),
    [
        ("passed", "failed", "failed", ("passed", "failed")),
        ("failed", "error", "error", ("failed", "error")),
        ("deselected", "skipped", "skipped", ()),
        ("deselected", "passed", "passed", ()),
    ],
)
def test_the_worst_of_several_runs_counts(first, second, outcome, attempts):
    for pair in ((first, second), (second, first)):
        (result,) = recordings.combine_results(Result(id="a", outcome=one) for one in pair)
        assert result.outcome == outcome
        assert sorted(result.attempts) == sorted(attempts)


@pytest.mark.parametrize(("first", "second"), [("skipped", "passed"), ("skipped", "failed"), ("xfailed", "passed")])
def test_no_skip_is_absorbed(first, second):
    for pair in ((first, second), (second, first)):
        found = recordings.combine_results(
            Result(id="a", outcome=one, reason="[NOTRUN] why"[: 99 * (one == first)]) for one in pair
        )
        assert [(test.id, test.outcome) for test in found] == [("a", pair[0]), ("a#2", pair[1])]


def test_two_skips_of_one_id_are_one_only_for_one_reason():
    def skip(reason):
        return Result(id="a", outcome="skipped", reason=reason)

    assert [test.id for test in recordings.combine_results([skip("slow"), skip("slow")])] == ["a"]
    assert [test.reason for test in recordings.combine_results([skip("slow"), skip("no kvm")])] == ["slow", "no kvm"]


def test_different_tests_of_one_session_with_one_id_are_numbered(tmp_path):
    raw = [f"t.py::t[<D object at 0x7f0000000{number}>]" for number in (1, 2, 3)]
    collected = {"t": "collected", "s": "1.1", "ids": raw}
    lines = [ran(raw[2]), ran(raw[0]), ran(raw[1], "skipped", r="requires libvirt")]
    assert outcomes(recorded(tmp_path, START, collected, *lines, FINISH)) == {
        "t.py::t[<D object at 0x…>]": "passed",
        "t.py::t[<D object at 0x…>]#2": "skipped",
        "t.py::t[<D object at 0x…>]#3": "passed",
    }


def test_one_id_that_was_collected_twice_is_two_tests_and_once_is_one(tmp_path):
    twice = {"t": "collected", "s": "1.1", "ids": ["a", "a", "b"]}
    record = recorded(tmp_path, START, twice, ran("a"), ran("a"), ran("b"), ran("b"), FINISH)
    assert outcomes(record) == {"a": "passed", "a#2": "passed", "b": "passed"}


def test_a_test_that_is_run_again_is_one_even_where_it_skipped_first(tmp_path):
    record = recorded(tmp_path, START, ran("a", "skipped", r="busy"), {**ran("a"), "again": True}, FINISH)
    assert [(test.id, test.outcome, test.attempts) for test in record.tests] == [("a", "passed", ("skipped", "passed"))]


def test_a_test_that_raised_has_failed_whatever_it_was_reported_as(tmp_path):
    swallowed = [{"t": "swallowed", "root": "/srv/p", "id": name, "r": "AssertionError: wrong"} for name in "ab"]
    record = recorded(tmp_path, START, ran("a"), ran("b", "xfailed", r="known"), *swallowed, FINISH)
    assert outcomes(record) == {"a": "failed", "b": "xfailed"}
    assert record.tests[0].reason.endswith("reported it as passed, but it raised AssertionError: wrong")


def test_a_file_that_was_left_out_stands_for_its_tests(tmp_path):
    record = recorded(tmp_path, START, {"t": "ignored", "root": "/srv/p", "id": "/srv/p/t/test_b.py"}, ran("a"), FINISH)
    assert outcomes(record) == {"a": "passed", "t/test_b.py": "deselected"}
    assert record.tests[1].stands_for_module
