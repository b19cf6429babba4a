"""A verdict for a terminal or a CI console: what is wrong first, the verdict last, every state in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from envmatrix.evidence.model import FAILING, Evidence, TestResult
from envmatrix.report.layout import Page, Span
from envmatrix.report.model import Report
from envmatrix.report.unexecuted import group_tests
from envmatrix.report.wording import STATE_WORDS, STATES, duration, has_run, last_lines, make_visible, others, short
from envmatrix.util.text import count, listed
from envmatrix.verdict.model import CellVerdict, Verdict, VerdictReason

MOST_FAILURES = 20
MOST_OUTPUT_LINES = 15
MOST_NAMES = 5
SEEN_IN = 4  # the most cells that are named for a test which ran nowhere

STYLES = {
    "passed": "green",
    "failed": "bold red",
    "inconclusive": "bold yellow",
    "incomplete": "bold yellow",
    "blocked": "yellow",
    "owed": "yellow",
    "stale": "magenta",
    "not_relevant": "dim",
}


def render(report: Report) -> str:
    """The whole report as text of ``report.width`` columns."""
    page = Page(report.width)
    _render_failures(page, report)
    _render_inconclusive(page, report)
    _render_breaches(page, report)
    _ran_nowhere(page, report.verdict)
    _render_waiting(page, report.verdict)
    _render_drift(page, report)
    _render_cells(page, report.verdict)
    _render_subject(page, report.verdict)
    page.add_blank()
    before, last = last_lines(report.verdict, page.width)
    if before:
        page.add_paragraph(before, 0, style=STYLES[report.verdict.verdict])
    page.add_line((last, STYLES[report.verdict.verdict]))
    return page.render(report.color)


def _render_failures(page: Page, report: Report) -> None:
    records = report.records_by_cell()
    failed = [(cell, records.get(cell.name)) for cell in report.verdict.cells if cell.state == "failed"]
    tests = [(cell, test) for cell, record in failed for test in bad_tests(record)]
    silent = [(cell, record) for cell, record in failed if not bad_tests(record)]
    if not failed:
        return
    page.add_heading(f"FAILED ({count(len(tests), 'test')} in {count(len(failed), 'cell')})", STYLES["failed"])
    _failed_tests(page, tests)
    for cell, record in silent:
        page.add_line("  ", ("failed", STYLES["failed"]), f"  {cell.name}: no single test failed")
        _render_reasons(page, cell.reasons)
        _bad_commands(page, record)
        page.add_output(report.logs.get(cell.evidence, ""), MOST_OUTPUT_LINES)


def _failed_tests(page: Page, tests: Sequence[tuple[CellVerdict, TestResult]]) -> None:
    shown, facts = 0, 0
    for item in group_alike(tests):
        if shown >= MOST_FAILURES:
            break
        for cell, test in item[:MOST_NAMES]:
            page.add_line("  ", (test.outcome, STYLES["failed"]), f"  {cell.name}: {test.id}")
        if len(item) > MOST_NAMES:
            page.add_line(f"  … and {len(item) - MOST_NAMES:,} more that end alike:")
        page.add_output(item[0][1].reason, MOST_OUTPUT_LINES)
        shown, facts = shown + min(len(item), MOST_NAMES), facts + len(item)
    _render_rest(page, len(tests) - facts)


def group_alike(tests: Sequence[tuple[CellVerdict, TestResult]]) -> list[list[tuple[CellVerdict, TestResult]]]:
    """Failed tests, those whose last words are the same together: often they have one cause."""
    result: dict[str, list[tuple[CellVerdict, TestResult]]] = {}
    for number, (cell, test) in enumerate(tests):
        result.setdefault(test.reason or f"\0{number}", []).append((cell, test))
    return list(result.values())


def bad_tests(record: Evidence | None) -> list[TestResult]:
    """The tests of a record that failed or broke down, in the order in which they ran."""
    return [test for test in record.tests if test.outcome in FAILING] if record else []


def _bad_commands(page: Page, record: Evidence | None) -> None:
    for command in record.commands if record else ():
        if command.has_failed:
            page.add_line(f"    exit {command.exit_code}: {' '.join(command.argv)}")


def _render_inconclusive(page: Page, report: Report) -> None:
    cells = [cell for cell in report.verdict.cells if cell.state == "inconclusive"]
    records = report.records_by_cell()
    if cells:
        page.add_heading(f"INCONCLUSIVE ({count(len(cells), 'cell')}: nothing is proved)", STYLES["inconclusive"])
    alone = [cell for cell in cells if records.get(cell.name)]
    for cell in alone:
        page.add_line(f"  {cell.name}")
        _render_reasons(page, cell.reasons)
        record = records[cell.name]
        details = [reason.detail for reason in record.reasons if reason.detail]
        for detail in details or ([] if is_explained(record) else [report.logs.get(cell.evidence, "")]):
            page.add_output(detail, MOST_OUTPUT_LINES)
    _render_together(page, [cell for cell in cells if cell not in alone])


def _render_together(page: Page, cells: Sequence[CellVerdict], *, with_state: bool = False) -> None:
    """Cells with the reasons that they have in common; ``with_state`` adds their state."""
    alike: dict[tuple[str, tuple[VerdictReason, ...]], list[CellVerdict]] = {}
    for cell in cells:
        alike.setdefault((cell.state, cell.reasons), []).append(cell)
    for (state, reasons), matches in alike.items():
        whose = matches[0].name if len(matches) == 1 else count(len(matches), "cell")
        page.add_line(f"  {whose}  ", (STATE_WORDS[state] if with_state else "", STYLES[state]))
        if len(matches) > 1:
            page.add_paragraph(", ".join(make_visible(cell.name) for cell in matches), 4)
        _render_reasons(page, reasons)


def is_explained(record: Evidence) -> bool:
    """Whether the end of the output says nothing more: somebody ended the run, or we did not begin it, and said why."""
    return record.state == "interrupted" or any(reason.code == "arguments_unused" for reason in record.reasons)


def _render_reasons(page: Page, reasons: tuple[VerdictReason, ...]) -> None:
    for reason in reasons:
        if any(_says_more(other, reason) for other in reasons):
            continue
        page.add_paragraph(f"{reason.message} ({reason.code})", 4, "- ")
        if reason.remedy:
            page.add_remedy(reason.remedy, 6)


def _says_more(other: VerdictReason, reason: VerdictReason) -> bool:
    longer = len(other.message) > len(reason.message)
    return longer and other.code == reason.code and other.message.startswith(reason.message) and not reason.remedy


def _render_breaches(page: Page, report: Report) -> None:
    breaches, answer = report.verdict.breaches, _list_shown_reasons(report)
    if breaches:
        page.add_heading(f"BREACHES ({len(breaches)}: promises that were not kept)", STYLES["failed"])
    for breach in breaches:
        again = (breach.cell, breach.code, breach.message) in answer
        page.add_line(
            "  ", (breach.code, "bold"), f"  {breach.cell or 'the whole matrix'}{': see above' if again else ''}"
        )
        if not again:
            page.add_paragraph(breach.message, 4)
        _render_names(page, breach.tests)


def _list_shown_reasons(report: Report) -> set[tuple[str, str, str]]:
    """What the sections above have said of cells already: name, code and message."""
    records = report.records_by_cell()
    silent = [cell for cell in report.verdict.cells if cell.state == "failed" and not bad_tests(records.get(cell.name))]
    cells = [*silent, *(cell for cell in report.verdict.cells if cell.state == "inconclusive")]
    return {(cell.name, reason.code, reason.message) for cell in cells for reason in cell.reasons}


def _render_names(page: Page, names: tuple[str, ...] | list[str], indent: int = 4) -> None:
    for name in names[:MOST_NAMES]:
        page.add_line(" " * indent + "- " + name)
    _render_rest(page, len(names) - MOST_NAMES, indent)


def _render_rest(page: Page, rest: int, indent: int = 2) -> None:
    if rest > 0:
        page.add_line(" " * indent + f"… and {rest:,} more, all in --format json")


def _ran_nowhere(page: Page, verdict: Verdict) -> None:
    if verdict.ran_nowhere:
        page.add_heading(f"RAN NOWHERE ({count(len(verdict.ran_nowhere), 'test')})", STYLES["incomplete"])
    for group in group_tests(verdict):
        tests, only = count(len(group.tests), "test"), group.why[0]
        if len(group.why) > 1:
            page.add_line(f"  {tests}")
            for why in group.why:
                page.add_paragraph(f"in {listed(why.cells, SEEN_IN)}: {why.reason}", 4)
        else:
            seen = f", seen in {listed(only.cells, SEEN_IN)}" if only.cells else ""
            page.add_paragraph(f"{tests}{seen}: {only.reason}", 2)
        if group.would_run:
            page.add_paragraph(f"would run with: {group.would_run}", 4)
        _render_names(page, group.tests)


def _render_waiting(page: Page, verdict: Verdict) -> None:
    waiting = [cell for cell in verdict.cells if cell.state in ("blocked", "owed", "stale")]
    if waiting:
        page.add_heading(f"BLOCKED, OWED AND STALE ({count(len(waiting), 'cell')})", STYLES["blocked"])
    _render_together(page, waiting, with_state=True)
    aside = [cell for cell in verdict.cells if cell.state == "not_relevant"]
    if aside:
        page.add_heading(f"NOT RELEVANT ({count(len(aside), 'cell')})", "dim")
    _render_together(page, aside)


def _render_drift(page: Page, report: Report) -> None:
    if report.drift is None:
        return
    against = f" since {short(report.drift_against)}" if report.drift_against else ""
    page.add_heading(f"DRIFT{against} ({count(len(report.drift), 'change')})")
    for kind, number in sorted(Counter(change.kind for change in report.drift).items()):
        page.add_line(f"  {kind.replace('_', ' ')}: {number:,}")
        entry = [change for change in report.drift if change.kind == kind]
        _render_names(page, [f"{d.cell}: {d.test} ({d.before or 'absent'} -> {d.after or 'absent'})" for d in entry])


def _render_cells(page: Page, verdict: Verdict) -> None:
    page.add_heading("CELLS")
    rows = [_make_row(cell) for cell in sorted(verdict.cells, key=lambda cell: (STATES.index(cell.state), cell.name))]
    head = ("cell", "state", "passed", "failed", "skipped", "other", "time")
    page.add_table(head, rows, frozenset({2, 3, 4, 5, 6}))
    rest: Counter[str] = Counter()
    for cell in verdict.cells:
        rest.update(others(cell.tests))
    if rest:
        page.add_line("  other: " + ", ".join(f"{number:,} {word}" for word, number in sorted(rest.items())))
    for cell in verdict.cells:
        for note in cell.notes:
            page.add_paragraph(f"{make_visible(cell.name)}: {note}", 2, "- ")


def _make_row(cell: CellVerdict) -> list[Span]:
    tests, bad = cell.tests, cell.tests.failed + cell.tests.error
    rest = sum(others(tests).values())
    ran = has_run(cell)
    numbers = [(f"{number:,}" if ran else "-") for number in (tests.passed, bad, tests.skipped, rest)]
    styles = ("green" if tests.passed else "", STYLES["failed"] if bad else "", "yellow" if tests.skipped else "", "")
    return [
        (cell.name, ""),
        (STATE_WORDS[cell.state], STYLES[cell.state]),
        *zip(numbers, styles, strict=True),
        (duration(cell.duration_s) if cell.duration_s else "-", ""),
    ]


def _render_subject(page: Page, verdict: Verdict) -> None:
    page.add_blank()
    for note in verdict.notes:
        page.add_paragraph(note, 0, "note: ")
    dirty = " with changes that are not committed" if verdict.dirty else ""
    commit = f"commit {short(verdict.commit)}{dirty}, " if verdict.commit else ""
    page.add_paragraph(f"{commit}tree {short(verdict.tree)}, matrix {short(verdict.matrix_digest)}", 0, style="dim")
