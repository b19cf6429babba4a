"""What became of the tests since an earlier run."""

from __future__ import annotations

import pytest
from verdict_values import record, result, skip, wants

from envmatrix.evidence.model import TestResult as Result
from envmatrix.verdict.drift import compare_records

CHANGES = {
    "nothing": ([result("t")], [result("t")], []),
    "vanished": ([result("t")], [], [("t", "vanished", "passed", "")]),
    "appeared": ([], [result("t")], [("t", "appeared", "", "passed")]),
    "came failing": ([], [result("t", "failed")], [("t", "newly_failed", "", "failed")]),
    "newly skipped": ([result("t")], [wants("t")], [("t", "newly_skipped", "passed", "skipped (capability libvirt)")]),
    "deselected": ([result("t")], [result("t", "deselected")], [("t", "newly_skipped", "passed", "deselected")]),
    "newly failing": ([result("t")], [result("t", "failed")], [("t", "newly_failed", "passed", "failed")]),
    "skipped, now failing": (
        [skip("t")],
        [result("t", "error")],
        [("t", "newly_failed", "skipped (unexpected)", "error")],
    ),
    "still failing": ([result("t", "failed")], [result("t", "error")], []),
    "fixed": ([result("t", "failed")], [result("t")], [("t", "fixed", "failed", "passed")]),
    "failing, now skipped": (
        [result("t", "failed")],
        [skip("t")],
        [("t", "newly_skipped", "failed", "skipped (unexpected)")],
    ),
    "another class": (
        [wants("t")],
        [skip("t", "x", "declared")],
        [("t", "class_changed", "skipped (capability libvirt)", "skipped (declared)")],
    ),
    "another reason of the same class": ([skip("t", "x")], [skip("t", "y")], []),
    "newly run": ([skip("t")], [result("t")], [("t", "newly_run", "skipped (unexpected)", "passed")]),
    "its module skips now": (
        [result("v.py::a")],
        [wants("v.py", stands_for_module=True)],
        [
            ("v.py", "appeared", "", "skipped (capability libvirt)"),
            ("v.py::a", "newly_skipped", "passed", "skipped (capability libvirt)"),
        ],
    ),
    "its module runs now": (
        [wants("v.py", stands_for_module=True)],
        [result("v.py::a")],
        [("v.py::a", "newly_run", "skipped (capability libvirt)", "passed")],
    ),
    "a version in the id": ([result("t[8.0.32]")], [result("t[8.0.33]")], []),
    "two versions in one run": (
        [result("t[8.0.32]"), result("t[8.0.33]")],
        [result("t[8.0.32]")],
        [("t[8.0.33]", "vanished", "passed", "")],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_cell(name: str) -> None:
    old, new, expected = CHANGES[name]
    found = compare_records([record("full", *old)], [record("full", *new)])
    assert [(change.test, change.kind, change.before, change.after) for change in found] == expected


def test_the_later_reason_is_told() -> None:
    assert compare_records([record("full", result("t"))], [record("full", wants("t"))])[0].reason == "no libvirt"


def test_a_cell_without_a_record_is_one_change() -> None:
    found = compare_records([record("full", result("a"), result("b"))], [record("other", result("a"))])
    assert [(change.cell, change.test, change.kind, change.before) for change in found] == [
        ("full", "*", "vanished", "2 tests")
    ]


def test_a_narrowed_run_shows_nothing_as_vanished() -> None:
    new = record("full", result("t", "failed"), partial="-k t")
    assert [change.kind for change in compare_records([record("full", result("t"), result("u"))], [new])] == [
        "newly_failed"
    ]


def test_the_newest_whole_record_of_a_cell_counts() -> None:
    older = record("full", result("t", "failed"), finished="2026-01-01T00:00:00Z", id="1")
    newer = record("full", result("t"), finished="2026-01-02T00:00:00Z", id="2")
    narrowed = record("full", finished="2026-01-03T00:00:00Z", id="3", partial="-k x")
    base = [record("full", result("t"))]
    assert compare_records(base, [older, newer, narrowed]) == compare_records(base, [narrowed, newer, older]) == ()


def test_sorted_by_cell_and_test() -> None:
    def some(*names: str) -> list[Result]:
        return [result(name) for name in names]

    found = compare_records([record("b"), record("a")], [record("b", *some("z", "y")), record("a", *some("x"))])
    assert [(change.cell, change.test) for change in found] == [("a", "x"), ("b", "y"), ("b", "z")]
