import os
import time
from pathlib import Path

import pytest

from envmatrix.evidence import junit
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.recordings import Recorded

SUITE = """<testsuite name="s"><testcase classname="m.A" name="ok" time="0.5"/>
<testcase classname="m.A" name="no"><failure message="boom">trace</failure></testcase>
<testcase classname="m.A" name="err"><error message="bang"/></testcase>
<testcase classname="m.A" name="skip"><skipped message="no libvirt"/></testcase>
<testcase classname="m.A" name="xf"><skipped type="pytest.xfail" message="known"/></testcase></testsuite>"""
WANTED = [
    ("m.A.err", "error", "bang"),
    ("m.A.no", "failed", "boom"),
    ("m.A.ok", "passed", ""),
    ("m.A.skip", "skipped", "no libvirt"),
    ("m.A.xf", "xfailed", "known"),
]


def written(folder, content):
    path = folder / "results.xml"
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        SUITE,
        f"<testsuites>{SUITE}</testsuites>",
        f'<testsuites><testsuite name="outer">{SUITE}</testsuite></testsuites>',
    ],
)
def test_every_case_of_every_suite(tmp_path, content):
    record = junit.read_junit([written(tmp_path, content)], since=0)
    assert [(test.id, test.outcome, test.reason) for test in record.tests] == WANTED
    assert (record.sessions[0].runner, record.sessions[0].tests) == ("junit", 5)


def test_a_file_left_over_from_an_earlier_run_proves_nothing(tmp_path):
    path = written(tmp_path, SUITE)
    os.utime(path, (1000, 1000))
    record = junit.read_junit([path], since=1001)
    assert (record.tests, record.sessions) == ((), ())
    assert record.notes == (f"{path}: left over from an earlier run, not counted",)


@pytest.mark.parametrize("content", ["", "<testsuite", "<html/>", "hello"])
def test_a_file_that_is_no_junit_xml_is_a_note(tmp_path, content):
    record = junit.read_junit([written(tmp_path, content)], since=0)
    assert (record.tests, record.sessions, len(record.notes)) == ((), (), 1)


def test_a_missing_file_is_a_note():
    assert "cannot be read" in junit.read_junit([Path("/nonexistent/results.xml")], since=0).notes[0]


@pytest.mark.parametrize("test_id", ["m.A.ok", "m.py::A::ok"])
def test_what_a_recorder_saw_of_the_same_run_is_not_counted_twice(tmp_path, test_id):
    seen = Recorded(tests=(Result(id=test_id, outcome="passed"),))
    record = junit.read_junit([written(tmp_path, SUITE)], since=0, recorded=seen)
    assert [test.id for test in record.tests] == ["m.A.err", "m.A.no", "m.A.skip", "m.A.xf"]


def test_parameters_are_compared_as_they_are(tmp_path):
    xml = '<testsuite><testcase classname="tests.m.A" name="t[a/b::c.py]"/><testcase name="tests.n"/></testsuite>'
    ids = ("tests/m.py::A::t[a/b::c.py]", "tests/n.py")
    seen = Recorded(tests=tuple(Result(id=one, outcome="passed") for one in ids))
    assert junit.read_junit([written(tmp_path, xml)], since=0, recorded=seen).tests == ()


def one(folder, attributes="", body=""):
    return junit.read_junit(
        [written(folder, f"<testsuite><testcase {attributes}>{body}</testcase></testsuite>")], since=0
    )


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e999", "-1", "soon", ""])
def test_a_duration_that_is_none_counts_as_nothing(tmp_path, seconds):
    (test,) = one(tmp_path, f'name="t" time="{seconds}"').tests
    assert (test.duration_s, test.outcome) == (0.0, "passed")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "results.xml")
    record = junit.read_junit([tmp_path / "results.xml", tmp_path], since=0)
    assert (record.tests, record.sessions) == ((), ())
    assert record.notes == (
        f"{tmp_path}: cannot be read (not a regular file)",
        f"{tmp_path}/results.xml: cannot be read (not a regular file)",
    )


@pytest.mark.parametrize("depth", [51, 2_000, 100_000])
def test_suites_that_are_nested_without_end_are_no_results(tmp_path, depth):
    record = junit.read_junit([written(tmp_path, "<testsuite>" * depth + "</testsuite>" * depth)], since=0)
    assert (record.tests, record.sessions) == ((), ())
    assert "nested more than 50 deep" in record.notes[0]


def test_names_are_bounded_and_still_told_apart(tmp_path):
    cases = "".join(f'<testcase classname="{"c" * 10_000_000}" name="{n}{"x" * 10_000}{n}"/>' for n in "ab")
    before = time.process_time()
    record = junit.read_junit([written(tmp_path, f"<testsuite>{cases}</testsuite>")], since=0)
    assert time.process_time() - before < 5
    assert len({test.id for test in record.tests}) == 2
    assert max(len(test.id) for test in record.tests) < 5_000
