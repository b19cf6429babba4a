"""The verdict over one run: every planned cell, every contract, every test that ran nowhere."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from envmatrix.config.model import Capability, Profile
from envmatrix.errors import ExitCode
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Blocked, NotRelevant, Planned
from envmatrix.util.text import count
from envmatrix.verdict.cell_state import make_moved_cell, make_stale_cell, with_evidence, without_evidence
from envmatrix.verdict.contracts import Case, find_breaches
from envmatrix.verdict.flaky import Reran, last_that_decides, sort_reruns, with_reruns
from envmatrix.verdict.model import Breach, CellVerdict, Verdict, Word
from envmatrix.verdict.skips.capability_names import never_held
from envmatrix.verdict.tally import Tally, make_tally
from envmatrix.verdict.unexecuted import Ledger, UnexecutedTest

_INCOMPLETE = frozenset({"inconclusive", "blocked", "stale"})


def judge_run(
    *,
    planned: Sequence[Planned],
    profiles: Mapping[str, Profile],
    capabilities: Mapping[str, Capability],
    evidence: Mapping[str, Evidence],
    tree: str,
    commit: str,
    dirty: bool,
    matrix_digest: str,
    today: datetime.date,
    allow_blocked: bool = False,
    known: Sequence[Evidence] = (),
    interrupted: bool = False,
    counts_partial: bool = True,
    earlier: Mapping[str, Sequence[Evidence]] = {},
) -> Verdict:
    """The verdict over one run.

    ``evidence`` is the newest attempt of each cell, by the cell's name, with its tests classified by
    :func:`envmatrix.verdict.skips.classify.classify_skips`; ``earlier`` are the attempts of the same run before it,
    oldest first: what failed in them is flaky or failed, whatever the newest says. ``known`` are records of other runs,
    asked only for names of tests. ``counts_partial`` lets a cell that its caller narrowed pass, with a note.
    The exit code is 1 where something failed, else 3 where anything is missing, else 0; 130 after an
    interrupt.
    """
    ledger = _make_ledger(planned, profiles, evidence, earlier, tree, known)
    cells: list[CellVerdict] = []
    result: list[Breach] = []
    for item in planned:
        record = evidence.get(item.cell.name)
        if record is None:
            cells.append(without_evidence(item, allow_blocked=allow_blocked, interrupted=interrupted))
        elif record.tree != tree:
            cells.append(make_stale_cell(record, tree))
        elif not (attempts := _select_still(record, earlier)):
            cells.append(make_moved_cell(record))
        else:
            record = last_that_decides(attempts)
            profile = profiles[item.cell.profile]
            absent = ledger.find_absent(record.cell)
            sums = make_tally(record.tests)
            case = Case(evidence=record, tally=sums, profile=profile, capabilities=capabilities, absent=absent)
            breached = find_breaches(case)
            result += breached
            judged = with_evidence(record, sums, breached, profile, counts_partial=counts_partial)
            cells.append(with_reruns(judged, _sort_reruns(attempts, record, sums), profile, today))
    entries = ledger.list_entries()
    whole = len({item.cell.profile for item in planned}) > 1
    missing = [entry for entry in entries if entry.owed and not is_excused(entry, cells)]
    owed = missing if whole else []
    word = verdict_word(cells, result, owed)
    return Verdict(
        verdict=word,
        exit_code=int(ExitCode.INTERRUPTED if interrupted else exit_code(word)),
        tree=tree,
        commit=commit,
        dirty=dirty,
        matrix_digest=matrix_digest,
        cells=tuple(cells),
        breaches=tuple(sorted(result, key=lambda breach: (breach.cell, breach.code, breach.message))),
        ran_nowhere=tuple(entry.ran_nowhere for entry in entries),
        notes=(
            *_collect_notes(cells, owed, interrupted),
            *_explain_uncounted(missing, whole=whole),
            *_find_unpromised(profiles, evidence.values()),
            *_soon_expired(planned, profiles, today),
        ),
    )


def verdict_word(
    cells: Iterable[CellVerdict], breaches: Sequence[Breach], owed: Sequence[UnexecutedTest], *, owing: bool = False
) -> Word:
    """Failed wins over incomplete; passed needs cells, and none of them in doubt.

    ``owing`` counts an owed cell as missing: a run may leave it to another host, the gate may not.
    """
    states = {cell.state for cell in cells}
    if owing and "owed" in states and "failed" not in states:
        return "incomplete"
    if "failed" in states:
        return "failed"
    if not states or states & _INCOMPLETE or breaches or owed:
        return "incomplete"
    return "passed"


def exit_code(word: Word) -> ExitCode:
    """The exit code of a verdict that nobody interrupted."""
    return {"passed": ExitCode.PASSED, "failed": ExitCode.FAILED, "incomplete": ExitCode.INCOMPLETE}[word]


def _make_ledger(
    planned: Sequence[Planned],
    profiles: Mapping[str, Profile],
    evidence: Mapping[str, Evidence],
    earlier: Mapping[str, Sequence[Evidence]],
    tree: str,
    known: Sequence[Evidence],
) -> Ledger:
    ledger = Ledger(profiles)
    folders = {record.folder for record in evidence.values()} or {item_value.folder for item_value in known}
    for element in known:  # another project of the same repository has the same tree, and other tests
        if element.state == "finished" and not element.partial and not element.has_moved and element.folder in folders:
            ledger.add_known(element, same_content=element.tree == tree)
    for item in planned:
        record = evidence.get(item.cell.name)
        if record is not None and record.tree == tree:
            for attempt in (attempts := _select_still(record, earlier)):
                ledger.add_record(attempt, make_tally(attempt.tests))
            if not attempts:
                ledger.add_unable(item.cell.name, item.cell.profile, "its content moved")
        elif record is None and not isinstance(item, NotRelevant):
            why = item.reasons[0].message if isinstance(item, Blocked) else "the cell did not run"
            ledger.add_unable(item.cell.name, item.cell.profile, why)
    return ledger


def _select_still(record: Evidence, earlier: Mapping[str, Sequence[Evidence]]) -> tuple[Evidence, ...]:
    """A cell's attempts under which the content did not move, oldest first."""
    return tuple(one for one in (*earlier.get(record.cell, ()), record) if not one.has_moved)


def _sort_reruns(attempts: Sequence[Evidence], decided: Evidence, sums: Tally) -> Reran:
    """What became of the tests that failed before: in this record's own session, or in an earlier attempt."""
    failed = frozenset(test.id for test in sums.failed)
    before = attempts[: attempts.index(decided)]
    failures = [[test.id for test in make_tally(one.tests).failed] for one in before]
    matches = sort_reruns(failures, passed=sums.ran - failed, failed=failed)
    local = {test.id for test in sums.flaky}
    return msgspec.structs.replace(matches, flaky=tuple(sorted(local.union(matches.flaky))))


def is_excused(
    entry: UnexecutedTest, cells: Sequence[CellVerdict], states: Sequence[str] = ("owed", "not_relevant")
) -> bool:
    """Whether the cell that would run the test is left out with the user's consent: owed to another host, or not
    relevant to the change.
    """
    return any(cell.profile in entry.waits_for and cell.state in states for cell in cells)


def _collect_notes(cells: Sequence[CellVerdict], owed: Sequence[UnexecutedTest], interrupted: bool) -> tuple[str, ...]:
    notes = []
    if not cells:
        notes.append("nothing was planned, so nothing is proved")
    if interrupted:
        notes.append("the run was interrupted")
    if owed:
        them = "it" if len(owed) == 1 else "them"
        notes.append(f"{count(len(owed), 'test')} ran in no cell of this matrix although a host could have run {them}")
    return tuple(notes)


def _explain_uncounted(missing: Sequence[UnexecutedTest], *, whole: bool) -> tuple[str, ...]:
    """Why tests that ran nowhere did not count here."""
    if whole or not missing:
        return ()
    return ("in a run of one profile, tests that ran nowhere do not count against it; in a run of several they do",)


def _find_unpromised(profiles: Mapping[str, Profile], records: Iterable[Evidence]) -> Iterator[str]:
    """What profiles seem to promise and no cell of this run did."""
    of: dict[str, list[Evidence]] = {}
    for record in records:
        of.setdefault(record.profile, []).append(record)
    for name, some in sorted(of.items()):
        for requirement in never_held(profiles[name], some):
            yield (
                f"profile {name!r} requires {requirement}, whose marker holds in none of its cells that ran: nothing"
                " of that was asked for"
            )


def _soon_expired(planned: Sequence[Planned], profiles: Mapping[str, Profile], today: datetime.date) -> tuple[str, ...]:
    """The declared skips that will turn into breaches within a fortnight."""
    rules = {rule.match: rule for name in {item.cell.profile for item in planned} for rule in profiles[name].skips}
    return tuple(
        f"the [[skips]] entry {match!r} of {rule.owner} expires on {rule.expires}"
        for match, rule in sorted(rules.items())
        if today < rule.expires <= today + datetime.timedelta(days=14)
    )
