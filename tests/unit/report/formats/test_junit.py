import re
from xml.etree import ElementTree

import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from envmatrix.evidence.model import TestResult as Result
from envmatrix.report import render
from envmatrix.report.formats.junit import _quote_block, split_id

# What Jenkins' xunit plugin accepts, as its junit-10.xsd says: required attributes, allowed attributes, children.
RESULT = (set(), {"type", "message"}, set())
ACCEPTED = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"properties", "testcase"},
    ),
    "testcase": (
        {"name"},
        {"name", "classname", "time"},
        {"skipped", "error", "failure", "system-out"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "failure": RESULT,
    "error": RESULT,
    "skipped": RESULT,
    "system-out": (set(), set(), set()),
}


def read(report):
    text = render("junit", report)
    accepted_by_jenkins(ElementTree.fromstring(text))
    return {suite.name: suite for suite in JUnitXml.fromstring(text.encode())}


def accepted_by_jenkins(element):
    required, allowed, children = ACCEPTED[element.tag]
    assert required <= set(element.attrib) <= allowed, element.attrib
    if "time" in element.attrib:
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", element.attrib["time"])
    for child in element:
        assert child.tag in children
        accepted_by_jenkins(child)


def results(suite):
    return {case.name: case.result[0] for case in suite if case.result}


def test_cells_are_suites_and_counts_are_those_of_the_record():
    suites = read(samples.report())
    assert list(suites) == ["libvirt-py311", "libvirt-py312", "mysql-py311", "restricted-py311", "envmatrix"]
    suite = suites["libvirt-py311"]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped, suite.time) == (21, 2, 0, 1, 60.0)
    assert suite.hostname == "jenkins-libvirt"


def test_a_failure_has_its_last_line_as_message_and_all_as_text():
    failure = results(read(samples.report())["libvirt-py311"])["test_defines"]
    assert isinstance(failure, Failure)
    assert failure.message == "AssertionError: 'web-1' != 'web'"
    assert failure.text == samples.TRACEBACK


def test_a_skip_says_why_and_of_which_class():
    skipped = results(read(samples.report())["restricted-py311"])["test_runs"]
    assert (type(skipped), skipped.type, skipped.message) == (
        Skipped,
        "unexpected_skip",
        "requires a nested hypervisor",
    )


def test_cells_that_did_not_run_are_errors_with_the_reason():
    suites = read(samples.report())
    blocked = results(suites["libvirt-py312"])["cell"]
    assert isinstance(blocked, Error)
    assert blocked.message == "blocked; libvirt is not importable in any Python 3.12 of this host (absent)"
    assert "remedy: apt-get install python3-libvirt" in blocked.text
    assert "error: command 'pkg-config' failed" in results(suites["mysql-py311"])["cell"].text


@pytest.mark.parametrize(
    ("state", "kind"),
    [("owed", Skipped), ("not_relevant", Skipped), ("stale", Error), ("blocked", Error), ("failed", Failure)],
)
def test_a_cell_without_tests_is_visible(state, kind):
    cell = samples.CellVerdict(name="a", profile="a", state=state)
    assert isinstance(results(read(samples.report(verdict=samples.verdict(cells=(cell,))))["a"])["cell"], kind)


def test_tests_of_stale_evidence_are_not_shown_as_passed():
    cell = samples.CellVerdict(name="libvirt-py311", profile="libvirt", state="stale")
    suite = read(samples.report(verdict=samples.verdict(cells=(cell,), breaches=())))["libvirt-py311"]
    assert [case.name for case in suite] == ["cell"]


def test_breaches_are_failures():
    breach = results(read(samples.report())["libvirt-py311"])["breach: unexpected_skip"]
    assert isinstance(breach, Failure)
    assert breach.type == "unexpected_skip"
    assert "- hypervisor.tests.test_nested.NestedTest.test_runs" in breach.text


def test_the_matrix_has_a_suite_of_its_own():
    matrix = results(read(samples.report())["envmatrix"])
    assert isinstance(matrix["verdict"], Failure)
    assert matrix["tests that ran nowhere"].text.count("\n") == 1
    assert results(read(samples.passing())["envmatrix"]) == {}


def test_what_ran_is_in_the_properties():
    suite = read(samples.report())["libvirt-py311"]
    found = {entry.name: entry.value for entry in suite.properties()}
    assert found["tree"] == samples.TREE
    assert found["interpreter"] == "/usr/bin/python3.11"
    assert found["host.distribution"] == "debian 12"


def test_no_two_cases_have_the_same_class_and_name():
    text = render("junit", samples.report())
    keys = [(case.classname, case.name) for suite in JUnitXml.fromstring(text.encode()) for case in suite]
    assert len(keys) == len(set(keys))  # GitLab ignores all but the first


def test_attempts_are_kept():
    tests = (Result(id="m.T.test_a", outcome="passed", attempts=("failed", "passed")),)
    record = samples.evidence("full-py311", "laptop", tests)
    suites = read(samples.report(verdict=samples.passing().verdict, evidence=(record,)))
    assert [case.system_out for case in suites["full-py311"]] == ["attempts: failed, passed"]


@pytest.mark.parametrize(
    ("test", "place", "name"),
    [
        ("tests/test_a.py::T::test_x[a::b.c]", "tests.test_a.T", "test_x[a::b.c]"),
        ("tests/test_a.py::test_x", "tests.test_a", "test_x"),
        ("a.b.T.test_x", "a.b.T", "test_x"),
        ("tests/unit/test_a.py", "tests.unit", "test_a.py"),
        ("alone", "", "alone"),
        ("", "", ""),
    ],
)
def test_ids_are_split_into_class_and_name(test, place, name):
    assert split_id(test) == (place, name)


@given(st.text(st.characters(), max_size=60))
def test_any_text_makes_xml_that_is_read_back(name):
    suites = read(samples.renamed(name))
    assert sum(suite.failures for suite in suites.values()) > 0


def test_no_line_of_a_body_is_a_command_of_a_ci_service():
    assert _quote_block(["::error::x", "  ::set-output name=a::b", "a::b", "::"]).splitlines() == [
        "\\x3a:error::x",
        "  \\x3a:set-output name=a::b",
        "a::b",
        "\\x3a:",
    ]
