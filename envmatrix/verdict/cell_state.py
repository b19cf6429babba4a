"""Skips for want of a promised capability that the profile itself declares: they count as declared, and are shown.

The state of one cell from its plan, its evidence and its breaches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envmatrix.config.model import Profile
from envmatrix.evidence.model import CommandRun, Evidence, TestResult
from envmatrix.plan import Blocked, NotRelevant, Planned
from envmatrix.util.text import count, listed
from envmatrix.verdict.leftovers import describe_others
from envmatrix.verdict.model import Breach, CellState, CellVerdict, VerdictReason
from envmatrix.verdict.skips.capability_names import canonical_name, promised_names
from envmatrix.verdict.skips.phrases import cut_reason
from envmatrix.verdict.tally import Tally, make_tally


def accepted_skips(sums: Tally, profile: Profile) -> Iterator[str]:
    """Yield a sentence for each promised capability for want of which tests skipped as the profile declares."""
    names = promised_names(profile)
    result: dict[str, list[TestResult]] = {}
    for test in sums.left:
        if test.skip_class == "declared" and canonical_name(test.capability) in names:
            result.setdefault(test.capability, []).append(test)
    for capability, tests in sorted(result.items()):
        entries = sorted(
            f"{rule.owner} until {rule.expires}"
            for rule in profile.skips
            if any(re.search(rule.match, cut_reason(test.reason)) for test in tests)
        )
        yield (
            f"{count(len(tests), 'test')} skipped for want of {capability}, which the profile promises and whose skips"
            f" it declares as known ([[skips]] of {', '.join(entries)}), such as {tests[0].id}"
        )


_NOTES = 5  # of the recording, shown with a cell
_STATES = {
    "not_built": "the environment could not be built",
    "not_started": "the cell was not started",
    "skipped_by_tox": "tox skipped the environment",
    "crashed": "the run crashed",
    "timed_out": "the run took longer than its time limit",
    "interrupted": "the run was interrupted",
}


def without_evidence(planned: Planned, *, allow_blocked: bool, interrupted: bool) -> CellVerdict:
    """The state of a cell that did not run: not relevant, blocked (or owed), or inconclusive."""
    cell = planned.cell
    if isinstance(planned, NotRelevant):
        reason = VerdictReason(code="not_relevant", message=planned.rule)
        return CellVerdict(name=cell.name, profile=cell.profile, state="not_relevant", reasons=(reason,))
    if isinstance(planned, Blocked):
        reasons = tuple(
            VerdictReason(code=r.code, message=r.message, capability=r.capability, remedy=r.remedy)
            for r in planned.reasons
        )
        state: CellState = "owed" if allow_blocked else "blocked"
        return CellVerdict(name=cell.name, profile=cell.profile, state=state, reasons=reasons)
    message = "the run was interrupted before this cell" if interrupted else "the cell was planned and did not run"
    reason = VerdictReason(code="interrupted" if interrupted else "not_run", message=message)
    return CellVerdict(name=cell.name, profile=cell.profile, state="inconclusive", reasons=(reason,))


def make_stale_cell(evidence: Evidence, tree: str) -> CellVerdict:
    """A cell whose evidence was made of other content: shown, and worth nothing."""
    message = f"the evidence is of tree {evidence.tree}, not of {tree}"
    return CellVerdict(
        name=evidence.cell,
        profile=evidence.profile,
        state="stale",
        reasons=(VerdictReason(code="stale", message=message),),
        tests=make_tally(evidence.tests).tests,
        duration_s=evidence.duration_s,
        evidence=evidence.id,
    )


def make_moved_cell(evidence: Evidence) -> CellVerdict:
    """A cell under whose commands the content moved: whatever its tests said, it is not known of what."""
    reasons = [reason for reason in evidence.reasons if reason.code == "content_moved"]
    message = reasons[0].message if reasons else "files that git tracks changed while this cell ran"
    remedy = reasons[0].remedy if reasons else "run it again"
    return CellVerdict(
        name=evidence.cell,
        profile=evidence.profile,
        state="inconclusive",
        reasons=(VerdictReason(code="content_moved", message=message, remedy=remedy),),
        tests=make_tally(evidence.tests).tests,
        duration_s=evidence.duration_s,
        evidence=evidence.id,
    )


def with_evidence(
    evidence: Evidence, sums: Tally, breaches: Sequence[Breach], profile: Profile, *, counts_partial: bool
) -> CellVerdict:
    """The state of a cell that ran.

    Failed where a test failed, or a command failed in spite of its tests; else passed only if the run finished, nothing
    was breached and nothing narrowed it (``counts_partial`` lets a narrowed run pass, and fail by a command); else
    inconclusive.
    """
    wrong = _find_failures(evidence, sums)
    doubts = _find_doubts(evidence, breaches, counts_partial)
    if evidence.partial and not counts_partial and not sums.failed:
        wrong, doubts = (), (*doubts, *wrong)  # a command that needs the whole run, such as a bar for coverage
    if not wrong and not doubts and (failing := _find_failing_command(evidence)) is not None:
        message = f"{' '.join(failing.argv)} ended with {_describe_exit_code(failing)} before it ran a test"
        doubts = (VerdictReason(code="command_failed", message=message),)
    state: CellState = "failed" if wrong else "inconclusive" if doubts else "passed"
    return CellVerdict(
        name=evidence.cell,
        profile=evidence.profile,
        state=state,
        reasons=(*wrong, *doubts),
        tests=sums.tests,
        duration_s=evidence.duration_s,
        evidence=evidence.id,
        notes=(*_collect_notes(evidence, counts_partial), *accepted_skips(sums, profile)),
    )


def _find_failures(evidence: Evidence, sums: Tally) -> tuple[VerdictReason, ...]:
    """What ran and was wrong."""
    if failed := sums.failed:
        message = f"{count(len(failed), 'test')} failed: {listed(test.id for test in failed)}"
        return (VerdictReason(code="tests_failed", message=message),)
    if evidence.state != "finished" or any(not session.finished for session in evidence.counted_sessions):
        return ()
    command = _find_failing_command(evidence)
    if (
        command is None
        or evidence.mismatches
        or (evidence.counted_sessions and not evidence.tests)
        or _found_none(evidence, sums)
        or is_noise(evidence)
    ):
        return ()
    passed = " although all its tests passed" if sums.tests.passed else ""
    message = f"{' '.join(command.argv)} ended with {_describe_exit_code(command)}{passed}"
    return (VerdictReason(code="command_failed", message=message),)


def is_noise(evidence: Evidence) -> bool:
    """Whether a run that finished says nothing of the content: its own commands found no index, or no space."""
    return any(reason.code in ("index_unreachable", "disk_full") for reason in evidence.reasons)


def _found_none(evidence: Evidence, sums: Tally) -> bool:
    """Whether all that went wrong is that a runner ran nothing: pytest and unittest end with 5 where they find no test,
    stestr with 1 where all tests skipped.
    """
    if sums.ran:
        return False
    failing = _find_failing_command(evidence)
    is_stestr = failing is not None and any("stestr" in word or "testr" in word for word in failing.argv)
    return (is_stestr and bool(evidence.tests)) or any(session.exit_code == 5 for session in evidence.counted_sessions)


def _find_failing_command(evidence: Evidence) -> CommandRun | None:
    """The first command that ran and failed, and whose failure counts."""
    return next(
        (item for item in evidence.commands if item.has_failed and not item.ignored and not item.not_started), None
    )


def _describe_exit_code(command: CommandRun) -> str:
    if command.inverted and command.exit_code == 0:
        return "exit code 0, where it was to fail (a leading `!`)"
    return f"signal {-command.exit_code}" if command.exit_code < 0 else f"exit code {command.exit_code}"


def _find_doubts(evidence: Evidence, breaches: Sequence[Breach], counts_partial: bool) -> tuple[VerdictReason, ...]:
    """What keeps a cell from having passed although nothing was wrong."""
    reasons = [
        VerdictReason(code=r.code, message=r.message, capability=r.capability, remedy=r.remedy)
        for r in evidence.reasons
        if r.code not in ("tests_failed", "command_failed")  # told by what is wrong
    ]
    facts = {reason.code for reason in reasons}
    if evidence.state != "finished" and not reasons:
        reasons.append(VerdictReason(code=evidence.state, message=_STATES[evidence.state]))
    reasons += [VerdictReason(code=b.code, message=b.message) for b in breaches if b.code not in facts]
    if evidence.partial and not counts_partial:
        message = f"the run was narrowed ({evidence.partial}): its tests count, the cell does not"
        reasons.append(VerdictReason(code="partial", message=message, remedy="run the cell without that"))
    return tuple(reasons)


def _collect_notes(evidence: Evidence, counts_partial: bool) -> tuple[str, ...]:
    notes = list(evidence.notes[:_NOTES])
    if len(evidence.notes) > _NOTES:
        notes.append(f"{len(evidence.notes) - _NOTES} more notes on the recording are in the evidence")
    if evidence.partial and counts_partial and evidence.commands:
        notes.append(f"narrowed by {evidence.partial}: the gate will not count this run as the cell's")
    notes += describe_others(evidence)
    for command in evidence.commands:
        if command.ignored and command.has_failed:
            notes.append(
                f"tox ignores this command's exit code: {' '.join(command.argv)} ended with"
                f" {_describe_exit_code(command)}"
            )
    if "ignore_outcome" in evidence.ignored:
        notes.append("tox ignores this environment's outcome (ignore_outcome); envmatrix does not")
    swallowed = next((s for s in evidence.counted_sessions if s.finished and s.exit_code), None)
    if swallowed is not None and not any(command.has_failed for command in evidence.commands):
        notes.append(f"a {swallowed.runner} session ended with {swallowed.exit_code} and its command with 0")
    if evidence.attempt > 1:
        notes.append(f"attempt {evidence.attempt}, because of the one before: {evidence.attempt_reason or 'not told'}")
    return tuple(notes)
