"""Make one id per test, the same in every cell and on every host.

pytest's ids are node ids relative to the project's root (``tests/test_a.py::TestB::test_c[param]``), unittest's and
subunit's are dotted (``tests.test_a.TestB.test_c``). Parameters stay; only parts that always differ from run to run are
folded: the project's directory, the environment's site-packages, temporary directories and addresses.

Different tests of one run with the same id are numbered, and reruns of a test are joined.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Hashable, Iterable
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.evidence.model import WORST_FIRST, Outcome, TestResult

TEMPORARY: Final = "<tmp>"
ADDRESS: Final = "0x…"

_SITE_PACKAGES = re.compile(r"^(?:[^\[\]:]*/)?(?:site|dist)-packages/")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+\b|\b0x(?:7[ef]|5[56])[0-9a-fA-F]{10}\b")
_PYTEST_TEMPORARY = re.compile(r"pytest-of-[^/\s]+/pytest-\d+")
_RANDOM_NAME = re.compile(
    r"(?:/private)?(?:/var)?/tmp/tmp[a-z0-9_]{8}\b|(?:/private)?/var/folders/\w\w/\w+/T/tmp\w{8}\b"
)
_HOLDER = re.compile(r"^(setUp|tearDown)(Class|Module) \(([^()]+)\)$")
_LOADER = re.compile(
    r"^(?:unittest|nose2)\.loader\.(?:_FailedTest|ModuleSkipped|ModuleImportFailure|LoadTestsFailure)\.(.+)$", re.DOTALL
)
_GROUP = re.compile(r"@[^\[\]@]+$")


def normalise_id(test_id: str, project: Path) -> str:
    """Return ``test_id`` without the parts that differ between hosts or runs; a second call changes nothing."""
    text = _escape_text(test_id)
    for root in _spell_roots(str(project)):
        text = text.replace(root, "")
    text = _SITE_PACKAGES.sub("", text)
    text = _RANDOM_NAME.sub(TEMPORARY, text)
    if "pytest-of-" in text:
        text = re.sub(rf"(?:{re.escape(_find_temporary())}/)?{_PYTEST_TEMPORARY.pattern}", TEMPORARY, text)
    return _ADDRESS.sub(lambda match: f"at {ADDRESS}" if match[0].startswith("at") else ADDRESS, text)


def normalise_pytest_id(nodeid: str, rootdir: str, project: Path, *, grouped: bool = False) -> str:
    """Return the normalised id of a pytest node, with a path relative to the project instead of ``rootdir``.

    ``grouped`` is true if pytest-xdist ran with ``--dist loadgroup``, which appends ``@group`` to the id.
    """
    if grouped:
        nodeid = _GROUP.sub("", nodeid)
    path, separator, rest = nodeid.partition("::")
    return normalise_id(f"{_make_relative(path, rootdir, str(project))}{separator}{rest}", project)


def find_place(nodeid: str, rootdir: str) -> str:
    """Return the unresolved path of a pytest node's file below its root: different files may have one id."""
    return os.path.normpath(os.path.join(rootdir, nodeid.partition("::")[0]))  # noqa: PTH118 - for each test


def normalise_unittest_id(test_id: str, project: Path) -> tuple[str, bool]:
    """Return the normalised id of a unittest or subunit test, and whether it stands for a whole module or class.

    A failed import and a skipped module have the module's name, a failed or skipped ``setUpClass`` has the class's. A
    failed ``tearDownClass`` or ``tearDownModule`` has a name of its own, because the tests themselves did run.
    """
    loader, holder = _LOADER.match(test_id), _HOLDER.match(test_id)
    if loader is not None:
        return normalise_id(loader[1], project), True
    if holder is not None and holder[1] == "setUp":
        return normalise_id(holder[3], project), True
    if holder is not None:
        return normalise_id(f"{holder[3]}.{holder[1]}{holder[2]}", project), False
    return normalise_id(test_id, project), False


def _escape_text(text: str) -> str:
    """Return text on one line that every encoder accepts: lone surrogates and line ends are escaped."""
    if text.isascii() and "\n" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n")


@cache
def _find_temporary() -> str:
    return tempfile.gettempdir()


@cache
def _spell_roots(project: str) -> tuple[str, ...]:
    forms = {project.rstrip("/"), str(Path(project).resolve())}
    return tuple(sorted((f"{form}/" for form in forms if form), key=len, reverse=True))


@cache
def _make_relative(path: str, rootdir: str, project: str) -> str:
    """Return a path relative to the project for a path relative to pytest's root."""
    if not rootdir or Path(path).is_absolute():
        return path
    root, top = Path(rootdir).resolve(), Path(project).resolve()
    return path if root == top else os.path.relpath(root / path, top)


RANK: Final = {outcome: rank for rank, outcome in enumerate(WORST_FIRST)}
_NOT_TRIED: Final = "[NOTRUN]"  # pytest's prefix for the reason of an xfail that it did not run


class IdNumbers:
    """Gives every test of one source a unique id. The first test of an id keeps it, the second is ``id#2``."""

    def __init__(self) -> None:
        self._tests: dict[str, dict[Hashable, str]] = {}

    def name_test(self, test_id: str, key: Hashable) -> str:
        """Return the unique id of the test that ``key`` distinguishes from others of the same id."""
        tests = self._tests.get(test_id)
        if tests is None:
            self._tests[test_id] = {key: test_id}
            return test_id
        name = tests.get(key)
        if name is None:
            name = tests[key] = number_id(test_id, len(tests) + 1)
        return name


class EndCounter:
    """Counts how often each test of a session was collected and ended, to number tests of one id."""

    def __init__(self) -> None:
        self._collected: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()

    def count_collected(self, raw: str) -> int:
        """Count a collected test and return its number among the tests with this id, from 1."""
        self._collected[raw] += 1
        return self._collected[raw]

    def count_ended(self, raw: str, *, again: bool = False) -> int:
        """Count an ended test and return its number among the tests with this id; ``again`` marks a rerun."""
        if not (again and self._ended[raw]):
            self._ended[raw] += 1
        return min(self._ended[raw], self._collected[raw] or self._ended[raw])


def number_id(test_id: str, number: int) -> str:
    """Return the id with a number, for the second and each further test of the same id."""
    return test_id if number < 2 else f"{test_id}#{number}"


def combine_results(results: Iterable[TestResult]) -> tuple[TestResult, ...]:
    """Return one result per test, sorted by id.

    Two executed results of one id are reruns of one test: a failure wins over a pass, because a later pass does not
    undo it, and ``attempts`` has every outcome. A skip is joined only with the same skip: a skipped and an executed
    result of one id are two tests.
    """
    by_id: dict[str, TestResult] = {}
    for result in results:
        name, number = result.id, 1
        while (known := by_id.get(name)) is not None and not _is_same_test(known, result):
            number += 1
            name = number_id(result.id, number)
        if known is not None:
            by_id[name] = join_results(known, result)
        else:
            by_id[name] = result if name == result.id else msgspec.structs.replace(result, id=name)
    return tuple(by_id[test_id] for test_id in sorted(by_id))


def _is_same_test(first: TestResult, second: TestResult) -> bool:
    """Return whether two results of one id can be joined as one test without losing a skip."""
    if "deselected" in (first.outcome, second.outcome):
        return True
    if _was_skipped(first) != _was_skipped(second):
        return False
    return not _was_skipped(first) or first.reason == second.reason


def _was_skipped(result: TestResult) -> bool:
    return result.outcome == "skipped" or (result.outcome == "xfailed" and result.reason.startswith(_NOT_TRIED))


def join_results(first: TestResult, second: TestResult) -> TestResult:
    """Join two results of the same test: return the worst, with all outcomes as attempts."""
    worst = min(first, second, key=lambda result: RANK[result.outcome])
    requires = tuple(dict.fromkeys(first.requires + second.requires))
    attempts = tuple(outcome for result in (first, second) for outcome in _list_attempts(result))
    return msgspec.structs.replace(
        worst,
        id=first.id,
        requires=requires,
        attempts=attempts if len(attempts) > 1 else (),
        stands_for_module=first.stands_for_module and second.stands_for_module,
        has_parts=first.has_parts or second.has_parts,
        duration_s=round(first.duration_s + second.duration_s, 6),
    )


def _list_attempts(result: TestResult) -> tuple[Outcome, ...]:
    return result.attempts or (() if result.outcome == "deselected" else (result.outcome,))
