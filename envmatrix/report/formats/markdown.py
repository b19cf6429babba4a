"""A verdict as Markdown, in blocks that fit where it is shown; nothing in a name or a reason is read as markup.

Names are always code spans and output is always fenced with a bar before each line. That keeps GitHub's and GitLab's
mentions, references, quick actions, HTML and images out, and the runners' workflow commands too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from envmatrix.report.formats.text import SEEN_IN, bad_tests, group_alike
from envmatrix.report.model import Report
from envmatrix.report.unexecuted import Why, group_tests
from envmatrix.report.wording import (
    STATE_WORDS,
    STATES,
    duration,
    has_run,
    make_visible,
    not_run,
    others,
    short,
    summary,
    visible_lines,
)
from envmatrix.util.text import count, listed
from envmatrix.verdict.model import CellVerdict, Verdict, VerdictReason

MOST_BYTES = 1_000_000
MOST_CELLS = 100
MOST_FAILURES = 20
MOST_NAMES = 10
MOST_OUTPUT_LINES = 15

# A word that no Markdown dialect reads as anything but a word. The rest of a sentence goes into code spans.
_WORD = re.compile(r"[(\"']{0,2}[A-Za-z0-9](?:[A-Za-z0-9.'_-]*[A-Za-z0-9])?[)\"',.;:?]{0,3}")
_LINKED = re.compile(r"www\.|^gh-\d|\d+\.$|^[0-9a-f]{7,}$", re.IGNORECASE)


def render(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; its first line says what did not run."""
    return render_body(report, MOST_BYTES)


def code_span(text: str) -> str:
    """The text as a code span, whatever it holds; a pipe is spelt out, for it would end the cell of a table."""
    shown = make_visible(text).replace("|", "\\x7c") or " "
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or shown.isspace() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def escape_prose(text: str) -> str:
    """A sentence with every word that could be markup, a mention or a link in a code span."""
    words = " ".join(visible_lines(text)).split()
    parts = [
        " ".join(run) if safe else _span_word(" ".join(run))
        for safe, run in ((safe, list(run)) for safe, run in itertools.groupby(words, _is_word))
    ]
    return " ".join(parts)


def _is_word(word: str) -> bool:
    return word == "-" or bool(_WORD.fullmatch(word) and not _LINKED.search(word))


def _span_word(text: str) -> str:
    """The text as a code span, with brackets and full stops of the sentence around it left outside."""
    inner = text.lstrip("(").rstrip("),.;:?")
    if not inner or inner.count("(") != inner.count(")"):
        return code_span(text)
    before, _, after = text.partition(inner)
    return before + code_span(inner) + after


def fence_output(text: str, last: int = MOST_OUTPUT_LINES, indent: str = "  ") -> str:
    """Output as a fenced block, each line behind a bar; "" where there is none."""
    lines = visible_lines(text, last)
    if not lines:
        return ""
    longest = max(len(run) for run in ["``", *re.findall("`+", "\n".join(lines))])
    fence = "`" * (longest + 1)
    return "\n".join(indent + line for line in (f"{fence}text", *(f"| {line}" for line in lines), fence)) + "\n"


def render_body(report: Report, most_bytes: int) -> str:
    """All blocks that fit into so many bytes of UTF-8, in order of weight, and a line that says what was left out."""
    room = most_bytes - 200
    shown: list[str] = []
    left = 0
    for block in _render_blocks(report):
        size = len(block.encode("utf-8", "replace")) + 1
        if size > room:
            left += 1
            continue
        room -= size
        shown.append(block)
    if left:
        shown.append(f"*… and {left} more blocks that do not fit here; all in `envmatrix report --format json`.*\n")
    return "\n".join(shown)


def _render_blocks(report: Report) -> Iterable[str]:
    verdict = report.verdict
    yield f"**{escape_prose(not_run(verdict))}**\n"
    yield f"### envmatrix: {escape_prose(summary(verdict))}\n"
    yield _render_cells(report)
    yield from _render_failures(report)
    yield from _render_breaches(verdict)
    yield from _render_reasons("Inconclusive", report, ("inconclusive",))
    yield from _render_unexecuted(verdict)
    yield from _render_reasons("Blocked, owed and stale", report, ("blocked", "owed", "stale"))
    yield from _render_reasons("Not relevant to the change", report, ("not_relevant",))
    yield from _render_drift(report)
    yield _render_foot(verdict)


def _render_cells(report: Report) -> str:
    rows = ["| cell | state | passed | failed | skipped | other | time | host |", "| --- |" + _ALIGN]
    records = report.records_by_cell()
    cells = sorted(report.verdict.cells, key=lambda cell: (STATES.index(cell.state), cell.name))
    for cell in cells[:MOST_CELLS]:
        tests, record = cell.tests, records.get(cell.name)
        numbers = [tests.passed, tests.failed + tests.error, tests.skipped, sum(others(tests).values())]
        ran = has_run(cell)
        shown = [f"{number:,}" if ran else "-" for number in numbers]
        took, host = (duration(cell.duration_s), code_span(record.host.name)) if ran and record else ("-", "-")
        state = STATE_WORDS[cell.state] if cell.state == "passed" else f"**{STATE_WORDS[cell.state]}**"
        rows.append(f"| {' | '.join([code_span(cell.name), state, *shown, took, host])} |")
    if len(cells) > MOST_CELLS:
        rest = count(len(cells) - MOST_CELLS, "cell")
        passed = sum(cell.state == "passed" for cell in cells[MOST_CELLS:])
        rows.append(f"\n… and {rest} more, {passed:,} of them passed")
    return "\n".join(rows) + "\n"


_ALIGN = " --- | ---: | ---: | ---: | ---: | ---: | --- |"


def _render_failures(report: Report) -> Iterable[str]:
    records = report.records_by_cell()
    result = [(cell, records.get(cell.name)) for cell in report.verdict.cells if cell.state == "failed"]
    tests = [(cell, test) for cell, record in result for test in bad_tests(record)]
    if result:
        yield f"#### Failed: {count(len(tests), 'test')} in {count(len(result), 'cell')}\n"
    shown, facts = 0, 0
    for group in group_alike(tests):
        if shown >= MOST_FAILURES:
            break
        names = "".join(
            f"- {test.outcome} in {code_span(cell.name)}: {code_span(test.id)}\n" for cell, test in group[:MOST_NAMES]
        )
        more = f"- … and {len(group) - MOST_NAMES:,} more that end alike\n" if len(group) > MOST_NAMES else ""
        yield f"{names}{more}{fence_output(group[0][1].reason)}"
        shown, facts = shown + min(len(group), MOST_NAMES), facts + len(group)
    if len(tests) > facts:
        yield f"- … and {len(tests) - facts:,} more\n"
    for cell, record in result:
        if not bad_tests(record):
            log = fence_output(report.logs.get(cell.evidence, ""))
            yield f"- {code_span(cell.name)}: no single test failed{_join_reasons(cell.reasons)}\n{log}"


def _render_breaches(verdict: Verdict) -> Iterable[str]:
    if verdict.breaches:
        yield f"#### Breaches: {count(len(verdict.breaches), 'promise')} not kept\n"
    for breach in verdict.breaches:
        where = f" in {code_span(breach.cell)}" if breach.cell else ""
        yield f"- {code_span(breach.code)}{where}: {escape_prose(breach.message)}\n{_render_names(breach.tests)}"


def _render_names(names: Sequence[str]) -> str:
    rest = f"  - … and {len(names) - MOST_NAMES:,} more\n" if len(names) > MOST_NAMES else ""
    return "".join(f"  - {code_span(name)}\n" for name in names[:MOST_NAMES]) + rest


def _render_reasons(title: str, report: Report, states: tuple[str, ...]) -> Iterable[str]:
    cells = [cell for cell in report.verdict.cells if cell.state in states]
    records = report.records_by_cell() if "inconclusive" in states else {}
    if cells:
        yield f"#### {title}: {count(len(cells), 'cell')}\n"
    for cell in cells:
        record = records.get(cell.name)
        details = "".join(fence_output(reason.detail) for reason in (record.reasons if record else ()))
        yield f"- {code_span(cell.name)} {STATE_WORDS[cell.state]}{_join_reasons(cell.reasons)}\n{details}"


def _join_reasons(reasons: tuple[VerdictReason, ...]) -> str:
    shown = []
    for reason in reasons:
        remedy = f" - remedy: {code_span(reason.remedy)}" if reason.remedy else ""
        shown.append(f"\n  - {escape_prose(reason.message)} ({code_span(reason.code)}){remedy}")
    return ":" + "".join(shown) if shown else ""


def _render_unexecuted(verdict: Verdict) -> Iterable[str]:
    if verdict.ran_nowhere:
        yield f"#### Ran nowhere: {count(len(verdict.ran_nowhere), 'test')}\n"
    for group in group_tests(verdict):
        would = f"; would run with {escape_prose(group.would_run)}" if group.would_run else ""
        tests = count(len(group.tests), "test")
        if len(group.why) == 1:
            yield f"- {tests}{_describe_place(group.why[0], ', seen in ')}{would}\n{_render_names(group.tests)}"
        else:
            places = "; ".join(_describe_place(why, "in ") for why in group.why)
            yield f"- {tests}, {places}{would}\n{_render_names(group.tests)}"


def _describe_place(why: Why, lead: str) -> str:
    where = listed((code_span(cell) for cell in why.cells), SEEN_IN)
    return f"{lead if where else ''}{where}: {escape_prose(why.reason)}"


def _render_drift(report: Report) -> Iterable[str]:
    if report.drift is None:
        return
    against = f" since {code_span(short(report.drift_against))}" if report.drift_against else ""
    yield f"#### Drift{against}: {count(len(report.drift), 'change')}\n"
    for kind in sorted({change.kind for change in report.drift}):
        names = [f"{change.cell}: {change.test}" for change in report.drift if change.kind == kind]
        yield f"- {escape_prose(kind.replace('_', ' '))}: {len(names):,}\n{_render_names(names)}"


def _render_foot(verdict: Verdict) -> str:
    notes = "".join(f"- note: {escape_prose(note)}\n" for note in verdict.notes)
    dirty = " with changes that are not committed" if verdict.dirty else ""
    commit = f"commit {code_span(verdict.commit)}{dirty}, " if verdict.commit else ""
    return f"{notes}{commit}tree {code_span(verdict.tree)}, matrix {code_span(short(verdict.matrix_digest))}\n"


def cell_line(cell: CellVerdict) -> str:
    """One cell as one item of a list: name, state, reasons in short."""
    why = "; ".join(escape_prose(reason.message) for reason in cell.reasons)
    return f"- {code_span(cell.name)} {STATE_WORDS[cell.state]}" + (f": {why}" if why else "")
