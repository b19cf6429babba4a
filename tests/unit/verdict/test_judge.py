"""The verdict over one run, rule by rule."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import pytest
from verdict_values import (
    TREE,
    blocked,
    codes,
    flaky,
    has,
    judged,
    not_relevant,
    profile,
    record,
    result,
    rule,
    runnable,
    skip,
    wants,
)

from envmatrix.config.model import Gate
from envmatrix.evidence.model import CommandRun, ContentLook, FindingRecord, RanReason, Session

OK = result("t.py::ok")
BAD = result("t.py::bad", "failed", "assert 1 == 2")
PYTEST = CommandRun(argv=("pytest",))


def failing(code: int = 1, **more: Any) -> tuple[CommandRun, ...]:
    return (CommandRun(argv=("pytest",), exit_code=code, **more),)


def session(code: int | None = 0, *, tests: int = 1, finished: bool = True) -> tuple[Session, ...]:
    return (Session(runner="pytest", finished=finished, exit_code=code, tests=tests),)


LISTING = Session(runner="pytest", finished=True, exit_code=0, tests=0, stopped="--collect-only")
INSIDE = functools.partial(Session, runner="pytest", finished=True, nested=True)
CELLS = {
    "passed": (record("full", OK), {}, "passed", 0, []),
    "failed": (record("full", OK, BAD), {}, "failed", 1, []),
    "collection error": (
        record(
            "full", result("t.py", "error", "boom", stands_for_module=True), commands=failing(2), sessions=session(2)
        ),
        {"gate": Gate(min_tests=0)},
        "failed",
        1,
        ["crashed"],
    ),
    "command failed after passing tests": (record("full", OK, commands=failing()), {}, "failed", 1, []),
    "a selection that fits nothing": (
        record("full", result("t.py::ok", "deselected", "-k other"), commands=failing(5), sessions=session(5, tests=0)),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "lint fails, no tests wanted": (
        record("full", commands=failing(), sessions=()),
        {"gate": Gate(min_tests=0)},
        "failed",
        1,
        [],
    ),
    "pytest leaves no record": (
        record("full", sessions=()),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "no tests": (record("full", sessions=()), {}, "inconclusive", 3, ["no_tests"]),
    "found none": (
        record("full", sessions=session(5, tests=0), commands=failing(5)),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "found none, swallowed": (
        record("full", sessions=session(5, tests=0)),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "second session found none": (
        record("full", OK, sessions=(*session(0), *session(5, tests=0))),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "usage error": (
        record("full", sessions=session(4, tests=0), commands=failing(4)),
        {},
        "inconclusive",
        3,
        ["crashed", "no_tests"],
    ),
    "all skipped": (record("full", skip("t.py::a", "why")), {}, "inconclusive", 3, ["no_tests"]),
    "fewer than wanted": (record("full", OK), {"gate": Gate(min_tests=2)}, "inconclusive", 3, ["min_tests"]),
    "no commands": (record("full", commands=(), sessions=()), {}, "inconclusive", 3, ["no_commands"]),
    "not built": (
        record(
            "full",
            state="not_built",
            commands=(),
            sessions=(),
            reasons=(RanReason(code="install_failed", message="x"),),
        ),
        {},
        "inconclusive",
        3,
        [],
    ),
    "skipped by tox": (record("full", state="skipped_by_tox", commands=(), sessions=()), {}, "inconclusive", 3, []),
    "crashed": (record("full", OK, state="crashed", commands=failing(-11)), {}, "inconclusive", 3, ["crashed"]),
    "crashed and exit 0": (
        record("full", OK, sessions=session(None, finished=False)),
        {},
        "inconclusive",
        3,
        ["crashed"],
    ),
    "crashed after a failure": (record("full", BAD, state="crashed"), {}, "failed", 1, ["crashed"]),
    "ended itself early with exit code 0": (
        record(
            "full",
            OK,
            result("t.py::rest", "deselected", "not run: Exit: enough"),
            sessions=(Session(runner="pytest", finished=True, exit_code=0, tests=1, stopped="Exit: enough"),),
        ),
        {},
        "inconclusive",
        3,
        ["crashed"],
    ),
    "tests listed by one command and run by the next": (
        record("full", OK, sessions=(LISTING, *session())),
        {},
        "passed",
        0,
        [],
    ),
    "tests listed and not run": (
        record("full", OK, result("t.py::b", "deselected", "not run: --collect-only"), sessions=(*session(), LISTING)),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "a file of results that the commands did not write": (
        record("full", OK, reasons=(RanReason(code="no_tests", message="results names 'a.xml'"),)),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "timed out": (record("full", OK, state="timed_out"), {}, "inconclusive", 3, ["timed_out"]),
    "interrupted": (record("full", OK, state="interrupted"), {}, "inconclusive", 3, ["interrupted"]),
    "mismatch": (
        record("full", OK, mismatches=(RanReason(code="shadowed", message="libvirt is a wheel"),)),
        {},
        "inconclusive",
        3,
        ["env_mismatch"],
    ),
    "mismatch stopped the commands": (
        record("full", commands=failing(), sessions=(), mismatches=(RanReason(code="x", message="y"),)),
        {},
        "inconclusive",
        3,
        ["env_mismatch", "no_tests"],
    ),
    "unused setting": (
        record("full", OK, reasons=(RanReason(code="unused_setting", message="depz is no key of tox"),)),
        {},
        "inconclusive",
        3,
        ["unused_setting"],
    ),
    "swallowed failure": (record("full", BAD, commands=(PYTEST,)), {}, "failed", 1, []),
    "ignored by a dash": (record("full", BAD, commands=failing(ignored=True)), {}, "failed", 1, []),
    "ignored cleaning": (
        record("full", OK, commands=(PYTEST, CommandRun(argv=("rm", "x"), exit_code=1, ignored=True))),
        {},
        "passed",
        0,
        [],
    ),
    "ignored in a required profile": (
        record("full", OK, ignored=("ignore_outcome",)),
        {"gate": Gate(required=True)},
        "inconclusive",
        3,
        ["ignored_outcome"],
    ),
    "dash in a required profile": (
        record("full", OK, commands=(CommandRun(argv=("pytest",), ignored=True),)),
        {"gate": Gate(required=True)},
        "inconclusive",
        3,
        ["ignored_outcome"],
    ),
    "ignored and nothing recorded": (
        record("full", commands=failing(ignored=True), sessions=()),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["ignored_outcome"],
    ),
    "the only command ignored, its tests well": (
        record("full", OK, commands=failing(ignored=True)),
        {},
        "inconclusive",
        3,
        ["ignored_outcome"],
    ),
    "a linter ignored": (
        record("full", commands=(CommandRun(argv=("flake8",), exit_code=1, ignored=True),), sessions=()),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["ignored_outcome"],
    ),
    "cleaning and installing ignored beside tests": (
        record("full", OK, commands=(CommandRun(argv=("pip", "install", "pytest"), exit_code=1, ignored=True), PYTEST)),
        {},
        "passed",
        0,
        [],
    ),
    "a test runner of which nothing is known": (
        record("full", commands=(CommandRun(argv=("/usr/bin/python3", "-m", "unittest")),), sessions=()),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "lint passes, no tests wanted": (
        record("full", commands=(CommandRun(argv=("flake8", "src")),), sessions=()),
        {"gate": Gate(min_tests=0)},
        "passed",
        0,
        [],
    ),
    "a command that is to fail and does": (
        record("full", OK, commands=(PYTEST, CommandRun(argv=("x",), exit_code=3, inverted=True))),
        {},
        "passed",
        0,
        [],
    ),
    "a command that is to fail and does not": (
        record("full", OK, commands=(PYTEST, CommandRun(argv=("x",), inverted=True))),
        {},
        "failed",
        1,
        [],
    ),
    "a command that could not be started": (
        record(
            "full",
            OK,
            commands=(PYTEST, CommandRun(argv=("x",), exit_code=2, ignored=True, not_started="no such file")),
            reasons=(RanReason(code="command_missing", message="`x` could not be started"),),
        ),
        {},
        "inconclusive",
        3,
        [],
    ),
    "refused before its first command": (
        record("full", commands=(), sessions=(), reasons=(RanReason(code="command_missing", message="ls"),)),
        {},
        "inconclusive",
        3,
        [],
    ),
    "only commands before the commands": (
        record("full", commands=(CommandRun(argv=("x",), phase="commands_pre"),), sessions=()),
        {"gate": Gate(min_tests=0)},
        "inconclusive",
        3,
        ["no_commands"],
    ),
    "promised capability skipped": (
        record("full", OK, wants("t.py::v"), findings=has("libvirt")),
        {"requires": ("libvirt>=9",)},
        "inconclusive",
        3,
        ["capability_skip"],
    ),
    "promised capability wanted by an xfail that was not tried": (
        record("full", OK, wants("t.py::v", outcome="xfailed", reason="[NOTRUN] no libvirt"), findings=has("libvirt")),
        {"requires": ("libvirt>=9",)},
        "inconclusive",
        3,
        ["capability_skip"],
    ),
    "promised capability wanted by an xfail": (
        record("full", OK, wants("t.py::v", outcome="xfailed"), findings=has("libvirt")),
        {"requires": ("libvirt>=9",)},
        "inconclusive",
        3,
        ["capability_skip"],
    ),
    "runs inside tests are parts of those": (
        record(
            "full",
            OK,
            sessions=(*session(0), *(INSIDE(exit_code=code) for code in (1, 2, 4, 5)), INSIDE(finished=False)),
        ),
        {},
        "passed",
        0,
        [],
    ),
    "nothing but runs inside tests": (
        record("full", sessions=(INSIDE(exit_code=0),)),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "a known failure": (record("full", OK, result("t.py::v", "xfailed", "a bug")), {}, "passed", 0, []),
    "known failures alone": (
        record("full", result("t.py::v", "xfailed", "a bug")),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "promised through a service": (
        record("full", OK, wants("t.py::v", "mysql"), findings=has("mysql")),
        {"services": ("mysql",)},
        "inconclusive",
        3,
        ["capability_skip"],
    ),
    "required in a newer version than it was": (
        record("full", OK, findings=has("libvirt", version="8.1")),
        {"requires": ("libvirt>=9",)},
        "inconclusive",
        3,
        ["requirement_unmet"],
    ),
    "required and not looked for": (
        record("full", OK, findings=has("mysql")),
        {"requires": ("libvirt",)},
        "inconclusive",
        3,
        ["requirement_unmet"],
    ),
    "a service that was not there": (
        record("full", OK),
        {"services": ("mysql",)},
        "inconclusive",
        3,
        ["requirement_unmet"],
    ),
    "promised elsewhere only": (
        record("full", OK, wants("t.py::v")),
        {"requires": ('libvirt; sys_platform == "win32"',)},
        "passed",
        0,
        [],
    ),
    "unpromised capability skipped": (record("full", OK, wants("t.py::v")), {}, "passed", 0, []),
    "unused capability": (
        record("full", OK, findings=(FindingRecord(capability="libvirt", status="ok", used=False),)),
        {"requires": ("libvirt",)},
        "inconclusive",
        3,
        ["capability_unused"],
    ),
    "unused and allowed": (
        record("full", OK, findings=(FindingRecord(capability="libvirt", status="ok", used=False),)),
        {"requires": ("libvirt",), "unused": "allow"},
        "passed",
        0,
        [],
    ),
    "use unknown": (
        record("full", OK, findings=(FindingRecord(capability="libvirt", status="ok"),)),
        {"requires": ("libvirt",)},
        "passed",
        0,
        [],
    ),
    "unexpected skip reported": (record("full", OK, skip("t.py::u", "?")), {}, "passed", 0, []),
    "unexpected skip refused": (
        record("full", OK, skip("t.py::u", "?")),
        {"unexpected_skips": "refuse"},
        "inconclusive",
        3,
        ["unexpected_skip"],
    ),
    "deselection refused": (
        record("full", OK, result("t.py::u", "deselected")),
        {"unexpected_skips": "refuse"},
        "inconclusive",
        3,
        ["unexpected_skip"],
    ),
    "expired skip": (
        record("full", OK, skip("t.py::u", "known", "expired")),
        {"skips": (rule("known", -1),)},
        "inconclusive",
        3,
        ["expired_skip"],
    ),
    "declared skip": (record("full", OK, skip("t.py::u", "known", "declared")), {}, "passed", 0, []),
    "narrowed": (record("full", OK, partial="-k ok"), {"must_run": ("t.py::other",)}, "passed", 0, []),
    "narrowed to nothing": (
        record("full", result("t.py::x", "deselected"), partial="-k nothing"),
        {},
        "inconclusive",
        3,
        ["no_tests"],
    ),
    "other tree": (record("full", OK, tree="b" * 40), {}, "stale", 3, []),
}


@pytest.mark.parametrize("name", CELLS)
def test_state_exit_code_and_breaches_of_one_cell(name: str) -> None:
    evidence, settings, state, exit_code, breaches = CELLS[name]
    verdict = judged(evidence, profiles=[profile("full", **settings)])
    assert (verdict.cells[0].state, verdict.exit_code, sorted(codes(verdict))) == (state, exit_code, sorted(breaches))
    assert state == "passed" or verdict.cells[0].reasons


MUST_RUN = {
    "kept": ("t.py::ok", [OK], ""),
    "kept by a glob": ("*ok", [OK], ""),
    "kept by the file": ("t.py", [OK], ""),
    "kept by parameters": ("t.py::ok", [result("t.py::ok[1]")], ""),
    "brackets mean themselves": ("t.py::ok[a]", [result("t.py::ok[a]")], ""),
    "skipped": ("t.py::v", [OK, skip("t.py::v", "slow")], 'such as t.py::v (skipped: "slow")'),
    "deselected": ("t.py::v", [OK, result("t.py::v", "deselected")], "such as t.py::v (deselected)"),
    "renamed": ("t.py::okay", [OK], "no such test was collected; nearest: t.py::ok"),
    "moved": ("old/place/test_things.py::test_speed", [result("n.py::test_speed")], "nearest: n.py::test_speed"),
    "nothing alike": ("zzz", [OK], "no such test was collected"),
    "module skipped": (
        "tests/v.py::a",
        [OK, skip("tests/v.py", "no bindings", stands_for_module=True)],
        'its module tests/v.py did not run: "no bindings"',
    ),
    "glob meets a skipped module": ("*v.py*", [OK, skip("v.py", "x", stands_for_module=True)], "such as v.py"),
    "glob with a declared skip": ("t.py::*", [OK, skip("t.py::n", "nested", "declared")], ""),
    "glob, all declared": ("t.py::n*", [OK, skip("t.py::n", "nested", "declared")], "all of its 1 test were skipped"),
    "named outright and declared": ("t.py::n", [OK, skip("t.py::n", "nested", "declared")], "such as t.py::n"),
    "failed is executed": ("t.py::bad", [BAD], ""),
}


@pytest.mark.parametrize("name", MUST_RUN)
def test_tests_that_must_run(name: str) -> None:
    pattern, tests, message = MUST_RUN[name]
    verdict = judged(record("full", *tests), profiles=[profile("full", must_run=(pattern,))])
    found = [breach.message for breach in verdict.breaches if breach.code == "must_run"]
    assert bool(found) == bool(message)
    assert all(message in text for text in found)


def test_failed_wins_over_incomplete() -> None:
    verdict = judged(record("full-1", BAD), record("full-2", OK, state="crashed"))
    assert (verdict.verdict, verdict.exit_code) == ("failed", 1)


def test_a_blocked_cell_makes_the_verdict_incomplete_and_keeps_its_reasons() -> None:
    verdict = judged(record("full", OK), planned=[runnable("full"), blocked("libvirt")])
    assert verdict.exit_code == 3
    assert verdict.cells[1].state == "blocked"
    assert verdict.cells[1].reasons[0].remedy == "install it"


def test_blocked_cells_may_be_allowed_and_are_owed_then() -> None:
    verdict = judged(record("full", OK), planned=[runnable("full"), blocked("libvirt")], allow_blocked=True)
    assert (verdict.verdict, [cell.state for cell in verdict.cells]) == ("passed", ["passed", "owed"])


def test_allowing_blocked_cells_allows_nothing_else() -> None:
    assert judged(planned=[runnable("full")], allow_blocked=True).exit_code == 3


def test_a_cell_that_is_not_relevant_changes_nothing() -> None:
    verdict = judged(record("full", OK), planned=[runnable("full"), not_relevant("libvirt")])
    assert verdict.exit_code == 0
    assert verdict.cells[1].reasons[0].message == "no path matches virt/**"


def test_nothing_planned_proves_nothing() -> None:
    assert judged(planned=[]).exit_code == 3


def test_a_planned_cell_without_evidence_is_inconclusive() -> None:
    verdict = judged(planned=[runnable("full")])
    assert (verdict.exit_code, verdict.cells[0].reasons[0].code) == (3, "not_run")


def test_an_interrupted_run_ends_with_130() -> None:
    verdict = judged(record("full-1", OK), planned=[runnable("full-1"), runnable("full-2")], interrupted=True)
    assert (verdict.verdict, verdict.exit_code, verdict.cells[1].reasons[0].code) == ("incomplete", 130, "interrupted")


def test_the_gate_does_not_count_a_narrowed_run() -> None:
    verdict = judged(record("full", OK, partial="-k ok"), counts_partial=False)
    assert (verdict.cells[0].state, verdict.cells[0].reasons[0].code) == ("inconclusive", "partial")


def test_a_narrowed_run_passes_with_a_note_of_what_narrowed_it() -> None:
    assert "-k ok" in judged(record("full", OK, partial="-k ok")).cells[0].notes[0]


def test_notes_of_what_tox_would_not_count() -> None:
    ignored = CommandRun(argv=("flake8",), exit_code=1, ignored=True)
    notes = judged(record("full", OK, commands=(PYTEST, ignored), ignored=("ignore_outcome",))).cells[0].notes
    assert any("tox ignores this command's exit code: flake8" in note for note in notes)
    assert any("ignore_outcome" in note for note in notes)


def test_a_swallowed_exit_code_is_noted() -> None:
    notes = judged(record("full", OK, sessions=session(1))).cells[0].notes
    assert notes == ("a pytest session ended with 1 and its command with 0",)


def test_a_test_that_passed_only_when_run_again_needs_a_live_entry_of_the_profile() -> None:
    again = record("full", result("t.py::f", attempts=("failed", "passed")))
    refused = judged(again)
    assert (refused.exit_code, refused.cells[0].reasons[0].code) == (1, "flaky")
    accepted = judged(again, profiles=[profile("full", flaky=(flaky("t.py"),))])
    assert accepted.exit_code == 0
    assert accepted.cells[0].notes == (
        "flaky: 1 test failed and then passed when run again: t.py::f; accepted by team until 2026-07-01",
    )
    for rules in ((flaky("t.py", days=0),), (flaky("u.py"),)):
        assert judged(again, profiles=[profile("full", flaky=rules)]).exit_code == 1


def test_earlier_attempts_of_a_run_are_judged_with_the_newest() -> None:
    first, second = record("full", result("t.py::f", "failed")), record("full", result("t.py::f"), id="e2", attempt=2)
    assert judged(second, earlier={"full": [first]}).cells[0].reasons[0].code == "flaky"
    crashed = record("full", id="e2", attempt=2, state="crashed")
    verdict = judged(crashed, earlier={"full": [first]})
    assert (verdict.exit_code, verdict.cells[0].evidence) == (1, first.id)
    unbuilt = record("full", id="e0", state="not_built")
    passed = judged(second, earlier={"full": [unbuilt]})
    assert (passed.exit_code, passed.cells[0].evidence) == (0, "e2")


def test_a_declared_skip_that_expires_soon_is_noted() -> None:
    verdict = judged(record("full", OK), profiles=[profile("full", skips=(rule("x", 7), rule("y", 60)))])
    assert verdict.notes == (f"the [[skips]] entry 'x' of team expires on {datetime.date(2026, 6, 8)}",)


def test_tests_that_vanished_without_a_change_are_refused_like_skips() -> None:
    earlier = record("full", OK, result("t.py::gone"), id="e0", run_id="earlier")
    verdict = judged(record("full", OK), known=[earlier], profiles=[profile("full", unexpected_skips="refuse")])
    assert [(b.code, b.tests) for b in verdict.breaches] == [("unexpected_skip", ("t.py::gone",))]


def test_the_verdict_carries_what_was_tested() -> None:
    verdict = judged(record("full", OK))
    assert (verdict.tree, verdict.commit, verdict.dirty, verdict.matrix_digest) == (TREE, "c" * 40, False, "sha256:1")


def test_tests_are_counted_by_outcome() -> None:
    tests = [
        OK,
        BAD,
        skip("s"),
        result("x", "xfailed"),
        result("X", "xpassed"),
        result("e", "error"),
        result("d", "deselected"),
    ]
    counts = judged(record("full", *tests)).cells[0].tests
    assert (counts.passed, counts.failed, counts.error, counts.skipped) == (1, 1, 1, 1)
    assert (counts.xfailed, counts.xpassed, counts.deselected) == (1, 1, 1)


def test_notes_on_the_recording_are_shown_and_counted() -> None:
    verdict = judged(record("full", OK, notes=tuple(f"n{number}" for number in range(7))))
    assert verdict.cells[0].notes == ("n0", "n1", "n2", "n3", "n4", "2 more notes on the recording are in the evidence")


def test_a_requirement_that_holds_for_no_python_of_its_profile_is_noted():
    none, some = "libvirt; python_version < '3'", "libvirt; python_version >= '3.11'"
    elsewhere = "libvirt; sys_platform == 'darwin' and python_version < '3'"
    one = record("unit", result("t"))
    (told,) = judged(one, profiles=[profile("unit", requires=(none, some, elsewhere))], capabilities={}).notes
    assert told.startswith(f"profile 'unit' requires {none}, whose marker holds in none of its cells that ran")


MOVED = ContentLook(before="2026-06-01T00:00:00Z", after="2026-06-01T00:01:00Z", files=2, moved=("a.py",))


def test_a_record_whose_content_moved_decides_nothing() -> None:
    for moved in (
        {"content": MOVED},
        {"reasons": (RanReason(code="content_moved", message="a.py changed"),)},
    ):
        verdict = judged(record("full-py311", result("t", "failed"), **moved), record("unit", result("t")))
        assert (verdict.verdict, verdict.cells[0].state) == ("incomplete", "inconclusive")
        assert verdict.cells[0].reasons[0].code == "content_moved"


def test_what_ran_on_content_that_moved_ran_nowhere() -> None:
    verdict = judged(record("full-py311", result("t"), content=MOVED), record("unit", wants("t")))
    assert [entry.test for entry in verdict.ran_nowhere] == ["t"]


def test_an_attempt_on_content_that_moved_makes_no_test_flaky_and_hides_no_failure() -> None:
    first = record("unit", result("t", "failed"), content=MOVED)
    verdict = judged(record("unit", result("t"), id="2", attempt=2), earlier={"unit": [first]})
    assert (verdict.verdict, verdict.cells[0].state) == ("passed", "passed")
    last = record("unit", result("t"), id="2", attempt=2, content=MOVED)
    still = record("unit", result("t", "failed"))
    assert judged(last, earlier={"unit": [still]}).cells[0].state == "failed"
