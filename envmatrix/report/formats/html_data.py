"""What the HTML page is told: tests and reasons once, outcomes as one letter per test and cell, all text visible."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from envmatrix.evidence.model import CommandRun, Evidence, FindingRecord, TestResult
from envmatrix.evidence.recordings import REASON_LENGTH
from envmatrix.report.model import Report
from envmatrix.report.unexecuted import groups
from envmatrix.report.wording import short, visible, visible_lines
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

    def number(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    def shown(self) -> list[str]:
        return [block(text) for text in self.numbers]


def block(text: str, last: int = 0) -> str:
    """Return a text of several lines, each visible, of its end as many characters as evidence has of a reason."""
    return "\n".join(visible_lines(text if last else text[-REASON_LENGTH:], last))


def build(report: Report) -> dict[str, Any]:
    """The data of the page as plain JSON values."""
    records = report.records()
    cells = sorted(report.verdict.cells, key=lambda cell: (cell.profile, _natural(cell.name)))
    # Stale evidence tells of other content: its tests do not count here and are not shown.
    found = [(cell, None if cell.state == "stale" else records.get(cell.name)) for cell in cells]
    others = _others(report.evidence, found)
    seen = {test.id for _, record in found for test in (record.tests if record else ())}
    seen |= {test.test for test in report.verdict.ran_nowhere}
    tests = {name: number for number, name in enumerate(sorted(seen))}
    reasons = _Texts()
    built = [
        {
            **_cell(report, cell, record, tests, reasons),
            "others": others.get(cell.name, []),
            "owes": [] if record and record.tests else [tests[name] for name in _owed(report, cell)],
        }
        for cell, record in found
    ]
    return {
        "tests": [visible(name) for name in tests],
        "reasons": reasons.shown(),
        "cells": built,
        "nowhere": [[tests[test.test], visible(test.would_run)] for test in report.verdict.ran_nowhere],
        "groups": [
            {
                "why": [[visible(why.reason), [visible(cell) for cell in why.cells]] for why in group.why],
                "would_run": visible(group.would_run),
                "tests": [visible(test) for test in group.tests],
            }
            for group in groups(report.verdict)
        ],
        "breaches": [
            {
                "code": visible(breach.code),
                "cell": visible(breach.cell),
                "message": visible(breach.message),
                "tests": [visible(test) for test in breach.tests],
            }
            for breach in report.verdict.breaches
        ],
        "notes": [visible(note) for note in report.verdict.notes],
        "drift": _drift(report),
    }


def _owed(report: Report, cell: CellVerdict) -> list[str]:
    """The tests that ran nowhere and would run in the cell, by its profile's name or by what it waits for."""
    names = {cell.profile, *(reason.capability for reason in cell.reasons if reason.capability)}
    return [test.test for test in report.verdict.ran_nowhere if names & set(test.would_run.split(", "))]


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorts py39 before py310."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]{0,9})", name)]


def _others(
    evidence: tuple[Evidence, ...], found: list[tuple[CellVerdict, Evidence | None]]
) -> dict[str, list[list[str]]]:
    """What else was reported of each cell: host, start, end state, outcomes, and what was special about it."""
    told = {record.id for _, record in found if record is not None}
    others: dict[str, list[list[str]]] = defaultdict(list)
    for record in evidence:
        if record.id not in told:
            outcomes = Counter(test.outcome for test in record.tests)
            counted = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
            special = "; ".join(text for text in (record.attempt_reason, record.partial) if text)
            line = [record.host.name, record.started, record.state.replace("_", " "), counted, special]
            others[record.cell].append([visible(text) for text in line])
    return {cell: sorted(lines) for cell, lines in others.items()}


def _cell(
    report: Report, cell: CellVerdict, record: Evidence | None, tests: dict[str, int], reasons: _Texts
) -> dict[str, Any]:
    host = record.host if record else None
    return {
        "name": visible(cell.name),
        "profile": visible(cell.profile),
        "state": cell.state,
        "reasons": [_reason(reason) for reason in cell.reasons],
        "tests": {name: getattr(cell.tests, name) for name in LETTERS if getattr(cell.tests, name)},
        "duration_s": cell.duration_s or (record.duration_s if record else 0.0),
        "notes": [visible(note) for note in cell.notes],
        "evidence": visible(record.id if record else cell.evidence),
        "host": {
            "name": visible(host.name),
            "distribution": visible(host.distribution),
            "system": visible(host.system),
            "release": visible(host.release),
            "machine": visible(host.machine),
            "cpus": host.cpus,
            "memory_mb": host.memory_mb,
            "user": visible(host.user),
        }
        if host
        else {"name": ""},
        "log": block(report.logs.get(record.id if record else cell.evidence, ""), MOST_LOG_LINES),
        **_ran(record),
        **_outcomes(record.tests if record else (), tests, reasons),
    }


def _reason(reason: VerdictReason) -> dict[str, str]:
    return {
        "code": visible(reason.code),
        "capability": visible(reason.capability),
        "message": visible(reason.message),
        "remedy": visible(reason.remedy),
    }


def _ran(record: Evidence | None) -> dict[str, Any]:
    """How the cell ran; empty values where it did not."""
    if record is None:
        empty: list[str] = []
        nothing = dict.fromkeys(("interpreter", "started", "finished", "partial", "attempt_reason"), "")
        lists = dict.fromkeys(("distributions", "commands", "findings", "details"), empty)
        return {"axes": {}, "attempt": 1, **nothing, **lists}
    interpreter = record.interpreter
    return {
        "axes": {visible(name): visible(value) for name, value in record.axes.items()},
        "interpreter": visible(f"{interpreter.implementation} {interpreter.version} · {interpreter.path}")
        if interpreter
        else "",
        "started": visible(record.started),
        "finished": visible(record.finished),
        "partial": visible(record.partial),
        "attempt": record.attempt,
        "attempt_reason": visible(record.attempt_reason),
        "distributions": [[visible(dist.name), visible(dist.version), dist.owner] for dist in record.distributions],
        "commands": [_command(command) for command in record.commands],
        "findings": [_finding(finding) for finding in record.findings],
        "details": [block(reason.detail) for reason in (*record.reasons, *record.mismatches) if reason.detail],
    }


def _command(command: CommandRun) -> dict[str, Any]:
    return {
        "line": visible(" ".join(command.argv)),
        "exit": command.exit_code,
        "ignored": command.ignored,
        "inverted": command.inverted,
        "duration_s": command.duration_s,
    }


def _finding(finding: FindingRecord) -> dict[str, Any]:
    told = {
        "capability": visible(finding.capability),
        "status": finding.status,
        "version": visible(finding.version),
        "where": visible(finding.where),
        "message": visible(finding.message),
    }
    return told if finding.used is None else {**told, "used": finding.used}


def _outcomes(found: tuple[TestResult, ...], tests: dict[str, int], reasons: _Texts) -> dict[str, Any]:
    """One letter and one duration in milliseconds per test, and the reason where there is one."""
    if not found:
        return {"outcomes": "", "times": [], "why": []}
    letters = ["a"] * len(tests)
    times: list[float] = [0] * len(tests)
    why: list[list[Any]] = []
    for test in found:
        at = tests[test.id]
        letters[at] = LETTERS[test.outcome]
        times[at] = round(1000 * test.duration_s, 1)
        attempts = ", ".join(test.attempts) if len(test.attempts) > 1 else ""
        if test.reason or attempts or test.capability:
            why.append([at, reasons.number(test.reason), test.skip_class, visible(test.capability), attempts])
    return {"outcomes": "".join(letters), "times": times, "why": why}


def _drift(report: Report) -> dict[str, Any] | None:
    if report.drift is None:
        return None
    changes = sorted(report.drift, key=lambda change: (change.kind, change.cell, change.test))
    fields = ("test", "cell", "kind", "before", "after", "reason")
    return {
        "against": short(report.drift_against),
        "tests": [{name: visible(getattr(change, name)) for name in fields} for change in changes],
    }
