"""The state of one cell from the reports of all hosts."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import msgspec

from envmatrix.config.model import Cell, Profile
from envmatrix.util.text import listed, short_digest
from envmatrix.verdict.flaky import reran, with_reruns
from envmatrix.verdict.model import Breach, CellVerdict, VerdictReason
from envmatrix.verdict.names import promised
from envmatrix.verdict.reports import CellReports, Report, named


def of_cell(
    cell: Cell,
    profile: Profile,
    reports: CellReports,
    *,
    today: datetime.date,
    commit: str,
    not_relevant: str,
    able: Sequence[str],
) -> tuple[CellVerdict, tuple[Breach, ...]]:
    """The cell's state and the breaches that count.

    Failed where the deciding report of any host failed (and ``disputed`` where another's passed), passed where one
    passed, else inconclusive by the newest report. Without any report of this content: not relevant, stale where there
    is evidence of other content, or owed; ``able`` are the hosts that could run it.
    """
    by_state: dict[str, list[Report]] = {}
    deciding = (_rerun(report, reports, profile, today) for report in reports.deciding.values())
    for report in sorted(deciding, key=lambda item: (item.age, item.host)):
        by_state.setdefault(report.verdict.state, []).append(report)
    failed, passed = by_state.get("failed", []), by_state.get("passed", [])
    if failed:
        return _told(_disputed(failed, passed), failed, reports, commit), failed[-1].breaches
    if passed:
        return _told(passed[-1].verdict, passed, reports, commit), ()
    doubtful = sorted((*by_state.get("inconclusive", []), *reports.undecided.values()), key=lambda item: item.age)
    if doubtful and not not_relevant:
        return _told(doubtful[-1].verdict, doubtful, reports, commit), doubtful[-1].breaches
    somewhere = f"run it on {listed(able)}" if able else "no known host has what it requires"
    return _unseen(cell, reports, not_relevant, somewhere if able or promised(profile) else "run it on any host"), ()


def _rerun(report: Report, reports: CellReports, profile: Profile, today: datetime.date) -> Report:
    """The report in the light of the earlier attempts of its own run: what failed in them is not undone by a rerun."""
    failures = [item.tests for item in reports.earlier_failures(report) if item.run_id == report.run_id]
    if not failures:
        return report
    found = reran(failures, passed=report.passed, failed=report.failed)
    return msgspec.structs.replace(report, verdict=with_reruns(report.verdict, found, profile, today))


def _disputed(failed: Sequence[Report], passed: Sequence[Report]) -> CellVerdict:
    """The newest failure, with a reason that names both sides where hosts disagree."""
    verdict = failed[-1].verdict
    if not passed:
        return verdict
    both = (*failed, *passed)
    sides = f"failed on {_hosts(failed, both)}, passed on {_hosts(passed, both)}"
    reason = VerdictReason(code="disputed", message=sides, remedy="run it again where it failed, or find what differs")
    return msgspec.structs.replace(verdict, reasons=(*verdict.reasons, reason))


def _told(verdict: CellVerdict, deciding: Sequence[Report], reports: CellReports, commit: str) -> CellVerdict:
    """The verdict with notes of what stands beside it: other hosts, other commits, attempts that did not count."""
    shown = deciding[-1]
    notes = [*verdict.notes, f"ran on {_hosts(deciding)}"]
    if commit and shown.commit and shown.commit != commit:
        notes.append(f"the evidence was made at commit {short_digest(shown.commit)}, whose content is the same")
    if verdict.state == "passed":
        for report in deciding:
            others = [item.evidence for item in reports.earlier_failures(report) if item.run_id != report.run_id]
            if others:
                notes.append(f"flaky: failed on {named([report.host])} in an earlier run ({listed(others)})")
    doubtful = {**reports.undecided, **{h: r for h, r in reports.deciding.items() if r.verdict.state == "inconclusive"}}
    for host, report in sorted(doubtful.items()):
        if report is not shown:
            why = report.verdict.reasons[0].message if report.verdict.reasons else "it did not finish"
            notes.append(f"inconclusive on {named([host])}: {why}")
    notes += [f"stale evidence of {named([host])}: {stale.why}" for host, stale in sorted(reports.stale.items())]
    return msgspec.structs.replace(verdict, notes=tuple(notes))


def _hosts(reports: Sequence[Report], beside: Sequence[Report] = ()) -> str:
    """The hosts of some reports, told so that those of reports ``beside`` are not mistaken for them."""
    return named([report.host for report in reports], beside=[report.host for report in beside])


def _unseen(cell: Cell, reports: CellReports, not_relevant: str, remedy: str) -> CellVerdict:
    """A cell of which no host reported this content."""
    if not_relevant:
        reason = VerdictReason(code="not_relevant", message=not_relevant)
        return CellVerdict(name=cell.name, profile=cell.profile, state="not_relevant", reasons=(reason,))
    if reports.stale:
        newest = max(reports.stale.values(), key=lambda item: item.age)
        message = f"the newest evidence, of {named([newest.host])}, is of {newest.why}"
        notes = tuple(
            f"stale evidence of {named([host])}: {stale.why}" for host, stale in sorted(reports.stale.items())
        )
        reason = VerdictReason(code="stale", message=message, remedy=remedy)
        return CellVerdict(name=cell.name, profile=cell.profile, state="stale", reasons=(reason,), notes=notes)
    reason = VerdictReason(code="owed", message="no host has run this cell for this content", remedy=remedy)
    return CellVerdict(name=cell.name, profile=cell.profile, state="owed", reasons=(reason,))
