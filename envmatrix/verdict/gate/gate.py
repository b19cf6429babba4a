"""The gate: one content, judged by the union of what every host reported of it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from envmatrix.config.model import Capability, Cell, Profile
from envmatrix.evidence.model import Evidence
from envmatrix.util.text import count, short_digest
from envmatrix.verdict.cell_state import is_noise, make_moved_cell, with_evidence
from envmatrix.verdict.contracts import Case, find_breaches
from envmatrix.verdict.flaky import Reran, with_reruns
from envmatrix.verdict.gate.host_reports import CellReport, CellReports, Stale, host_of, is_to_come, of_cell, order_key
from envmatrix.verdict.gate.hosts import Hosts
from envmatrix.verdict.judge import exit_code, is_excused, verdict_word
from envmatrix.verdict.model import Breach, CellVerdict, Verdict
from envmatrix.verdict.tally import Tally, make_tally
from envmatrix.verdict.unexecuted import Ledger, UnexecutedTest


class GateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate is asked: the content, its matrix, and what the policy wants of it.

    ``cells`` are those of the matrix; of them the cells of profiles with ``[gate] required`` count, all where no
    profile says that. ``folder`` is the project's in its repository. ``now`` is the reader's time, against which clocks
    that are ahead are told. ``expect`` names hosts that have to report something, beside those that profiles expect.
    ``hosts`` are hosts known from elsewhere with their capabilities. ``not_relevant`` are cells that the change does
    not need, with the rule that says so.
    """

    cells: Sequence[Cell]
    profiles: Mapping[str, Profile]
    capabilities: Mapping[str, Capability] = {}
    tree: str
    folder: str = ""
    commit: str
    dirty: bool = False
    matrix_digest: str
    today: datetime.date
    now: datetime.datetime | None = None
    expect: Sequence[str] = ()
    hosts: Mapping[str, Sequence[str]] = {}
    not_relevant: Mapping[str, str] = {}


def required_cells(cells: Sequence[Cell], profiles: Mapping[str, Profile]) -> tuple[Cell, ...]:
    """The cells that the gate has to see: those of required profiles, or all where no profile is required."""
    required = {name for name, profile in profiles.items() if profile.gate.required}
    return tuple(cell for cell in cells if not required or cell.profile in required)


def judge_revision(query: GateQuery, records: Iterable[Evidence], *, known: Iterable[Evidence] = ()) -> Verdict:
    """The verdict over everything that hosts reported of one content.

    ``records`` are read once, in any order, and not kept; the tests in them are classified. Those of another tree or
    another matrix are shown as stale and count for nothing. Of each host the newest attempt that decides counts for a
    cell: one that ran whole and finished, or in which a test failed. A failure on any host is not hidden by a pass on
    another. ``known`` are further records, asked for the names of tests; those of another tree are shown as stale.
    Of a record of another project of the same repository nothing is taken but what its host has.
    """
    expected = required_cells(query.cells, query.profiles)
    collected = _Collected(query, expected)
    for record in known:
        collected.add_known(record)
        if record.tree != query.tree:
            collected.add_record(record)
    for record in records:
        collected.add_record(record)
    return collected.make_verdict()


class _Collected:
    def __init__(self, query: GateQuery, cells: Sequence[Cell]) -> None:
        self._asked = query
        self._wanted = cells
        self._profile_of = {cell.name: cell.profile for cell in cells}
        self._cells = {cell.name: CellReports() for cell in cells}
        self._ledger = Ledger(query.profiles)
        self._hosts = Hosts(query.hosts, query.profiles)
        self._ahead: set[str] = set()

    def add_known(self, record: Evidence) -> None:
        whole = record.state == "finished" and not record.partial and not record.has_moved
        if whole and record.folder == self._asked.folder:
            self._ledger.add_known(record, same_content=record.tree == self._asked.tree)

    def add_record(self, record: Evidence) -> None:
        """Count one record for what it is worth; the same record twice counts once."""
        self._hosts.add_record(record, same_project=record.folder == self._asked.folder)
        if record.folder != self._asked.folder:
            return
        reports = self._cells.get(record.cell)
        if stale := self._make_stale(record):
            if reports is not None:
                reports.add_stale(stale)
            return
        if record.has_moved:
            if reports is not None:
                self._note_moved(record, reports)
            return
        sums = make_tally(record.tests)
        self._ledger.add_record(record, sums)
        if reports is not None:
            self._judge_record(record, sums, reports)

    def _make_stale(self, record: Evidence) -> Stale | None:
        if record.tree != self._asked.tree:
            commit = f" (commit {short_digest(record.commit)})" if record.commit else ""
            why = f"tree {short_digest(record.tree)}{commit}"
        elif record.profile != self._profile_of.get(record.cell, record.profile):
            why = f"another profile ({record.profile})"
        elif record.matrix_digest != self._asked.matrix_digest:
            why = f"another matrix ({record.matrix_digest[:19]}): its profiles or tox settings were others"
        else:
            return None
        return Stale(
            host=host_of(record),
            age=order_key(record, now=self._asked.now),
            why=why,
            finished=record.state == "finished",
        )

    def _note_moved(self, record: Evidence, reports: CellReports) -> None:
        """Show a record under which the content moved where there is nothing newer; it counts for nothing."""
        when = order_key(record, now=self._asked.now)
        if reports.is_news(host_of(record), when, decides=False):
            report = CellReport(
                host=host_of(record),
                age=when,
                commit=record.commit,
                run_id=record.run_id,
                verdict=make_moved_cell(record),
            )
            reports.add_report(report, decides=False)

    def _judge_record(self, record: Evidence, sums: Tally, reports: CellReports) -> None:
        failed = frozenset(test.id for test in sums.failed)
        failing = bool(failed)
        decides = failing or (record.state == "finished" and not record.partial and not is_noise(record))
        when = order_key(record, failing=failing, now=self._asked.now)
        if is_to_come(when):
            self._ahead.add(record.host.name)
        if failing:
            reports.remember_failure(record, when, failed)
        if decides and not record.partial:
            self._hosts.add_reporter(record)
        if not reports.is_news(host_of(record), when, decides=decides):
            return
        profile = self._asked.profiles[record.profile]
        case = Case(evidence=record, tally=sums, profile=profile, capabilities=self._asked.capabilities)
        breaches = find_breaches(case)
        judged = with_evidence(record, sums, breaches, profile, counts_partial=False)
        reran = Reran(flaky=tuple(test.id for test in sums.flaky))
        report = CellReport(
            host=host_of(record),
            age=when,
            commit=record.commit,
            run_id=record.run_id,
            verdict=with_reruns(judged, reran, profile, self._asked.today),
            breaches=breaches,
            passed=sums.ran - failed if record.attempt > 1 else frozenset(),
            failed=failed,
        )
        reports.add_report(report, decides=decides)

    def make_verdict(self) -> Verdict:
        cells, result = self._judged_cells()
        for cell in cells:
            if cell.state in ("owed", "stale", "not_relevant"):
                self._ledger.add_unable(cell.name, cell.profile, cell.reasons[0].message)
        relevant = {cell.profile for cell in cells if cell.state != "not_relevant"}
        result += self._hosts.find_missing(self._asked.expect, relevant)
        entries = self._ledger.list_entries()
        owed = [entry for entry in entries if entry.owed and not is_excused(entry, cells, ("not_relevant",))]
        word = verdict_word(cells, result, owed, owing=True)
        requested = self._asked
        return Verdict(
            verdict=word,
            exit_code=int(exit_code(word)),
            tree=requested.tree,
            commit=requested.commit,
            dirty=requested.dirty,
            matrix_digest=requested.matrix_digest,
            cells=tuple(cells),
            breaches=tuple(sorted(result, key=lambda breach: (breach.cell, breach.code, breach.message))),
            ran_nowhere=tuple(entry.ran_nowhere for entry in entries),
            notes=(*_collect_notes(cells, owed), *map(_describe_clock, sorted(self._ahead))),
        )

    def _judged_cells(self) -> tuple[list[CellVerdict], list[Breach]]:
        cells: list[CellVerdict] = []
        matches: list[Breach] = []
        for cell in self._wanted:
            judged, breached = of_cell(
                cell,
                self._asked.profiles[cell.profile],
                self._cells[cell.name],
                today=self._asked.today,
                commit=self._asked.commit,
                not_relevant=self._asked.not_relevant.get(cell.name, ""),
                able=self._hosts.find_able(cell),
            )
            cells.append(judged)
            matches += breached
        return cells, matches


def _describe_clock(host: str) -> str:
    facts = f"evidence of {host} is dated in the future, so it counts as older than any other of that host"
    return f"{facts}; set the clock of {host}, or of this host"


def _collect_notes(cells: Sequence[CellVerdict], owed: Sequence[UnexecutedTest]) -> tuple[str, ...]:
    notes = []
    if not cells:
        notes.append("no profile has cells that the gate could ask for, so nothing is proved")
    if owed:
        them = "it" if len(owed) == 1 else "them"
        notes.append(f"{count(len(owed), 'test')} ran on no host although one could have run {them}")
    disputed = [cell.name for cell in cells if any(reason.code == "disputed" for reason in cell.reasons)]
    if disputed:
        notes.append(f"hosts disagree about {', '.join(disputed)}")
    return tuple(notes)
