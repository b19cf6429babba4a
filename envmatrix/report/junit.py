"""A verdict as JUnit XML: cells are suites, and what did not run is a test case that cannot be overlooked.

Written for the two readers that matter most: Jenkins (its junit and xunit plugins group by ``classname``) and GitLab
(which shows ``classname`` as the suite and keeps one of several equal names). So the cell is part of every classname.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from envmatrix.evidence.model import Evidence, TestResult
from envmatrix.report.model import Report
from envmatrix.report.text import bad_tests
from envmatrix.report.words import STATE_WORDS, not_run, summary, visible, visible_lines
from envmatrix.verdict.model import Breach, CellVerdict, Verdict

if TYPE_CHECKING:
    from junitparser import JUnitXml, TestCase, TestSuite

MATRIX = "envmatrix"  # the suite of what belongs to no single cell, and the class of test cases that are no tests


def render(report: Report) -> str:
    """The document, with an XML declaration; characters that XML 1.0 forbids are spelt out."""
    from junitparser import JUnitXml

    document = JUnitXml(visible(_project(report)))
    records = report.records()
    for cell in sorted(report.verdict.cells, key=lambda cell: cell.name):
        document.add_testsuite(_suite(report.verdict, cell, records.get(cell.name)))
    document.add_testsuite(_matrix(report.verdict))
    _count(document)
    file = io.BytesIO()
    document.write(file)
    return file.getvalue().decode() + "\n"


def _project(report: Report) -> str:
    return next((record.project for record in report.evidence if record.project), MATRIX)


def _count(document: JUnitXml) -> None:
    suites = list(document)  # JUnitXml.update_statistics would put the sum of its tests in place of a cell's time
    document.tests = sum(suite.tests for suite in suites)
    document.failures = sum(suite.failures for suite in suites)
    document.errors = sum(suite.errors for suite in suites)
    document.time = round(sum(suite.time for suite in suites), 3)


def _suite(verdict: Verdict, cell: CellVerdict, record: Evidence | None) -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(visible(cell.name))
    for name, value in _properties(verdict, cell, record):
        suite.add_property(visible(name), visible(value))
    if record:
        suite.timestamp = visible(record.started).removesuffix("Z")
        suite.hostname = visible(record.host.name)
    # A stale record's tests ran on other content: showing them as passed here would be a lie.
    cases = [_case(cell.name, test) for test in record.tests] if record and cell.state != "stale" else []
    cases += [_breach_case(breach) for breach in verdict.breaches if breach.cell == cell.name]
    state = _state_case(cell, record)
    suite.add_testcases([*cases, state] if state is not None else cases)
    suite.time = round(cell.duration_s, 3)
    return suite


def _properties(verdict: Verdict, cell: CellVerdict, record: Evidence | None) -> list[tuple[str, str]]:
    found = [
        ("state", STATE_WORDS[cell.state]),
        ("profile", cell.profile),
        ("tree", verdict.tree),
        ("commit", verdict.commit),
        ("dirty", str(verdict.dirty).lower()),
        ("matrix_digest", verdict.matrix_digest),
    ]
    if record:
        found += [("evidence", record.id), ("host", record.host.name), ("host.distribution", record.host.distribution)]
        found += [(f"axis.{name}", value) for name, value in sorted(record.axes.items())]
    if record and record.partial:
        found.append(("partial", record.partial))
    if record and record.interpreter:
        found += [("interpreter", record.interpreter.path), ("interpreter.version", record.interpreter.version)]
    return [(name, value) for name, value in found if value]


def split(test: str) -> tuple[str, str]:
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


def _new_case(cell: str, place: str, name: str, time: float = 0.0) -> TestCase:
    from junitparser import TestCase

    return TestCase(visible(name) or "(no name)", visible(f"{cell}.{place}" if place else cell), round(time, 4))


def _block(lines: Iterable[str]) -> str:
    """Lines of text that no CI service takes for a command where the file is printed: GitHub's begin with "::"."""
    return "\n".join(re.sub(r"^(\s*):(?=:)", r"\1\\x3a", line) for line in lines)


def _case(cell: str, test: TestResult) -> TestCase:
    from junitparser import Error, Failure, Skipped

    case = _new_case(cell, *split(test.id), time=test.duration_s)
    lines = visible_lines(test.reason)
    if test.outcome in ("failed", "error"):
        result = (Failure if test.outcome == "failed" else Error)(lines[-1] if lines else test.outcome, test.outcome)
        result.text = _block(lines)
        case.result = [result]
    elif test.outcome in ("skipped", "xfailed", "deselected"):
        kind = f"{test.skip_class}_skip" if test.outcome == "skipped" and test.skip_class else test.outcome
        case.result = [Skipped(" ".join(lines) or test.outcome, kind)]
    if len(test.attempts) > 1:
        case.system_out = f"attempts: {', '.join(test.attempts)}"
    elif test.outcome == "xpassed":
        case.system_out = "passed, though it was expected to fail"
    return case


def _breach_case(breach: Breach) -> TestCase:
    from junitparser import Failure

    case = _new_case(breach.cell or MATRIX, MATRIX if breach.cell else "", f"breach: {breach.code}")
    result = Failure(visible(breach.message), visible(breach.code))
    result.text = _block([visible(breach.message), *(f"- {visible(test)}" for test in breach.tests)])
    case.result = [result]
    return case


def _state_case(cell: CellVerdict, record: Evidence | None) -> TestCase | None:
    """The case that stands for the cell itself: none where its own tests say it all."""
    from junitparser import Error, Failure, Skipped

    if cell.state == "passed" or (cell.state == "failed" and bad_tests(record)):
        return None
    lines = [visible(f"{reason.message} ({reason.code})") for reason in cell.reasons]
    message = "; ".join([STATE_WORDS[cell.state], *lines])
    result: Failure | Error | Skipped
    if cell.state == "failed":
        result = Failure(message, "failed")
    elif cell.state in ("owed", "not_relevant"):
        result = Skipped(message, cell.state)
    else:
        result = Error(message, cell.state)
    remedies = [f"remedy: {visible(reason.remedy)}" for reason in cell.reasons if reason.remedy]
    details = [line for reason in (record.reasons if record else ()) for line in visible_lines(reason.detail, 40)]
    result.text = _block([*lines, *remedies, *details])
    case = _new_case(cell.name, MATRIX, "cell", cell.duration_s)
    case.result = [result]
    return case


def _matrix(verdict: Verdict) -> TestSuite:
    """The suite of the whole matrix: the verdict itself, breaches of no cell, and what ran nowhere."""
    from junitparser import Error, Failure, Skipped, TestSuite

    suite = TestSuite(MATRIX)
    own = _new_case(MATRIX, "", "verdict")
    if verdict.verdict != "passed":
        result = (Failure if verdict.verdict == "failed" else Error)(summary(verdict), verdict.verdict)
        result.text = not_run(verdict)
        own.result = [result]
    cells = {cell.name for cell in verdict.cells}
    cases = [own, *(_breach_case(breach) for breach in verdict.breaches if breach.cell not in cells)]
    if verdict.ran_nowhere:
        nowhere = _new_case(MATRIX, "", "tests that ran nowhere")
        skipped = Skipped(f"{len(verdict.ran_nowhere)} tests ran nowhere", "ran_nowhere")
        skipped.text = _block(visible(test.test) for test in verdict.ran_nowhere)
        nowhere.result = [skipped]
        cases.append(nowhere)
    suite.add_testcases(cases)
    return suite
