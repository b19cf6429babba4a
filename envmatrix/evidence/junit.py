"""Reads the JUnit XML files that a profile names (``results = ["…/*.xml"]``), for runners that nothing else records."""

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
from envmatrix.evidence.test_ids import Ends, Numbers, combine

if TYPE_CHECKING:
    from junitparser import JUnitXml, TestCase, TestSuite

_RANK: Final[dict[str, int]] = {"Error": 3, "Failure": 2, "Skipped": 1}
LIMIT_BYTES: Final = 64 * 1024 * 1024
_DEEPEST: Final = 50
_LONGEST_NAME: Final = 2000
_OUTCOMES: Final[dict[str, Outcome]] = {"Error": "error", "Failure": "failed", "Skipped": "skipped"}


def read(
    paths: Iterable[Path], *, since: float, project: Path | None = None, beside: Recorded | None = None
) -> Recorded:
    """Return the tests of the files written at or after ``since`` (seconds of the epoch, as ``st_mtime``).

    An older file is left over from an earlier run and proves nothing of this one: it is left out with a note, and so
    is a file that is no JUnit XML. Each file is one session of the runner "junit". A test that ``beside`` holds
    already, because a recorder saw the same run that wrote the file, is left out: it ran once.
    """
    known = {_dotted(test.id) for test in beside.tests} if beside is not None else set()
    tests: list[TestResult] = []
    sessions: list[Session] = []
    notes: list[str] = []
    numbers = Numbers()
    for path in sorted(set(paths)):
        found = _file(path, since, project or Path.cwd(), notes)
        if found is not None:
            tests += [test for test in _numbered(found, numbers) if test.id not in known]
            sessions.append(Session(runner="junit", finished=True, tests=len(found)))
    return Recorded(sessions=tuple(sessions), tests=combine(tests), notes=tuple(notes))


def _numbered(found: Iterable[TestResult], numbers: Numbers) -> Iterator[TestResult]:
    """Yield the results of one file with an id for each: what it has twice are different tests. Another file has the
    same test where it tells the very same of it, as a summary of other files does.
    """
    ends = Ends()
    for test in found:
        key = (test.outcome, test.reason, test.duration_s, ends.end(test.id))
        yield msgspec.structs.replace(test, id=numbers.name(test.id, key))


def _file(path: Path, since: float, project: Path, notes: list[str]) -> list[TestResult] | None:
    from junitparser import JUnitXml

    try:
        with _open(path) as file:
            if os.fstat(file.fileno()).st_mtime < since:
                notes.append(f"{path}: left over from an earlier run, not counted")
                return None
            document = JUnitXml.fromfile(file, parse_func=_parse)
    except OSError as error:
        notes.append(f"{path}: cannot be read ({error.strerror or error})")
        return None
    except Exception as error:  # junitparser passes on whatever its XML parser raises
        notes.append(f"{path}: is no JUnit XML ({error})")
        return None
    return [_result(case, suite, project) for suite in _suites(document) for case in suite]


def _open(path: Path) -> BinaryIO:
    """Open a regular file of a bearable size. Raises OSError: a pipe would be waited for, maybe for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= LIMIT_BYTES:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(status.st_mode):
        raise OSError(errno.EFBIG, f"larger than {LIMIT_BYTES >> 20} MiB", str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _parse(file: BinaryIO) -> Any:
    """Return the document's tree. Raises ValueError where it is nested too deeply for whoever walks through it."""
    from xml.etree import ElementTree

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
    parser.feed(file.read(LIMIT_BYTES))  # at once: expat begins a long attribute anew with each piece of it
    return ElementTree.ElementTree(parser.close())


def _dotted(test_id: str) -> str:
    """Return an id as JUnit XML spells it, where a node id's path and classes are all parts of one dotted name."""
    place, bracket, parameters = test_id.partition("[")
    return place.replace(".py::", ".").removesuffix(".py").replace("::", ".").replace("/", ".") + bracket + parameters


def _suites(document: JUnitXml | TestSuite) -> Iterator[TestSuite]:
    """Yield the top-most suites; each yields the cases of the suites inside it too."""
    from junitparser import TestSuite

    if isinstance(document, TestSuite):
        yield document
    else:
        yield from document


def _result(case: TestCase, suite: TestSuite, project: Path) -> TestResult:
    worst = max(case.result, key=lambda entry: _RANK.get(type(entry).__name__, 0), default=None)
    outcome = _OUTCOMES.get(type(worst).__name__, "passed") if worst is not None else "passed"
    if outcome == "skipped" and worst is not None and worst.type == "pytest.xfail":
        outcome = "xfailed"
    reason = "" if worst is None else str(worst.message or worst.text or "").strip()
    name = ".".join(_bounded(part) for part in (case.classname or suite.name, case.name) if part)
    return TestResult(
        id=test_ids.normalise(name, project),
        outcome=outcome,
        duration_s=_duration(case),
        reason=reason[:REASON_LENGTH],
        runner="junit",
    )


def _bounded(name: str) -> str:
    """Return a name, or the beginning of a long one with a digest that tells it from others."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}…{hashlib.sha256(name.encode(errors='backslashreplace')).hexdigest()[:16]}"


def _duration(case: TestCase) -> float:
    """Return how long a case took, 0 where the file gives no number that a duration can be."""
    try:
        seconds = float(case.time or 0.0)
    except ValueError:
        return 0.0
    return round(seconds, 6) if math.isfinite(seconds) and seconds >= 0 else 0.0
