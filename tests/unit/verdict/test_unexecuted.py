"""Tests that ran nowhere, and what that does to a verdict over a whole matrix."""

from __future__ import annotations

from typing import Any

from verdict_values import (
    blocked,
    codes,
    judged,
    not_relevant,
    profile,
    record,
    result,
    runnable,
    skip,
    wants,
)

from envmatrix.evidence.model import Evidence
from envmatrix.verdict.model import RanNowhere, Verdict
from envmatrix.verdict.unexecuted import ran_nowhere

OK = result("t.py::ok")
LIBVIRT = profile("libvirt", requires=("libvirt",))
MYSQL = profile("mysql", services=("mysql",))


def listed(*records: Evidence, profiles: Any = (LIBVIRT, MYSQL), known: Any = ()) -> dict[str, RanNowhere]:
    found = ran_nowhere(records, profiles={item.name: item for item in profiles}, known=known)
    assert [item.test for item in found] == sorted(item.test for item in found)
    return {item.test: item for item in found}


def seen(item: RanNowhere) -> list[tuple[str, str, str]]:
    return [(sight.cell, sight.reason, sight.class_) for sight in item.seen_in]


def test_a_skip_everywhere_is_listed_with_each_cells_reason() -> None:
    found = listed(record("full", OK, wants("v")), record("mysql", OK, skip("v", "slow")))
    assert seen(found["v"]) == [("full", "no libvirt", "capability"), ("mysql", "slow", "unexpected")]
    assert found["v"].would_run == "libvirt"


def test_one_execution_is_enough_and_a_failure_is_one() -> None:
    assert not listed(record("full", wants("v")), record("libvirt", result("v", "failed")))


def test_a_narrowed_run_counts_for_its_tests() -> None:
    assert not listed(record("full", wants("v")), record("libvirt", result("v"), partial="-k v"))


def test_a_capability_that_no_profile_promises_is_named_itself() -> None:
    assert listed(record("full", wants("v", "kvm")))["v"].would_run == "kvm"


def test_deselected_and_unrun_expected_failures_are_not_executed() -> None:
    tests = [result("d", "deselected"), result("n", "xfailed", "[NOTRUN] hangs"), result("x", "xfailed", "bug")]
    assert {name: seen(item)[0][2] for name, item in listed(record("full", *tests)).items()} == {
        "d": "deselected",
        "n": "xfailed",
    }


def test_a_skipped_module_stands_for_its_tests_known_from_other_cells() -> None:
    module = wants("v.py", stands_for_module=True)
    ran = record("libvirt", result("v.py::a"), skip("v.py::b", "slow"))
    found = listed(record("full", module), ran)
    assert seen(found["v.py::b"]) == [("full", "no libvirt", "capability"), ("libvirt", "slow", "unexpected")]
    assert set(found) == {"v.py::b"}


def test_a_skipped_module_stands_for_its_tests_known_from_earlier_evidence() -> None:
    earlier = record("libvirt", result("v.py::a"), result("v.py::C::b"), tree="old")
    found = listed(record("full", wants("v.py", stands_for_module=True)), known=[earlier])
    assert set(found) == {"v.py::a", "v.py::C::b"}


def test_a_skipped_module_of_which_nothing_is_known_stands_for_itself() -> None:
    assert set(listed(record("full", wants("v.py", stands_for_module=True)))) == {"v.py"}


def test_a_skipped_class_of_unittest() -> None:
    skipped = wants("setUpClass (m.C)", stands_for_module=True)
    assert set(listed(record("full", skipped), record("mysql", wants("m.C.t")))) == {"m.C.t"}
    assert not listed(record("full", skipped), record("libvirt", result("m.C.t")))


def test_a_test_that_is_not_defined_any_more_is_absent() -> None:
    earlier = record("full", OK, result("v"), tree="old")
    found = listed(record("full", OK), known=[earlier])
    assert seen(found["v"]) == [("full", "known from earlier evidence, not collected now", "absent")]


def test_nothing_is_absent_from_a_narrowed_or_a_crashed_run() -> None:
    earlier = record("full", OK, result("v"))
    assert not listed(record("full", OK, partial="-k ok"), known=[earlier])
    assert not listed(record("full", OK, state="crashed"), known=[earlier])


def test_nothing_is_absent_that_another_cell_has() -> None:
    assert not listed(record("full", OK), record("mysql", result("v")), known=[record("full", result("v"))])


def test_ids_that_carry_a_version_or_a_sets_order_are_one() -> None:
    here = record("full", wants("v[8.0.32-MariaDB]"), wants("s[{'a', 'b'}]"))
    assert not listed(here, record("libvirt", result("v[10.11.6-MariaDB]"), result("s[{'b', 'a'}]")))


def test_ids_that_fold_to_one_in_the_same_run_are_two() -> None:
    here = record("full", wants("v[8.0.32]"), result("v[8.0.33]"))
    assert set(listed(here)) == {"v[8.0.32]"}


def test_order_of_evidence_does_not_matter() -> None:
    one = record("full", wants("v"), wants("m.py", stands_for_module=True))
    other = record("mysql", skip("v", "x"), skip("m.py::a", "y"))
    assert listed(one, other) == listed(other, one)


def over_two(*records: Evidence, **more: Any) -> Verdict:
    """The verdict over a matrix of two profiles."""
    return judged(*records, **more)


def test_over_a_matrix_a_capability_skip_that_ran_nowhere_is_incomplete() -> None:
    verdict = over_two(record("full", OK, wants("v")), record("mysql", OK, wants("v")))
    assert (verdict.exit_code, codes(verdict), [item.test for item in verdict.ran_nowhere]) == (3, [], ["v"])
    assert verdict.notes == ("1 test ran in no cell of this matrix although a host could have run it",)


def test_a_run_of_one_profile_says_why_what_ran_nowhere_does_not_count() -> None:
    verdict = judged(record("full", OK, wants("v")))
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["v"])
    assert verdict.notes == (
        "in a run of one profile, tests that ran nowhere do not count against it; in a run of several they do",
    )


def test_of_one_profile_it_is_only_listed() -> None:
    verdict = judged(record("full-py311", OK, wants("v")), record("full-py312", OK, wants("v")))
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["v"])


def test_tests_that_exclude_each_other_are_judged_over_the_matrix() -> None:
    with_plugin = record("full", result("with"), wants("without"))
    assert over_two(with_plugin, record("bare", wants("with"), result("without"))).exit_code == 0


def test_declared_and_unexpected_skips_that_ran_nowhere_are_listed_and_pass() -> None:
    tests = [OK, skip("d", "known", "declared"), skip("u", "?"), result("x", "deselected")]
    verdict = over_two(record("full", *tests), record("mysql", *tests))
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["d", "u", "x"])


def test_a_profile_that_has_the_capability_may_leave_the_test_out_for_its_own_reason() -> None:
    verdict = over_two(
        record("full", OK, wants("v")), record("libvirt", OK, skip("v", "nested", "declared")), profiles=[LIBVIRT]
    )
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["v"])


def test_a_host_without_the_bindings_is_incomplete_and_names_the_tests() -> None:
    verdict = over_two(
        record("full", OK, wants("v")), planned=[runnable("full"), blocked("libvirt")], profiles=[LIBVIRT]
    )
    assert (verdict.exit_code, verdict.cells[1].state) == (3, "blocked")
    assert [(item.test, item.would_run) for item in verdict.ran_nowhere] == [("v", "libvirt")]


def test_what_waits_for_an_owed_cell_is_owed_with_it() -> None:
    planned = [runnable("full"), blocked("libvirt")]
    verdict = over_two(record("full", OK, wants("v")), planned=planned, profiles=[LIBVIRT], allow_blocked=True)
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["v"])


def test_what_waits_for_another_capability_is_not_excused_by_an_owed_cell() -> None:
    planned = [runnable("full"), blocked("libvirt")]
    verdict = over_two(record("full", OK, wants("v", "kvm")), planned=planned, profiles=[LIBVIRT], allow_blocked=True)
    assert verdict.exit_code == 3


def test_what_waits_for_a_cell_that_is_not_relevant_is_not_missed() -> None:
    planned = [runnable("full"), not_relevant("libvirt")]
    assert over_two(record("full", OK, wants("v")), planned=planned, profiles=[LIBVIRT]).exit_code == 0


def test_a_blocked_cells_tests_are_known_from_earlier_evidence() -> None:
    planned = [runnable("full"), blocked("libvirt")]
    earlier = record("libvirt", result("v"), tree="old")
    verdict = over_two(record("full", OK), planned=planned, profiles=[LIBVIRT], known=[earlier])
    assert seen(verdict.ran_nowhere[0]) == [("libvirt", "libvirt is absent", "absent")]


def test_over_a_matrix_a_test_that_vanished_without_a_change_is_incomplete() -> None:
    earlier = record("full", OK, result("v"))
    assert over_two(record("full", OK), record("mysql", OK), known=[earlier]).exit_code == 3


def test_a_test_that_a_change_removed_is_only_listed() -> None:
    earlier = record("full", OK, result("v"), tree="old")
    verdict = over_two(record("full", OK), record("mysql", OK), known=[earlier])
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["v"])


def test_a_narrowed_run_among_the_earlier_ones_says_nothing() -> None:
    earlier = record("full", OK, result("v"), partial="x")
    assert not judged(record("full", OK), known=[earlier]).ran_nowhere


def test_a_subtest_has_run_where_its_test_ran_and_did_not_list_it() -> None:
    test, part = result("t", has_parts=True), wants("t (i=1)", part_of="t")
    without = record("full", test, part)
    assert list(listed(without, without)) == ["t (i=1)"]
    assert not listed(without, record("libvirt", test))
    assert list(listed(without, record("libvirt", OK))) == ["t (i=1)"]
    assert not listed(record("full", test), known=[without])
