import os
from pathlib import Path

import pytest

from envmatrix.evidence import junit
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.read import Recorded

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
    record = junit.read([written(tmp_path, content)], since=0)
    assert [(test.id, test.outcome, test.reason) for test in record.tests] == WANTED
    assert (record.sessions[0].runner, record.sessions[0].tests) == ("junit", 5)


def test_a_file_left_over_from_an_earlier_run_proves_nothing(tmp_path):
    path = written(tmp_path, SUITE)
    os.utime(path, (1000, 1000))
    record = junit.read([path], since=1001)
    assert (record.tests, record.sessions) == ((), ())
    assert record.notes == (f"{path}: left over from an earlier run, not counted",)


@pytest.mark.parametrize("content", ["", "<testsuite", "<html/>", "hello"])
def test_a_file_that_is_no_junit_xml_is_a_note(tmp_path, content):
    record = junit.read([written(tmp_path, content)], since=0)
    assert (record.tests, record.sessions, len(record.notes)) == ((), (), 1)


def test_a_missing_file_is_a_note():
    assert "cannot be read" in junit.read([Path("/nonexistent/results.xml")], since=0).notes[0]


@pytest.mark.parametrize("test_id", ["m.A.ok", "m.py::A::ok"])
def test_what_a_recorder_saw_of_the_same_run_is_not_counted_twice(tmp_path, test_id):
    seen = Recorded(tests=(Result(id=test_id, outcome="passed"),))
    record = junit.read([written(tmp_path, SUITE)], since=0, beside=seen)
    assert [test.id for test in record.tests] == ["m.A.err", "m.A.no", "m.A.skip", "m.A.xf"]


def test_parameters_are_compared_as_they_are(tmp_path):
    xml = '<testsuite><testcase classname="tests.m.A" name="t[a/b::c.py]"/><testcase name="tests.n"/></testsuite>'
    ids = ("tests/m.py::A::t[a/b::c.py]", "tests/n.py")
    seen = Recorded(tests=tuple(Result(id=one, outcome="passed") for one in ids))
    assert junit.read([written(tmp_path, xml)], since=0, beside=seen).tests == ()
