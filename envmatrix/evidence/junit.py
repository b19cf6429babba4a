"""Read the JUnit XML files that a profile names (``results = ["…/*.xml"]``), for runners without a recorder."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from envmatrix.evidence import test_ids
from envmatrix.evidence.model import Outcome, Session, TestResult
from envmatrix.evidence.recordings import REASON_LENGTH, Recorded
from envmatrix.evidence.test_ids import EndCounter, IdNumbers, combine_results

if TYPE_CHECKING:
    from junitparser import JUnitXml, TestCase, TestSuite

_RANK: Final[dict[str, int]] = {"Error": 3, "Failure": 2, "Skipped": 1}
LIMIT_BYTES: Final = 64 * 1024 * 1024
_DEEPEST: Final = 50
_LONGEST_NAME: Final = 2000
_OUTCOMES: Final[dict[str, Outcome]] = {"Error": "error", "Failure": "failed", "Skipped": "skipped"}


def read_junit(
    paths: Iterable[Path], *, since: float, project: Path | None = None, recorded: Recorded | None = None
) -> Recorded:
    """Return the tests of the files written at or after ``since`` (seconds since the epoch, as ``st_mtime``).

    Older files come from an earlier run: they are left out with a note, and so are files that are not JUnit XML. Each
    file is one session of the runner "junit". Tests that ``recorded`` has are left out, because a recorder saw the same
    run that wrote the file.
    """
    known = {_spell_dotted(test.id) for test in recorded.tests} if recorded is not None else set()
    tests: list[TestResult] = []
    sessions: list[Session] = []
    notes: list[str] = []
    numbers = IdNumbers()
    for path in sorted(set(paths)):
        results = _read_file(path, since, project or Path.cwd(), notes)
        if results is not None:
            tests += [test for test in _number_results(results, numbers) if test.id not in known]
            sessions.append(Session(runner="junit", finished=True, tests=len(results)))
    return Recorded(sessions=tuple(sessions), tests=combine_results(tests), notes=tuple(notes))


def _number_results(results: Iterable[TestResult], numbers: IdNumbers) -> Iterator[TestResult]:
    """Yield the results of one file with unique ids: results of one id in one file are different tests.

    A result of another file is the same test only if it is equal in everything, as in a summary of other files.
    """
    ends = EndCounter()
    for test in results:
        key = (test.outcome, test.reason, test.duration_s, ends.count_ended(test.id))
        yield msgspec.structs.replace(test, id=numbers.name_test(test.id, key))


def _read_file(path: Path, since: float, project: Path, notes: list[str]) -> list[TestResult] | None:
    from junitparser import JUnitXml

    try:
        with _open_regular(path) as file:
            if os.fstat(file.fileno()).st_mtime < since:
                notes.append(f"{path}: left over from an earlier run, not counted")
                return None
            document = JUnitXml.fromfile(file, parse_func=_parse_xml)
    except OSError as error:
        notes.append(f"{path}: cannot be read ({error.strerror or error})")
        return None
    except Exception as error:  # junitparser passes on whatever its XML parser raises
        notes.append(f"{path}: is not JUnit XML ({error})")
        return None
    return [_make_result(case, suite, project) for suite in _iterate_suites(document) for case in suite]


def _open_regular(path: Path) -> BinaryIO:
    """Open a regular file up to the size limit.

    Raises OSError: when it cannot be opened, is too large, or is not a regular file (reading a pipe may never end).
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= LIMIT_BYTES:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(status.st_mode):
        raise OSError(errno.EFBIG, f"larger than {LIMIT_BYTES >> 20} MiB", str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _parse_xml(file: BinaryIO) -> Any:
    """Return the element tree of a document.

    Raises ValueError: when it is nested so deeply that recursive readers would fail.
    """

    from xml.etree import ElementTree  # like junitparser, only for a cell that has such files

    class Shallow(ElementTree.TreeBuilder):
        depth = 0

        def start(self, *arguments: Any) -> Any:
            self.depth += 1
            if self.depth > _DEEPEST:
                raise ValueError(f"it is nested more than {_DEEPEST} deep")
            return super().start(*arguments)

        def end(self, *arguments: Any) -> Any:
            self.depth -= 1
            return super().end(*arguments)

    parser = ElementTree.XMLParser(target=Shallow())
    parser.feed(file.read(LIMIT_BYTES))  # at once: expat parses a long attribute again with each piece
    return ElementTree.ElementTree(parser.close())


def _spell_dotted(test_id: str) -> str:
    """Return an id as JUnit XML spells it: path, classes and function joined by dots."""
    place, bracket, parameters = test_id.partition("[")
    return place.replace(".py::", ".").removesuffix(".py").replace("::", ".").replace("/", ".") + bracket + parameters


def _iterate_suites(document: JUnitXml | TestSuite) -> Iterator[TestSuite]:
    """Yield the top-level suites; iterating over a suite includes the cases of nested suites."""
    from junitparser import TestSuite

    if isinstance(document, TestSuite):
        yield document
    else:
        yield from document


def _make_result(case: TestCase, suite: TestSuite, project: Path) -> TestResult:
    worst = max(case.result, key=lambda entry: _RANK.get(type(entry).__name__, 0), default=None)
    outcome = _OUTCOMES.get(type(worst).__name__, "passed") if worst is not None else "passed"
    if outcome == "skipped" and worst is not None and worst.type == "pytest.xfail":
        outcome = "xfailed"
    reason = "" if worst is None else str(worst.message or worst.text or "").strip()
    name = ".".join(_shorten_name(part) for part in (case.classname or suite.name, case.name) if part)
    return TestResult(
        id=test_ids.normalise_id(name, project),
        outcome=outcome,
        duration_s=_read_duration(case),
        reason=reason[:REASON_LENGTH],
        runner="junit",
    )


def _shorten_name(name: str) -> str:
    """Return a name; a long one is cut and ends with a digest, so that it stays unique."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}…{hashlib.sha256(name.encode(errors='backslashreplace')).hexdigest()[:16]}"


def _read_duration(case: TestCase) -> float:
    """Return the duration of a case, 0 if the file has no valid one."""
    try:
        seconds = float(case.time or 0.0)
    except ValueError:
        return 0.0
    return round(seconds, 6) if math.isfinite(seconds) and seconds >= 0 else 0.0
