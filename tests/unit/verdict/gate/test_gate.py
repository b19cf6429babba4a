"""The gate: what counts of everything that hosts reported."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from verdict_values import CAPABILITIES, DIGEST, TODAY, TREE, codes, flaky, profile, record, result, skip, wants

from envmatrix.config.model import Cell, Gate, Profile
from envmatrix.evidence.model import CommandRun, ContentLook, Evidence, FindingRecord, HostRecord, RanReason
from envmatrix.verdict.gate.gate import GateQuery, judge_revision, required_cells
from envmatrix.verdict.model import CellVerdict, Verdict

OK = result("t.py::ok")
BAD = result("t.py::ok", "failed", "boom")
FULL, LIBVIRT = profile("full"), profile("libvirt", requires=("libvirt",))


def on(host: str, cell: str, *tests: Any, hour: int = 1, **more: Any) -> Evidence:
    values: dict[str, Any] = {
        "id": f"{host}-{cell}-{hour}",
        "host": HostRecord(name=host, system="Linux"),
        "finished": f"2026-06-01T{hour:02}:00:00Z",
    }
    return record(cell, *tests, **(values | more))


def asked(*profiles: Profile, **more: Any) -> GateQuery:
    by_name = {item.name: item for item in profiles}
    values: dict[str, Any] = {
        "cells": [Cell(name=name, profile=name) for name in by_name],
        "profiles": by_name,
        "capabilities": CAPABILITIES,
        "tree": TREE,
        "commit": "c" * 40,
        "matrix_digest": DIGEST,
        "today": TODAY,
    }
    return GateQuery(**(values | more))


def gated(*records: Evidence, profiles: Sequence[Profile] = (FULL,), known: Any = (), **more: Any) -> Verdict:
    """The verdict, which must be the same in either order of the records."""
    forward = judge_revision(asked(*profiles, **more), records, known=known)
    assert forward == judge_revision(asked(*profiles, **more), reversed(records), known=known)
    return forward


def only(verdict: Verdict) -> CellVerdict:
    assert len(verdict.cells) == 1
    return verdict.cells[0]


def test_machines_of_one_name_are_told_apart() -> None:
    def of(id_: str, *tests: Any, **more: Any) -> Evidence:
        host = HostRecord(name="runner", system="Linux", id=id_)
        return msgspec.structs.replace(on("runner", "full", *tests, **more), host=host)

    failed = of("aa", BAD)
    cell = only(gated(failed, of("bb", OK, hour=2, run_id="another")))
    assert cell.state == "failed"
    assert "failed on runner (aa), passed on runner (bb)" in cell.reasons[-1].message
    assert only(gated(failed, of("aa", OK, hour=2, run_id="another"))).state == "passed"


def test_two_hosts_pass_together_and_neither_alone() -> None:
    laptop, agent = on("laptop", "full", OK, wants("v")), on("agent", "libvirt", OK, result("v"))
    both = [FULL, LIBVIRT]
    assert gated(laptop, agent, profiles=both).exit_code == 0
    assert gated(laptop, profiles=both).exit_code == 3
    alone = gated(agent, profiles=both)
    assert (alone.exit_code, [cell.state for cell in alone.cells]) == (3, ["owed", "passed"])


def test_a_failure_on_one_host_is_not_hidden_by_a_pass_on_another() -> None:
    for hours in ((1, 2), (2, 1)):
        verdict = gated(on("a", "full", BAD, hour=hours[0]), on("b", "full", OK, hour=hours[1]))
        cell = only(verdict)
        assert (verdict.exit_code, cell.state) == (1, "failed")
        assert [reason.code for reason in cell.reasons] == ["tests_failed", "disputed"]
        assert cell.reasons[1].message == "failed on a, passed on b"
        assert verdict.notes == ("hosts disagree about full",)


def test_the_newest_run_of_a_host_counts_and_a_pass_after_a_failure_is_flaky() -> None:
    verdict = gated(on("a", "full", BAD, hour=1), on("a", "full", OK, hour=2, run_id="another"))
    assert verdict.exit_code == 0
    assert any("flaky: failed on a in an earlier run (a-full-1)" in note for note in only(verdict).notes)
    assert gated(on("a", "full", OK, hour=1), on("a", "full", BAD, hour=2)).exit_code == 1


def test_a_newer_attempt_that_did_not_finish_does_not_undo_one_that_did() -> None:
    late = on("a", "full", hour=2, state="timed_out", reasons=(RanReason(code="timed_out", message="too slow"),))
    verdict = gated(on("a", "full", OK, hour=1), late)
    assert (verdict.exit_code, only(verdict).state) == (0, "passed")
    assert "inconclusive on a: too slow" in only(verdict).notes


def test_an_unfinished_attempt_alone_is_inconclusive_and_keeps_its_breach() -> None:
    verdict = gated(on("a", "full", OK, state="timed_out"))
    assert (verdict.exit_code, only(verdict).state, codes(verdict)) == (3, "inconclusive", ["timed_out"])


def test_a_crash_with_a_failed_test_is_a_failure() -> None:
    verdict = gated(on("a", "full", BAD, state="crashed"), on("b", "full", OK))
    assert (verdict.exit_code, codes(verdict)) == (1, ["crashed"])


def test_what_is_inconclusive_on_one_host_may_pass_on_another() -> None:
    verdict = gated(on("a", "libvirt", OK, wants("v")), on("b", "libvirt", OK, result("v")), profiles=[LIBVIRT])
    assert (verdict.exit_code, verdict.breaches) == (0, ())
    assert any(note.startswith("inconclusive on a: 1 test skipped for want of libvirt") for note in only(verdict).notes)


def test_a_breach_that_no_host_kept_counts() -> None:
    verdict = gated(on("a", "libvirt", OK, wants("v")), profiles=[LIBVIRT])
    assert (verdict.exit_code, codes(verdict)) == (3, ["capability_skip"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tree": "b" * 40}, "tree bbbbbbbbbbbb"),
        ({"matrix_digest": "sha256:2"}, "another matrix"),
        ({"profile": "other"}, "another profile"),
    ],
)
def test_evidence_of_something_else_is_stale(change: dict[str, Any], words: str) -> None:
    verdict = gated(on("a", "full", BAD, **change))
    assert (verdict.exit_code, only(verdict).state) == (3, "stale")
    assert words in only(verdict).reasons[0].message
    assert only(verdict).reasons[0].remedy == "run it on a"
    fresh = gated(on("a", "full", BAD, **change), on("b", "full", OK))
    assert fresh.exit_code == 0
    assert any(note.startswith("stale evidence of a") for note in only(fresh).notes)


def test_a_narrowed_run_counts_for_its_tests_and_not_for_its_cell() -> None:
    narrowed = on("b", "libvirt", result("v"), partial="-k v")
    verdict = gated(on("a", "full", OK, wants("v")), narrowed, profiles=[FULL, LIBVIRT])
    assert (verdict.exit_code, verdict.cells[1].state, verdict.ran_nowhere) == (3, "inconclusive", ())
    assert verdict.cells[1].reasons[0].code == "partial"


def test_a_narrowed_run_that_fails_is_a_failure() -> None:
    assert gated(on("a", "full", OK), on("b", "full", BAD, partial="-k ok")).exit_code == 1


def test_the_same_content_at_another_commit_counts_and_is_noted() -> None:
    verdict = gated(on("a", "full", OK, commit="d" * 40))
    assert verdict.exit_code == 0
    assert any("made at commit dddddddddddd" in note for note in only(verdict).notes)


def test_an_owed_cell_names_the_hosts_that_could_run_it() -> None:
    has = (FindingRecord(capability="libvirt", status="ok"),)
    learnt = gated(on("a", "full", OK, findings=has), profiles=[FULL, LIBVIRT], hosts={"agent": ["libvirt", "kvm"]})
    assert learnt.cells[1].reasons[0].remedy == "run it on a, agent"
    unknown = gated(on("a", "full", OK), profiles=[FULL, LIBVIRT])
    assert unknown.cells[1].reasons[0].remedy == "no known host has what it requires"


def test_expected_hosts_that_never_reported() -> None:
    expecting = profile("libvirt", requires=("libvirt",), gate=Gate(expect=("agent",)))
    missing = gated(on("a", "libvirt", OK), profiles=[expecting])
    assert (missing.exit_code, codes(missing)) == (3, ["host_missing"])
    assert gated(on("agent", "libvirt", OK), profiles=[expecting]).exit_code == 0
    named = gated(on("a", "full", OK), expect=["jenkins"])
    assert "the expected host jenkins reported no whole run" in named.breaches[0].message


def test_an_expected_host_that_reported_only_a_crash_or_other_content_is_missing() -> None:
    crashed = on("agent", "full", OK, state="crashed")
    stale = on("agent", "full", OK, tree="b" * 40, hour=2)
    verdict = gated(on("a", "full", OK), crashed, stale, expect=["agent"])
    assert (verdict.exit_code, codes(verdict)) == (3, ["host_missing"])
    assert "known from other records" in verdict.breaches[0].message


def test_required_profiles_alone_count_where_there_are_any() -> None:
    required = profile("full", gate=Gate(required=True))
    assert [
        cell.name for cell in required_cells(asked(required, LIBVIRT).cells, {"full": required, "libvirt": LIBVIRT})
    ] == ["full"]
    assert gated(on("a", "full", OK), profiles=[required, LIBVIRT]).exit_code == 0


def test_other_profiles_tests_count_as_run_all_the_same() -> None:
    required = profile("full", gate=Gate(required=True))
    verdict = gated(on("a", "full", OK, wants("v")), on("b", "libvirt", result("v")), profiles=[required, LIBVIRT])
    assert (verdict.exit_code, verdict.ran_nowhere) == (0, ())


def test_a_capability_skip_that_ran_nowhere_blocks_the_gate() -> None:
    verdict = gated(on("a", "full", OK, wants("v")))
    assert (verdict.exit_code, verdict.notes) == (3, ("1 test ran on no host although one could have run it",))


def test_a_cell_that_the_change_does_not_need() -> None:
    verdict = gated(
        on("a", "full", OK, wants("v")), profiles=[FULL, LIBVIRT], not_relevant={"libvirt": "no path matches virt/**"}
    )
    assert (verdict.exit_code, [cell.state for cell in verdict.cells]) == (0, ["passed", "not_relevant"])


def test_a_cell_that_the_change_does_not_need_and_that_fails_is_failed() -> None:
    assert gated(on("a", "full", BAD), not_relevant={"full": "rule"}).exit_code == 1


def test_an_unfinished_run_of_what_the_change_does_not_need_is_no_matter() -> None:
    assert gated(on("a", "full", OK, state="crashed"), not_relevant={"full": "rule"}).exit_code == 0


def test_nobody_is_expected_to_report_what_the_change_does_not_need() -> None:
    expecting = profile("full", gate=Gate(expect=("agent",)))
    assert gated(profiles=[expecting], not_relevant={"full": "rule"}).breaches == ()


def test_nothing_asked_proves_nothing() -> None:
    assert gated(profiles=[]).exit_code == 3


def test_the_same_record_twice_counts_once() -> None:
    one = on("a", "full", OK)
    assert gated(one, one) == gated(one)


def test_of_two_records_that_claim_to_be_the_same_the_failure_counts() -> None:
    assert gated(on("a", "full", OK), on("a", "full", BAD)).exit_code == 1


@pytest.mark.parametrize("time", ["", "yesterday", "2026-06-01T05:00:00", "9" * 99])
def test_times_that_cannot_be_read_do_no_harm(time: str) -> None:
    assert gated(on("a", "full", OK, finished=time, started=time)).exit_code == 0


def test_tests_of_a_stale_cell_are_known_from_earlier_evidence() -> None:
    earlier = on("agent", "libvirt", result("v"), tree="b" * 40)
    verdict = gated(on("a", "full", OK), earlier, profiles=[FULL, LIBVIRT], known=[earlier])
    assert [(item.test, item.seen_in[0].class_) for item in verdict.ran_nowhere] == [("v", "absent")]


def test_the_sequence_that_hid_a_regression() -> None:
    """A transient failure on the only host with the bindings, then a newer patchset that skips where they are not."""
    profiles = [FULL, LIBVIRT]
    broken = on("agent", "libvirt", tree="b" * 40, state="not_built", commands=(), sessions=())
    laptop = on("laptop", "full", OK, wants("virt.py", stands_for_module=True))
    before = gated(broken, laptop, profiles=profiles)
    assert (before.exit_code, [cell.state for cell in before.cells]) == (3, ["passed", "stale"])
    assert [(item.test, item.would_run) for item in before.ran_nowhere] == [("virt.py", "libvirt")]
    found = on("agent", "libvirt", result("virt.py::test_destroy", "failed"), hour=3)
    assert gated(broken, laptop, found, profiles=profiles).exit_code == 1


def test_skips_that_were_declared_stay_listed() -> None:
    verdict = gated(on("a", "full", OK, skip("n", "nested", "declared")))
    assert (verdict.exit_code, [item.test for item in verdict.ran_nowhere]) == (0, ["n"])


def test_a_failure_that_the_same_run_made_pass_is_the_choice_of_the_profile() -> None:
    attempts = on("a", "full", BAD, hour=1), on("a", "full", OK, hour=2, attempt=2, attempt_reason="tests failed")
    refused = gated(*attempts)
    assert (refused.exit_code, [reason.code for reason in only(refused).reasons]) == (1, ["flaky"])
    accepted = gated(*attempts, profiles=[profile("full", flaky=(flaky("t.py::*"),))])
    assert (accepted.exit_code, only(accepted).state) == (0, "passed")
    assert any("flaky: 1 test failed and then passed" in note for note in only(accepted).notes)
    assert gated(*attempts, profiles=[profile("full", flaky=(flaky("t.py::*", days=0),))]).exit_code == 1


def test_a_failure_that_the_next_attempt_did_not_run_again_stays_a_failure() -> None:
    gone = on("a", "full", result("t.py::other"), hour=2, attempt=2)
    verdict = gated(on("a", "full", BAD, hour=1), gone, profiles=[profile("full", flaky=(flaky("*"),))])
    assert (verdict.exit_code, only(verdict).state) == (1, "failed")
    assert "did not run in the attempt after that: t.py::ok" in only(verdict).reasons[0].message


def test_an_attempt_that_never_began_undoes_no_failure_and_hides_no_pass() -> None:
    unreachable = {"state": "not_built", "reasons": (RanReason(code="index_unreachable", message="no index"),)}
    assert gated(on("a", "full", BAD, hour=1), on("a", "full", hour=2, attempt=2, **unreachable)).exit_code == 1
    assert gated(on("a", "full", hour=1, **unreachable), on("a", "full", OK, hour=2, attempt=2)).exit_code == 0
    assert gated(on("a", "full", hour=1, **unreachable)).exit_code == 3


def at(host: str, when: str, *tests: Any, **more: Any) -> Evidence:
    return on(host, "full", *tests, id=f"{host}-{when}", run_id=when, finished=when, **more)


NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


def test_a_pass_of_the_future_hides_no_failure_of_now() -> None:
    """The host's clock was two hours ahead and has been set since."""
    ahead, now = at("a", "2026-06-01T14:00:00Z", OK), at("a", "2026-06-01T11:50:00Z", BAD)
    assert gated(ahead, now).exit_code == 0
    verdict = gated(ahead, now, now=NOON)
    assert (verdict.exit_code, only(verdict).state) == (1, "failed")
    assert any(note.startswith("evidence of a is dated in the future") for note in verdict.notes)


def test_among_records_of_the_future_the_newest_counts() -> None:
    """It is the reader's clock that is behind."""
    for first, second, code in ((OK, BAD, 1), (BAD, OK, 0)):
        records = at("a", "2026-06-01T14:00:00Z", first), at("a", "2026-06-01T15:00:00Z", second)
        assert gated(*records, now=NOON).exit_code == code


def test_nothing_that_is_still_to_come_beats_a_failure_and_a_failure_may_be_a_little_ahead() -> None:
    failed, passed = at("a", "2026-06-01T11:55:00Z", BAD), at("a", "2026-06-01T12:05:00Z", OK)
    verdict = gated(failed, passed, now=NOON)
    assert verdict.exit_code == 1
    assert "set the clock of a" in verdict.notes[0]
    assert gated(failed, passed, now=NOON + datetime.timedelta(minutes=6)).exit_code == 0
    early, late = at("a", "2026-06-01T11:55:00Z", OK), at("a", "2026-06-01T12:05:00Z", BAD)
    verdict = gated(early, late, now=NOON)
    assert (verdict.exit_code, verdict.notes) == (1, ())


def test_another_project_of_the_same_repository_has_the_same_tree_and_proves_nothing() -> None:
    theirs = on("a", "full", OK, result("t.py::theirs"), folder="other", hour=3)
    assert only(gated(theirs)).state == "owed"
    assert gated(on("a", "full", OK, folder="own"), theirs, folder="own").exit_code == 0
    verdict = gated(on("a", "full", BAD, folder="own"), theirs, folder="own")
    assert (verdict.exit_code, only(verdict).reasons[0].code) == (1, "tests_failed")
    own = on("a", "full", OK, folder="own")
    assert gated(own, profiles=[FULL], folder="own", known=[theirs]).exit_code == 0
    owed = gated(theirs, folder="own", expect=["a"])
    assert codes(owed) == ["host_missing"]
    assert only(owed).reasons[0].remedy == "run it on any host"


@pytest.mark.parametrize(
    ("pattern", "hosts", "told"),
    [
        ("jenkins-*", ["jenkins-libvirt-3"], None),
        ("jenkins-?", ["jenkins-1", "laptop"], None),
        ("[ab]", ["b"], None),
        ("agent[1]", ["agent[1]"], None),
        ("jenkins-*", ["laptop"], "the expected host jenkins-* reported no whole run for this content"),
        ("Jenkins-*", ["jenkins-1"], "the expected host Jenkins-* reported no whole run for this content"),
    ],
)
def test_expected_hosts_may_be_called_by_a_pattern(pattern: str, hosts: list[str], told: str | None) -> None:
    records = [on(host, "full", OK) for host in hosts]
    expecting = profile("full", gate=Gate(expect=(pattern,)))
    for verdict in (gated(*records, expect=[pattern]), gated(*records, profiles=[expecting])):
        assert verdict.exit_code == (3 if told else 0)
        assert [breach.message.replace(" of profile 'full'", "") for breach in verdict.breaches] == (
            [told] if told else []
        )


def test_a_host_that_a_pattern_means_and_that_reported_other_content_is_named() -> None:
    verdict = gated(on("a", "full", OK), on("agent-7", "full", OK, tree="b" * 40), expect=["agent-*"])
    assert verdict.breaches[0].message.endswith("for this content; known from other records: agent-7")


def test_a_run_that_found_no_index_takes_nothing_back() -> None:
    """A command of the project's own could not install: tox calls that finished."""
    command = CommandRun(argv=("pip", "install", "x"), exit_code=1, phase="commands_pre")
    reason = RanReason(code="index_unreachable", message="no index")
    noise = on("a", "full", hour=2, commands=(command,), reasons=(reason,), sessions=())
    alone = gated(noise)
    assert (alone.exit_code, only(alone).state, only(alone).reasons[0].code) == (3, "inconclusive", "index_unreachable")
    assert gated(on("a", "full", OK), noise).exit_code == 0
    assert gated(on("a", "full", BAD), noise).exit_code == 1
    refused = on("a", "full", hour=2, commands=(command,), sessions=())
    assert (gated(refused).exit_code, only(gated(refused)).reasons[0].code) == (1, "command_failed")


def test_a_record_whose_content_moved_is_shown_and_counts_for_nothing() -> None:
    moved = {"content": ContentLook(before="", after="", moved=("a.py",))}
    alone = gated(on("a", "full", BAD, **moved))
    assert (alone.exit_code, only(alone).state, only(alone).reasons[0].code) == (3, "inconclusive", "content_moved")
    assert gated(on("a", "full", OK), on("a", "full", BAD, hour=2, **moved)).exit_code == 0
    assert gated(on("a", "full", BAD), on("a", "full", OK, hour=2, **moved)).exit_code == 1
