"""Read the files of the recorders. Nothing in a record directory is an error: unreadable parts become notes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from envmatrix.evidence import test_ids
from envmatrix.evidence.model import Outcome, Session, TestResult
from envmatrix.evidence.test_ids import RANK, EndCounter, IdNumbers, combine_results, join_results
from envmatrix.util.text import listed

REASON_LENGTH: Final = 4000
NOT_RUN: Final = "not run: "  # prefix of the reason of a test that was collected and never started
CUT_OFF: Final = "not run to its end: "  # the same for a test that the end of the run stopped
DIED: Final = "the process died while it ran this test"
NEVER_RAN: Final = "the run ended before it"  # after NOT_RUN, if no reason is known
BEFORE: Final = "before its session began"  # the stop of a pytest that started and had no session
IGNORED: Final = "not collected: collect_ignore, --ignore or a hook of the suite leaves this file out"


class Stream(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A subunit stream of a run: its file, the offset of its first byte, and whether its writer closed it."""

    path: str
    offset: int = 0
    closed: bool = True


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions and tests of a run as seen by one source; ``merge_recordings`` joins several.

    ``tests`` are sorted by id, one per id. ``imports`` has a key for every watched module that a test process loaded,
    with its file, "built-in", or "" for a stand-in that a test put into ``sys.modules``. ``outside`` are modules from
    outside the environment, the standard library and the project; ``connections`` are the watched addresses that a test
    process connected to from Python (connections of C libraries are invisible, so absence proves nothing). ``streams``
    are the subunit files that stestr wrote meanwhile, for ``subunit.read_streams``; ``stripped`` are the places of
    assert statements in tests that the interpreter removed; ``shadowed`` are the project's packages of which another
    copy was imported, with its place and a file of the project that differs; ``notes`` name unreadable parts.
    """

    sessions: tuple[Session, ...] = ()
    tests: tuple[TestResult, ...] = ()
    imports: dict[str, str] = {}
    outside: tuple[tuple[str, str], ...] = ()
    connections: tuple[str, ...] = ()
    streams: tuple[Stream, ...] = ()
    stripped: tuple[str, ...] = ()
    shadowed: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()


def merge_recordings(parts: Iterable[Recorded]) -> Recorded:
    """Join several recordings into one with one result per test (see ``combine_results``)."""
    parts = tuple(parts)
    imports: dict[str, str] = {}
    for part in parts:
        for name, path in part.imports.items():
            imports[name] = imports.get(name) or path
    return Recorded(
        sessions=tuple(session for part in parts for session in part.sessions),
        tests=combine_results(test for part in parts for test in part.tests),
        imports=dict(sorted(imports.items())),
        outside=tuple(sorted({item for part in parts for item in part.outside})),
        connections=tuple(sorted({item for part in parts for item in part.connections})),
        streams=tuple(sorted({item for part in parts for item in part.streams})),
        stripped=tuple(sorted({item for part in parts for item in part.stripped})),
        shadowed=tuple(sorted({item for part in parts for item in part.shadowed})),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def read_recordings(record_dir: Path, *, project: Path) -> Recorded:
    """Return the contents of the recorders' files in ``record_dir``, with ids relative to ``project``.

    A session without an end is a crash: its current test is an error, and its other collected tests were not run. A
    missing directory is an empty recording.
    """
    notes: list[str] = []
    recording = _RecordCollector(project)
    try:
        names = sorted(name for name in os.listdir(record_dir) if name.endswith(".jsonl"))  # noqa: PTH208 - for each cell
    except OSError:
        names = []
    files = [(name, list(_read_lines(record_dir / name, notes))) for name in names]
    files.sort(key=lambda file: _find_begin(file[1]))  # tests of one id are numbered in the order of their sessions
    lines = [(name, line) for name, records in files for line in records]
    lines.sort(key=lambda named: named[1]["t"] != "start")  # a test may have closed the first file of its process
    for name, line in lines:
        try:
            recording.take_record(line, name.partition("-")[0])
        except (KeyError, TypeError, ValueError, AttributeError):
            notes.append(f"{name}: a record that is not one of this version was left out")
    return recording.make_result(notes)


def _read_lines(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        notes.append(f"{path.name}: cannot be read ({error.strerror or error})")
        return
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("t"), str):
            yield record
        else:
            notes.append(f"{path.name}:{number}: a line that is incomplete or not a record was left out")


def _find_begin(lines: list[dict[str, Any]]) -> float:
    """Return the start of the first session of a file; infinity without one, so that the file comes last."""
    return min((float(line.get("at") or 0.0) for line in lines if line["t"] == "start"), default=float("inf"))


class _TestNames:
    """Makes the ids of a recording's tests.

    Folded parts (addresses, temporary directories) differ between processes, so such ids are numbered per process.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self._numbers: dict[str, IdNumbers] = {}

    def name_pytest(self, nodeid: str, root: str, process: str, *, grouped: bool = False, number: int = 1) -> str:
        """Return the id of a node; ``number`` distinguishes nodes of one name."""
        test_id = test_ids.normalise_pytest_id(nodeid, root, self.project, grouped=grouped)
        place = test_ids.find_place(nodeid, root)
        return self._numbers_of(test_id, process).name_test(
            test_id, (place, nodeid if self._is_folded(test_id) else "", number)
        )

    def name_unittest(self, raw: str, place: str, session: str, *, number: int = 1) -> tuple[str, bool]:
        """Return the id of a unittest test that is defined in the file ``place``, and whether it stands for others."""
        test_id, stands = test_ids.normalise_unittest_id(raw, self.project)
        number = 1 if stands else number
        name = self._numbers_of(test_id, session).name_test(
            test_id, (place, raw if self._is_folded(test_id) else "", number)
        )
        return name, stands

    def _numbers_of(self, test_id: str, source: str) -> IdNumbers:
        return self._numbers.setdefault(source if self._is_folded(test_id) else "", IdNumbers())

    @staticmethod
    def _is_folded(test_id: str) -> bool:
        return test_ids.ADDRESS in test_id or test_ids.TEMPORARY in test_id


class _RecordCollector:
    """Collects records, starts of sessions first; each file has the records of one process in order of time."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.names = _TestNames(project)
        self.process = ""  # the process of the current record
        self.runs: dict[str, _SessionCollector] = {}
        self.imports: dict[str, str] = {}
        self.outside: set[tuple[str, str]] = set()
        self.connections: set[str] = set()
        self.stripped: set[str] = set()
        self.unversioned: set[str] = set()
        self.shadowed: set[tuple[str, str, str]] = set()
        self.streams: dict[str, Stream] = {}
        self.undiscovered: dict[str, TestResult] = {}
        self.deselected: dict[str, str] = {}
        self.uncollected: dict[str, str] = {}
        self.unrun: dict[str, TestResult] = {}
        self.opened: dict[int, str] = {}  # process -> version of the pytest that it started
        self.returned: set[int] = set()
        self.requires: dict[str, tuple[str, ...]] = {}
        self.ignored: dict[str, None] = {}
        self.swallowed: dict[str, str] = {}
        self.notes: list[str] = []

    def take_record(self, record: dict[str, Any], process: str = "") -> None:
        """Add one record of a process.

        Raises KeyError, TypeError or ValueError: when it is not a valid record.
        """
        kind = record["t"]
        self.process = process
        if kind == "start":
            self.runs[record["s"]] = _SessionCollector(record, self.names, process)
        elif kind in ("r", "collected", "finish", "place"):
            self.runs[record["s"]].take_record(record)
        elif kind == "import":
            self.imports[record["name"]] = self.imports.get(record["name"]) or str(record["path"])
        elif kind in ("outside", "connect", "stripped", "shadowed"):
            self._take_use(record)
        elif kind == "note":
            self.notes.append(str(record["message"]))
        elif kind == "unversioned":
            self.unversioned.add(str(record["path"]))
        elif kind in ("stream", "undiscovered"):
            self._take_subunit(record)
        elif kind in ("opened", "returned"):
            self._take_start(record)
        elif kind == "unrun":
            self._take_unrun(record)
        else:
            self._take_collection(record)

    def _take_subunit(self, record: dict[str, Any]) -> None:
        if record["t"] == "stream":
            stream = Stream(path=str(record["path"]), offset=int(record["offset"]), closed=bool(record["whole"]))
            self.streams[str(record["key"])] = stream
            return
        test_id = test_ids.normalise_unittest_id(record["id"], self.project)[0]
        self.undiscovered[test_id] = TestResult(
            id=test_id, outcome="error", reason=_clean_text(record["r"]), runner="subunit", stands_for_module=True
        )

    def _take_use(self, record: dict[str, Any]) -> None:
        if record["t"] == "outside":
            self.outside.add((str(record["name"]), str(record["path"])))
        elif record["t"] == "stripped":
            self.stripped.add(str(record["place"]))
        elif record["t"] == "shadowed":
            self.shadowed.add((str(record["name"]), str(record["path"]), str(record["own"])))
        else:
            self.connections.add(str(record["address"]))

    def _take_start(self, record: dict[str, Any]) -> None:
        if record["t"] == "opened":
            self.opened[int(record["pid"])] = str(record["version"])
        else:
            self.returned.add(int(record["pid"]))

    def _take_unrun(self, record: dict[str, Any]) -> None:
        """Add a test whose method only returned a coroutine, which its runner reports as passed."""
        node = str(record["node"])
        root = next((run.root for run in self.runs.values() if run.session.runner == "pytest"), "")
        test_id = (
            test_ids.normalise_pytest_id(node, root, self.project)
            if node
            else test_ids.normalise_unittest_id(record["id"], self.project)[0]
        )
        self.unrun[test_id] = TestResult(id=test_id, outcome="error", reason=_clean_text(record["r"]))

    def _take_collection(self, record: dict[str, Any]) -> None:
        root, grouped = str(record["root"]), bool(record.get("grouped"))

        def name_node(nodeid: str) -> str:
            return self.names.name_pytest(nodeid, root, self.process, grouped=grouped)

        kind = record["t"]
        if kind == "order":
            for nodeid in record["ids"]:
                name_node(nodeid)
        elif kind in ("deselected", "uncollected"):
            reasons = self.deselected if kind == "deselected" else self.uncollected
            reasons.update((name_node(nodeid), _clean_text(record.get("r", ""))) for nodeid in record["ids"])
        elif kind == "requires":
            self.requires.update((name_node(nodeid), tuple(map(str, names))) for nodeid, names in record["of"].items())
        elif kind == "ignored":
            self.ignored[test_ids.normalise_id(record["id"], self.project)] = None
        elif kind == "swallowed":
            self.swallowed[name_node(record["id"])] = _clean_text(record["r"])

    def _complete_test(self, test: TestResult) -> TestResult:
        """Return a test with its markers, as failed if it raised although hooks of the suite reported a pass."""
        if test.id in self.requires:
            test = msgspec.structs.replace(test, requires=self.requires[test.id])
        if test.outcome == "passed" and test.id in self.swallowed and not test.attempts:
            reason = f"a hook of the suite reported it as passed, but it raised {self.swallowed[test.id]}"
            test = msgspec.structs.replace(test, outcome="failed", reason=reason[:REASON_LENGTH])
        return test

    def _list_never_begun(self) -> Iterator[Session]:
        """Yield an unfinished session for each pytest that neither began a session nor returned from its start."""
        begun = self.returned.union(run.session.pid for run in self.runs.values())
        for pid, version in self.opened.items():
            if pid not in begun:
                yield Session(runner="pytest", version=version, pid=pid, stopped=BEFORE)

    def _note_unversioned(self) -> Iterator[str]:
        if names := sorted(self.unversioned):
            yield f"the tests imported {listed(names, 3)}, which git ignores: no commit has their content"

    def _adopt_orphans(self) -> None:
        """Count a nested session itself if its outer session is unknown, because no other session counts it."""
        for run in self.runs.values():
            known = bool(self.streams) if run.outer == "subunit" else run.outer in ("", "nested", *self.runs)
            if run.session.nested and not known:
                run.session = msgspec.structs.replace(run.session, nested=False)

    def make_result(self, notes: list[str]) -> Recorded:
        self._adopt_orphans()
        tests = [test for run in self.runs.values() if not run.session.nested for test in run.list_results()]
        tests += self.unrun.values()
        tests += [
            TestResult(id=test_id, outcome="deselected", reason=reason, runner="pytest")
            for test_id, reason in self.deselected.items()
        ]
        tests += [
            TestResult(id=test_id, outcome="skipped", reason=reason, runner="pytest")
            for test_id, reason in self.uncollected.items()
        ]
        tests += [
            TestResult(id=test_id, outcome="deselected", reason=IGNORED, runner="pytest", stands_for_module=True)
            for test_id in self.ignored
        ]
        tests += self.undiscovered.values()
        return Recorded(
            sessions=(*(run.close_session() for run in self.runs.values()), *self._list_never_begun()),
            tests=tuple(self._complete_test(test) for test in combine_results(tests)),
            imports=dict(sorted(self.imports.items())),
            outside=tuple(sorted(self.outside)),
            connections=tuple(sorted(self.connections)),
            streams=tuple(sorted(self.streams.values())),
            stripped=tuple(sorted(self.stripped)),
            shadowed=tuple(sorted(self.shadowed)),
            notes=tuple(dict.fromkeys([*notes, *self.notes, *self._note_unversioned()])),
        )


class _SessionCollector:
    """Collects the records of one session, which may be unfinished."""

    def __init__(self, start: dict[str, Any], names: _TestNames, process: str) -> None:
        options = dict(start.get("options") or {})
        self.names = names
        self.process = process
        self.key = str(start["s"])
        self.root = str(start.get("root") or start.get("cwd") or "")
        self.grouped = options.get("dist") == "loadgroup"
        self.workers = options.get("dist", "no") != "no"
        self.outer = str(start.get("outer", ""))  # the session that started its process
        self.session = Session(
            runner=str(start["runner"]),
            version=str(start.get("version", "")),
            pid=int(start.get("pid", 0)),
            nested=bool(start.get("nested")),
            narrowed=str(start.get("narrowed", "")),
            args=tuple(map(str, start.get("args") or ())),
            paths=tuple(map(str, start.get("paths") or ())),
            options={str(name): str(value) for name, value in options.items()},
            addopts=str(start.get("addopts", "")),
            at=round(float(start.get("at", 0.0)), 3),
        )
        self.collected: dict[str, None] = {}
        self.places: dict[str, str] = {}  # module -> its file
        self.ends = EndCounter()
        self.results: list[TestResult] = []

    def take_record(self, record: dict[str, Any]) -> None:
        if record["t"] == "collected":
            for raw in record["ids"]:
                self.collected[self._make_id(raw, self.ends.count_collected(raw))[0]] = None
        elif record["t"] == "place":
            self.places[str(record["module"])] = str(record["path"])
        elif record["t"] == "finish":
            code = record.get("exit")
            self.session = msgspec.structs.replace(
                self.session,
                finished=True,
                exit_code=int(code) if code is not None else None,
                tests=int(record.get("tests", 0)),
                stopped=str(record.get("stopped", "")),
            )
        else:
            self.results += self._make_results(record)

    def _make_id(self, raw: str, number: int = 1) -> tuple[str, bool]:
        if self.session.runner == "pytest":
            return self.names.name_pytest(raw, self.root, self.process, grouped=self.grouped, number=number), False
        return self.names.name_unittest(raw, self._find_place(raw), self.key, number=number)

    def _find_place(self, raw: str) -> str:
        """Return the file that defines a test, or the directory of its session if its module is unknown."""
        return next((self.places[name] for name in _iterate_parents(raw) if name in self.places), self.root)

    def _make_results(self, record: dict[str, Any]) -> Iterator[TestResult]:
        raw, again = record["id"], bool(record.get("again"))
        part = "of" in record or bool(record.get("module"))
        test_id, stands = self._make_id(raw, 1 if part else self.ends.count_ended(raw, again=again))
        outcome, attempts = record["o"], tuple(record.get("a", ()))
        if outcome not in RANK or any(attempt not in RANK for attempt in attempts):
            raise ValueError(outcome)
        reason = _clean_text(record.get("r", ""))
        result = TestResult(
            id=test_id,
            outcome=outcome,
            duration_s=float(record.get("d", 0.0)),
            reason=reason,
            runner="pytest" if self.session.runner == "pytest" else "unittest",
            stands_for_module=stands or bool(record.get("module")),
            attempts=attempts,
            part_of=self._make_id(record["of"])[0] if "of" in record else "",
            has_parts=bool(record.get("parts")),
        )
        before = next((earlier for earlier in reversed(self.results) if earlier.id == test_id), None) if again else None
        if before is not None:
            self.results.remove(before)
            result = join_results(before, result)
        yield result

    def close_session(self) -> Session:
        if self.session.finished:
            return self.session
        return msgspec.structs.replace(self.session, tests=len(self.results))

    def list_results(self) -> Iterator[TestResult]:
        """Yield the results of tests that ran, then of collected tests that did not."""
        yield from self.results
        seen = {test.id for test in self.results}
        holders = {test.id: test for test in self.results if test.stands_for_module}
        missing = [test_id for test_id in self.collected if test_id not in seen]
        if missing and not self.session.finished and not self.workers:
            yield self._make_unrun(missing.pop(0), "error", f"{DIED}, or right before it")
        for test_id in missing:
            holder = next((holders[name] for name in _iterate_parents(test_id) if name in holders), None)
            if holder is not None:
                why = holder.reason or f"{holder.id} {holder.outcome}"
            elif not self.session.finished:
                why = "the process died"
            else:
                why = self.session.stopped or NEVER_RAN
            yield self._make_unrun(test_id, "deselected", NOT_RUN + why)

    def _make_unrun(self, test_id: str, outcome: Outcome, reason: str) -> TestResult:
        runner = "pytest" if self.session.runner == "pytest" else "unittest"
        return TestResult(id=test_id, outcome=outcome, reason=reason, runner=runner)


def _clean_text(text: object) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")[:REASON_LENGTH]


def _iterate_parents(test_id: str) -> Iterator[str]:
    while "." in test_id:
        test_id = test_id.rpartition(".")[0]
        yield test_id
