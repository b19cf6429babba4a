"""A verdict as JUnit XML: cells are suites, and what did not run is a test case that cannot be overlooked.

Written for the two readers that matter most: Jenkins (its junit and xunit plugins group by ``classname``) and GitLab
(which shows ``classname`` as the suite and keeps one of several equal names). So the cell is part of every classname.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from envmatrix.evidence.model import FAILING, Evidence, TestResult
from envmatrix.report.formats.text import bad_tests
from envmatrix.report.model import Report
from envmatrix.report.wording import STATE_WORDS, make_visible, not_run, summary, visible_lines
from envmatrix.verdict.model import Breach, CellVerdict, Verdict

MATRIX = "envmatrix"  # the suite of what belongs to no single cell, and the class of test cases that are no tests
_COUNTS: Final = {"failures": "failure", "errors": "error"}


def render(report: Report) -> str:
    """The document, with an XML declaration; characters that XML 1.0 forbids are spelt out.

    It is written suite by suite, so that of a large matrix no more than one cell is in memory as elements.
    """
    records, names = report.records_by_cell(), _Names()
    sums: Counter[str] = Counter()
    parts = []
    for cell in sorted(report.verdict.cells, key=lambda cell: cell.name):
        parts.append(_write_suite(_make_suite(report.verdict, cell, records.get(cell.name), names), sums))
    parts.append(_write_suite(_make_matrix_suite(report.verdict), sums))
    time = sum(round(cell.duration_s, 3) for cell in report.verdict.cells)
    counts = {name: str(sums[name]) for name in ("tests", *_COUNTS)}
    whole = Element("testsuites", {"name": make_visible(_project_name(report)), **counts, "time": str(round(time, 3))})
    begin, end = tostring(whole, encoding="unicode", short_empty_elements=False).rsplit("</", 1)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{begin}{''.join(parts)}</{end}\n"


def _write_suite(suite: Element, sums: Counter[str]) -> str:
    sums.update({name: int(suite.get(name, "0")) for name in ("tests", *_COUNTS)})
    return tostring(suite, encoding="unicode")


def _project_name(report: Report) -> str:
    return next((record.project for record in report.evidence if record.project), MATRIX)


class _Names:
    """The class and the name of each test as they are written; cells have most tests in common."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def name_of(self, test: str) -> tuple[str, str]:
        matches = self._known.get(test)
        if matches is None:
            place, name = split_id(test)
            matches = self._known[test] = (f".{make_visible(place)}" if place else "", make_visible(name))
        return matches


def _new_suite(name: str, cases: list[Element], time_s: float | None = None, **attributes: str) -> Element:
    """A suite with these cases and their counts."""
    counter = Counter(result.tag for case in cases for result in case)
    counts = {
        "tests": len(cases),
        "errors": counter["error"],
        "failures": counter["failure"],
        "skipped": counter["skipped"],
    }
    suite = Element(
        "testsuite", {"name": make_visible(name), **attributes, **{key: str(n) for key, n in counts.items()}}
    )
    suite.set("time", str(round(time_s or 0.0, 3)))
    suite.extend(cases)
    return suite


def _make_suite(verdict: Verdict, cell: CellVerdict, record: Evidence | None, names: _Names) -> Element:
    shown = make_visible(cell.name)
    # A stale record's tests ran on other content: showing them as passed here would be a lie.
    tests = record.tests if record and cell.state != "stale" else ()
    cases = [_make_case(shown, names.name_of(test.id), test) for test in tests]
    cases += [_breach_case(breach) for breach in verdict.breaches if breach.cell == cell.name]
    state = _state_case(cell, record)
    cases += [state] if state is not None else []
    where = {}
    if record:
        where = {
            "timestamp": make_visible(record.started).removesuffix("Z"),
            "hostname": make_visible(record.host.name),
        }
    suite = _new_suite(cell.name, cases, cell.duration_s, **where)
    properties = Element("properties")
    for name, value in _list_properties(verdict, cell, record):
        SubElement(properties, "property", {"name": make_visible(name), "value": make_visible(value)})
    suite.insert(0, properties)
    return suite


def _list_properties(verdict: Verdict, cell: CellVerdict, record: Evidence | None) -> list[tuple[str, str]]:
    entry = [
        ("state", STATE_WORDS[cell.state]),
        ("profile", cell.profile),
        ("tree", verdict.tree),
        ("commit", verdict.commit),
        ("dirty", str(verdict.dirty).lower()),
        ("matrix_digest", verdict.matrix_digest),
    ]
    if record:
        entry += [("evidence", record.id), ("host", record.host.name), ("host.distribution", record.host.distribution)]
        entry += [(f"axis.{name}", value) for name, value in sorted(record.axes.items())]
    if record and record.partial:
        entry.append(("partial", record.partial))
    if record and record.interpreter:
        entry += [("interpreter", record.interpreter.path), ("interpreter.version", record.interpreter.version)]
    return [(name, value) for name, value in entry if value]


def split_id(test: str) -> tuple[str, str]:
    """A test id as class and name: ``tests/test_a.py::T::test_x[1]`` is ``tests.test_a.T`` and ``test_x[1]``."""
    head, bracket, parameters = test.partition("[")
    if "::" in head:
        path, _, rest = head.partition("::")
        place, _, name = rest.rpartition("::")
        module = path.removesuffix(".py").replace("/", ".").replace("\\", ".")
        parts = [module, *place.split("::")]
        return ".".join(part for part in parts if part), name + bracket + parameters
    if head.endswith(".py"):  # a whole module, skipped or broken before its tests were known
        place, _, name = head.replace("\\", "/").rpartition("/")
        return place.replace("/", "."), name + bracket + parameters
    place, _, name = head.rpartition(".")
    return place, name + bracket + parameters


def _new_case(place: str, name: str, time_s: float = 0.0) -> Element:
    """A test case; class and name have to be visible already."""
    return Element("testcase", {"name": name or "(no name)", "classname": place, "time": str(round(time_s, 4))})


def _add_result(case: Element, kind: str, message: str, type_: str, text: str = "") -> None:
    SubElement(case, kind, {"message": message, "type": type_}).text = text or None


def _quote_block(lines: Iterable[str]) -> str:
    """Lines of text that no CI service takes for a command where the file is printed: GitHub's begin with "::"."""
    return "\n".join(re.sub(r"^(\s*):(?=:)", r"\1\\x3a", line) for line in lines)


def _make_case(cell: str, named: tuple[str, str], test: TestResult) -> Element:
    case = _new_case(cell + named[0], named[1], test.duration_s)
    if test.outcome in FAILING:
        lines = visible_lines(test.reason)
        kind = "failure" if test.outcome == "failed" else "error"
        _add_result(case, kind, lines[-1] if lines else test.outcome, test.outcome, _quote_block(lines))
    elif test.outcome in ("skipped", "xfailed", "deselected"):
        kind = f"{test.skip_class}_skip" if test.outcome == "skipped" and test.skip_class else test.outcome
        _add_result(case, "skipped", " ".join(visible_lines(test.reason)) or test.outcome, kind)
    if len(test.attempts) > 1:
        SubElement(case, "system-out").text = f"attempts: {', '.join(test.attempts)}"
    elif test.outcome == "xpassed":
        SubElement(case, "system-out").text = "passed, though it was expected to fail"
    return case


def _breach_case(breach: Breach) -> Element:
    place = f"{make_visible(breach.cell)}.{MATRIX}" if breach.cell else MATRIX
    case = _new_case(place, make_visible(f"breach: {breach.code}"))
    text = _quote_block([make_visible(breach.message), *(f"- {make_visible(test)}" for test in breach.tests)])
    _add_result(case, "failure", make_visible(breach.message), make_visible(breach.code), text)
    return case


def _state_case(cell: CellVerdict, record: Evidence | None) -> Element | None:
    """The case that stands for the cell itself: none where its own tests say it all."""
    if cell.state == "passed" or (cell.state == "failed" and bad_tests(record)):
        return None
    lines = [make_visible(f"{reason.message} ({reason.code})") for reason in cell.reasons]
    message = "; ".join([STATE_WORDS[cell.state], *lines])
    remedies = [f"remedy: {make_visible(reason.remedy)}" for reason in cell.reasons if reason.remedy]
    details = [line for reason in (record.reasons if record else ()) for line in visible_lines(reason.detail, 40)]
    kind = {"failed": "failure", "owed": "skipped", "not_relevant": "skipped"}.get(cell.state, "error")
    case = _new_case(f"{make_visible(cell.name)}.{MATRIX}", "cell", cell.duration_s)
    _add_result(case, kind, message, cell.state, _quote_block([*lines, *remedies, *details]))
    return case


def _make_matrix_suite(verdict: Verdict) -> Element:
    """The suite of the whole matrix: the verdict itself, breaches of no cell, and what ran nowhere."""
    local = _new_case(MATRIX, "verdict")
    if verdict.verdict != "passed":
        kind = "failure" if verdict.verdict == "failed" else "error"
        _add_result(local, kind, summary(verdict), verdict.verdict, not_run(verdict))
    cells = {cell.name for cell in verdict.cells}
    cases = [local, *(_breach_case(breach) for breach in verdict.breaches if breach.cell not in cells)]
    if verdict.ran_nowhere:
        nowhere = _new_case(MATRIX, "tests that ran nowhere")
        message = f"{len(verdict.ran_nowhere)} tests ran nowhere"
        text = _quote_block(make_visible(test.test) for test in verdict.ran_nowhere)
        _add_result(nowhere, "skipped", message, "ran_nowhere", text)
        cases.append(nowhere)
    return _new_suite(MATRIX, cases)
