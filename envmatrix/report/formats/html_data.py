"""What the HTML page is told: tests and reasons once, outcomes as one letter per test and cell, all text visible."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from envmatrix.evidence.model import CommandRun, Evidence, FindingRecord, TestResult
from envmatrix.evidence.recordings import REASON_LENGTH
from envmatrix.report.model import Report
from envmatrix.report.unexecuted import group_tests
from envmatrix.report.wording import make_visible, short, visible_lines
from envmatrix.verdict.model import CellVerdict, VerdictReason

LETTERS = {
    "passed": "p",
    "failed": "f",
    "error": "e",
    "skipped": "s",
    "xfailed": "x",
    "xpassed": "X",
    "deselected": "d",
}
MOST_LOG_LINES = 200


class _Texts:
    """Gives each different text a number, in order of appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number_of(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    def list_texts(self) -> list[str]:
        return [visible_block(text) for text in self.numbers]


def visible_block(text: str, last: int = 0) -> str:
    """Return a text of several lines, each visible, of its end as many characters as evidence has of a reason."""
    return "\n".join(visible_lines(text if last else text[-REASON_LENGTH:], last))


def build_data(report: Report) -> dict[str, Any]:
    """The data of the page as plain JSON values."""
    records = report.records_by_cell()
    cells = sorted(report.verdict.cells, key=lambda cell: (cell.profile, _natural_key(cell.name)))
    # Stale evidence tells of other content: its tests do not count here and are not shown.
    result = [(cell, None if cell.state == "stale" else records.get(cell.name)) for cell in cells]
    others = _list_other_records(report.evidence, result)
    seen = {test.id for _, record in result for test in (record.tests if record else ())}
    seen |= {test.test for test in report.verdict.ran_nowhere}
    tests = {name: number for number, name in enumerate(sorted(seen))}
    reasons = _Texts()
    built = [
        {
            **_make_cell(report, cell, record, tests, reasons),
            "others": others.get(cell.name, []),
            "owes": [] if record and record.tests else [tests[name] for name in _list_owed_tests(report, cell)],
        }
        for cell, record in result
    ]
    return {
        "tests": [make_visible(name) for name in tests],
        "reasons": reasons.list_texts(),
        "cells": built,
        "nowhere": [[tests[test.test], make_visible(test.would_run)] for test in report.verdict.ran_nowhere],
        "groups": [
            {
                "why": [[make_visible(why.reason), [make_visible(cell) for cell in why.cells]] for why in group.why],
                "would_run": make_visible(group.would_run),
                "tests": [make_visible(test) for test in group.tests],
            }
            for group in group_tests(report.verdict)
        ],
        "breaches": [
            {
                "code": make_visible(breach.code),
                "cell": make_visible(breach.cell),
                "message": make_visible(breach.message),
                "tests": [make_visible(test) for test in breach.tests],
            }
            for breach in report.verdict.breaches
        ],
        "notes": [make_visible(note) for note in report.verdict.notes],
        "drift": _make_drift(report),
    }


def _list_owed_tests(report: Report, cell: CellVerdict) -> list[str]:
    """The tests that ran nowhere and would run in the cell, by its profile's name or by what it waits for."""
    names = {cell.profile, *(reason.capability for reason in cell.reasons if reason.capability)}
    return [test.test for test in report.verdict.ran_nowhere if names & set(test.would_run.split(", "))]


def _natural_key(name: str) -> list[tuple[str, int]]:
    """Sorts py39 before py310."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]{0,9})", name)]


def _list_other_records(
    evidence: tuple[Evidence, ...], judged: list[tuple[CellVerdict, Evidence | None]]
) -> dict[str, list[list[str]]]:
    """What else was reported of each cell: host, start, end state, outcomes, and what was special about it."""
    facts = {record.id for _, record in judged if record is not None}
    others: dict[str, list[list[str]]] = defaultdict(list)
    for record in evidence:
        if record.id not in facts:
            outcomes = Counter(test.outcome for test in record.tests)
            counted = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
            special = "; ".join(text for text in (record.attempt_reason, record.partial) if text)
            line = [record.host.name, record.started, record.state.replace("_", " "), counted, special]
            others[record.cell].append([make_visible(text) for text in line])
    return {cell: sorted(lines) for cell, lines in others.items()}


def _make_cell(
    report: Report, cell: CellVerdict, record: Evidence | None, tests: dict[str, int], reasons: _Texts
) -> dict[str, Any]:
    host = record.host if record else None
    return {
        "name": make_visible(cell.name),
        "profile": make_visible(cell.profile),
        "state": cell.state,
        "reasons": [_make_reason(reason) for reason in cell.reasons],
        "tests": {name: getattr(cell.tests, name) for name in LETTERS if getattr(cell.tests, name)},
        "duration_s": cell.duration_s or (record.duration_s if record else 0.0),
        "notes": [make_visible(note) for note in cell.notes],
        "evidence": make_visible(record.id if record else cell.evidence),
        "host": {
            "name": make_visible(host.name),
            "distribution": make_visible(host.distribution),
            "system": make_visible(host.system),
            "release": make_visible(host.release),
            "machine": make_visible(host.machine),
            "cpus": host.cpus,
            "memory_mb": host.memory_mb,
            "user": make_visible(host.user),
        }
        if host
        else {"name": ""},
        "log": visible_block(report.logs.get(record.id if record else cell.evidence, ""), MOST_LOG_LINES),
        **_describe_run(record),
        **_encode_outcomes(record.tests if record else (), tests, reasons),
    }


def _make_reason(reason: VerdictReason) -> dict[str, str]:
    return {
        "code": make_visible(reason.code),
        "capability": make_visible(reason.capability),
        "message": make_visible(reason.message),
        "remedy": make_visible(reason.remedy),
    }


def _describe_run(record: Evidence | None) -> dict[str, Any]:
    """How the cell ran; empty values where it did not."""
    if record is None:
        empty: list[str] = []
        nothing = dict.fromkeys(("interpreter", "started", "finished", "partial", "attempt_reason"), "")
        lists = dict.fromkeys(("distributions", "commands", "findings", "details"), empty)
        return {"axes": {}, "attempt": 1, **nothing, **lists}
    interpreter = record.interpreter
    return {
        "axes": {make_visible(name): make_visible(value) for name, value in record.axes.items()},
        "interpreter": make_visible(f"{interpreter.implementation} {interpreter.version} · {interpreter.path}")
        if interpreter
        else "",
        "started": make_visible(record.started),
        "finished": make_visible(record.finished),
        "partial": make_visible(record.partial),
        "attempt": record.attempt,
        "attempt_reason": make_visible(record.attempt_reason),
        "distributions": [
            [make_visible(dist.name), make_visible(dist.version), dist.owner] for dist in record.distributions
        ],
        "commands": [_make_command(command) for command in record.commands],
        "findings": [_make_finding(finding) for finding in record.findings],
        "details": [visible_block(reason.detail) for reason in (*record.reasons, *record.mismatches) if reason.detail],
    }


def _make_command(command: CommandRun) -> dict[str, Any]:
    return {
        "line": make_visible(" ".join(command.argv)),
        "exit": command.exit_code,
        "ignored": command.ignored,
        "inverted": command.inverted,
        "duration_s": command.duration_s,
    }


def _make_finding(finding: FindingRecord) -> dict[str, Any]:
    answer = {
        "capability": make_visible(finding.capability),
        "status": finding.status,
        "version": make_visible(finding.version),
        "where": make_visible(finding.where),
        "message": make_visible(finding.message),
    }
    return answer if finding.used is None else {**answer, "used": finding.used}


def _encode_outcomes(results: tuple[TestResult, ...], tests: dict[str, int], reasons: _Texts) -> dict[str, Any]:
    """One letter and one duration in milliseconds per test, and the reason where there is one."""
    if not results:
        return {"outcomes": "", "times": [], "why": []}
    letters = ["a"] * len(tests)
    times: list[float] = [0] * len(tests)
    why: list[list[Any]] = []
    for test in results:
        at = tests[test.id]
        letters[at] = LETTERS[test.outcome]
        times[at] = round(1000 * test.duration_s, 1)
        attempts = ", ".join(test.attempts) if len(test.attempts) > 1 else ""
        if test.reason or attempts or test.capability:
            why.append([at, reasons.number_of(test.reason), test.skip_class, make_visible(test.capability), attempts])
    return {"outcomes": "".join(letters), "times": times, "why": why}


def _make_drift(report: Report) -> dict[str, Any] | None:
    if report.drift is None:
        return None
    changes = sorted(report.drift, key=lambda change: (change.kind, change.cell, change.test))
    fields = ("test", "cell", "kind", "before", "after", "reason")
    return {
        "against": short(report.drift_against),
        "tests": [{name: make_visible(getattr(change, name)) for name in fields} for change in changes],
    }
