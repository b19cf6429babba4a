"""What each host reported of one cell, kept while records stream by: only what the gate's answer needs.

The state of one cell from the reports of all hosts.
"""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from envmatrix.config.model import Cell, Profile
from envmatrix.evidence.model import Evidence
from envmatrix.util.text import listed, short_digest
from envmatrix.verdict.flaky import sort_reruns, with_reruns
from envmatrix.verdict.model import Breach, CellVerdict, VerdictReason
from envmatrix.verdict.skips.capability_names import promised_names

_BETWEEN = "\x1f"  # in no name of a host that has an id
_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_NO_DIFFERENCE = datetime.timedelta()
_CLOCKS_DIFFER = datetime.timedelta(minutes=10)
Age = tuple[bool, datetime.datetime, int, str, bool]


def host_of(record: Evidence) -> str:
    """What tells a record's host from others, also from one that only has the same name."""
    return f"{record.host.name}{_BETWEEN}{record.host.id}" if record.host.id else record.host.name


def list_hosts(hosts: Collection[str], beside: Collection[str] = ()) -> str:
    """The names of hosts, sorted; those that only their ids tell apart, also from others ``beside``, with their ids."""
    names = Counter(host.partition(_BETWEEN)[0] for host in {*hosts, *beside})
    facts = (host.partition(_BETWEEN) for host in sorted(set(hosts)))
    return ", ".join(f"{name} ({id_})" if names[name] > 1 and id_ else name for name, _, id_ in facts)


def order_key(record: Evidence, *, failing: bool = False, now: datetime.datetime | None = None) -> Age:
    """What orders the attempts of one host: when it ended, the attempt's number, and the id where all is equal.

    A time that cannot be read is older than any other, and so is one that is still to come (``now`` is the reader's):
    a host that has set its clock back would else hide by an old pass what fails from then on. A failure is given some
    minutes, by which clocks differ; anything else none. Of two records that claim to be the same, a failure wins.
    """
    when = _parse_time(record.finished or record.started)
    ahead = now is not None and when > now + (_CLOCKS_DIFFER if failing else _NO_DIFFERENCE)
    return (not ahead, when, record.attempt, record.id, failing)


def is_to_come(age: Age) -> bool:
    """Whether a record says that it was made later than it was read."""
    return not age[0]


def _parse_time(text: str) -> datetime.datetime:
    try:
        result = datetime.datetime.fromisoformat(text)
    except ValueError:
        return _LONG_AGO
    return result if result.tzinfo else result.replace(tzinfo=datetime.UTC)


class CellReport(msgspec.Struct, frozen=True, kw_only=True):
    """One record of one host, judged."""

    host: str
    age: Age
    commit: str
    run_id: str
    verdict: CellVerdict
    breaches: tuple[Breach, ...] = ()
    # What a further attempt executed, asked where an earlier one of its run failed.
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """A record of other content or another matrix: shown, never counted."""

    host: str
    age: Age
    why: str
    finished: bool


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt in which tests failed: the run that it belongs to, its evidence and the tests."""

    run_id: str
    evidence: str
    tests: tuple[str, ...]


class CellReports:
    """All that is known of one cell: per host its newest deciding report and its newest other one."""

    def __init__(self) -> None:
        self.deciding: dict[str, CellReport] = {}
        self.undecided: dict[str, CellReport] = {}
        self.stale: dict[str, Stale] = {}
        self._failed: dict[str, dict[tuple[Age, str], Failure]] = {}

    def is_news(self, host: str, when: Age, *, decides: bool) -> bool:
        """Whether a record would be kept: judging one that would not is a waste."""
        remaining = (self.deciding if decides else self.undecided).get(host)
        return remaining is None or remaining.age < when

    def add_report(self, report: CellReport, *, decides: bool) -> None:
        """Keep a report that is news."""
        (self.deciding if decides else self.undecided)[report.host] = report

    def remember_failure(self, record: Evidence, when: Age, failed: Collection[str]) -> None:
        """A failed attempt makes a later pass of the same host a flaky one."""
        failure = Failure(run_id=record.run_id, evidence=record.id, tests=tuple(map(sys.intern, sorted(failed))))
        self._failed.setdefault(host_of(record), {})[when, record.id] = failure

    def add_stale(self, stale: Stale) -> None:
        """Keep the newest stale record of each host."""
        if stale.host not in self.stale or self.stale[stale.host].age < stale.age:
            self.stale[stale.host] = stale

    def earlier_failures(self, report: CellReport) -> tuple[Failure, ...]:
        """The host's older attempts that failed, oldest first."""
        failed = self._failed.get(report.host, {})
        return tuple(failed[key] for key in sorted(failed) if key[0] < report.age)


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
    by_state: dict[str, list[CellReport]] = {}
    deciding = (_apply_earlier_attempts(report, reports, profile, today) for report in reports.deciding.values())
    for report in sorted(deciding, key=lambda item: (item.age, item.host)):
        by_state.setdefault(report.verdict.state, []).append(report)
    failed, passed = by_state.get("failed", []), by_state.get("passed", [])
    if failed:
        return _add_notes(_describe_dispute(failed, passed), failed, reports, commit), failed[-1].breaches
    if passed:
        return _add_notes(passed[-1].verdict, passed, reports, commit), ()
    doubtful = sorted((*by_state.get("inconclusive", []), *reports.undecided.values()), key=lambda item: item.age)
    if doubtful and not not_relevant:
        return _add_notes(doubtful[-1].verdict, doubtful, reports, commit), doubtful[-1].breaches
    somewhere = f"run it on {listed(able)}" if able else "no known host has what it requires"
    return _make_unreported_cell(
        cell, reports, not_relevant, somewhere if able or promised_names(profile) else "run it on any host"
    ), ()


def _apply_earlier_attempts(
    report: CellReport, reports: CellReports, profile: Profile, today: datetime.date
) -> CellReport:
    """The report in the light of the earlier attempts of its own run: what failed in them is not undone by a rerun."""
    failures = [item.tests for item in reports.earlier_failures(report) if item.run_id == report.run_id]
    if not failures:
        return report
    matches = sort_reruns(failures, passed=report.passed, failed=report.failed)
    return msgspec.structs.replace(report, verdict=with_reruns(report.verdict, matches, profile, today))


def _describe_dispute(failed: Sequence[CellReport], passed: Sequence[CellReport]) -> CellVerdict:
    """The newest failure, with a reason that names both sides where hosts disagree."""
    verdict = failed[-1].verdict
    if not passed:
        return verdict
    both = (*failed, *passed)
    sides = f"failed on {_list_hosts_of(failed, both)}, passed on {_list_hosts_of(passed, both)}"
    reason = VerdictReason(code="disputed", message=sides, remedy="run it again where it failed, or find what differs")
    return msgspec.structs.replace(verdict, reasons=(*verdict.reasons, reason))


def _add_notes(verdict: CellVerdict, deciding: Sequence[CellReport], reports: CellReports, commit: str) -> CellVerdict:
    """The verdict with notes of what stands beside it: other hosts, other commits, attempts that did not count."""
    shown = deciding[-1]
    notes = [*verdict.notes, f"ran on {_list_hosts_of(deciding)}"]
    if commit and shown.commit and shown.commit != commit:
        notes.append(f"the evidence was made at commit {short_digest(shown.commit)}, whose content is the same")
    if verdict.state == "passed":
        for report in deciding:
            others = [item.evidence for item in reports.earlier_failures(report) if item.run_id != report.run_id]
            if others:
                notes.append(f"flaky: failed on {list_hosts([report.host])} in an earlier run ({listed(others)})")
    doubtful = {**reports.undecided, **{h: r for h, r in reports.deciding.items() if r.verdict.state == "inconclusive"}}
    for host, report in sorted(doubtful.items()):
        if report is not shown:
            why = report.verdict.reasons[0].message if report.verdict.reasons else "it did not finish"
            notes.append(f"inconclusive on {list_hosts([host])}: {why}")
    notes += [f"stale evidence of {list_hosts([host])}: {stale.why}" for host, stale in sorted(reports.stale.items())]
    return msgspec.structs.replace(verdict, notes=tuple(notes))


def _list_hosts_of(reports: Sequence[CellReport], beside: Sequence[CellReport] = ()) -> str:
    """The hosts of some reports, told so that those of reports ``beside`` are not mistaken for them."""
    return list_hosts([report.host for report in reports], beside=[report.host for report in beside])


def _make_unreported_cell(cell: Cell, reports: CellReports, not_relevant: str, remedy: str) -> CellVerdict:
    """A cell of which no host reported this content."""
    if not_relevant:
        reason = VerdictReason(code="not_relevant", message=not_relevant)
        return CellVerdict(name=cell.name, profile=cell.profile, state="not_relevant", reasons=(reason,))
    if reports.stale:
        newest = max(reports.stale.values(), key=lambda item: item.age)
        message = f"the newest evidence, of {list_hosts([newest.host])}, is of {newest.why}"
        notes = tuple(
            f"stale evidence of {list_hosts([host])}: {stale.why}" for host, stale in sorted(reports.stale.items())
        )
        reason = VerdictReason(code="stale", message=message, remedy=remedy)
        return CellVerdict(name=cell.name, profile=cell.profile, state="stale", reasons=(reason,), notes=notes)
    reason = VerdictReason(code="owed", message="no host has run this cell for this content", remedy=remedy)
    return CellVerdict(name=cell.name, profile=cell.profile, state="owed", reasons=(reason,))
