"""What a host can do, for a reader and for machines: findings, what each blocks, and how to change that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from envmatrix.host.model import Finding, HostFacts
from envmatrix.plan import Reason
from envmatrix.report.formats.json import dump_document
from envmatrix.report.layout import Page, Span
from envmatrix.report.wording import make_visible
from envmatrix.util.text import count

SCHEMA: Final = "envmatrix/host/1"

STYLES = {"ok": "green", "absent": "yellow", "broken": "bold red"}


def render_json(
    findings: Sequence[Finding],
    facts: HostFacts,
    blocks: Mapping[str, Sequence[str]] | None = None,
    remedies: Sequence[str] = (),
) -> str:
    """The document ``envmatrix/host/1``; ``blocks`` maps a capability to the cells it keeps from running here."""
    return dump_document(
        {
            "schema": SCHEMA,
            "host": msgspec.to_builtins(facts),
            "findings": [msgspec.to_builtins(finding) for finding in _sort_findings(findings)],
            "blocks": {name: sorted(cells) for name, cells in sorted((blocks or {}).items())},
            "remedies": sorted(remedies),
        }
    )


def _sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.capability, finding.interpreter, finding.status))


def render_text(
    findings: Sequence[Finding],
    facts: HostFacts,
    blocked: Mapping[Reason, Sequence[str]] | None = None,
    remedies: Sequence[str] = (),
    *,
    shown: Collection[str] = (),
    everything: bool = False,
    width: int = 80,
    color: bool = False,
) -> str:
    """The findings as text: a table of all, then each reason in ``blocked`` with the cells that it keeps from running.

    What else is not usable is told in full where it is in ``shown`` or with ``everything``, else named in one sentence.
    """
    page, blocked = Page(width), blocked or {}
    page.add_paragraph(
        f"{facts.name}: {facts.distribution or facts.system}, {facts.system} {facts.release}, {facts.machine}, "
        f"{count(facts.cpus, 'cpu')}, {facts.memory_mb:,} MB, user {facts.user}",
        0,
    )
    page.add_heading("CAPABILITIES")
    groups = _group_findings(findings)
    page.add_table(("capability", "status", "version", "where"), [_make_row(group) for group in groups], frozenset())
    waited_for = {reason.capability for reason in blocked}
    wrong = [group for group in groups if group[0].status != "ok" and group[0].capability not in waited_for]
    requested = [group for group in wrong if everything or group[0].capability in shown]
    if blocked or requested:
        page.add_heading("NOT USABLE", STYLES["absent"])
    for reason, cells in blocked.items():
        _render_blocked(page, reason, cells)
    for group in requested:
        _render_unusable(page, group)
    _render_unneeded(page, [group for group in wrong if group not in requested])
    expected = remedies if blocked or requested else ()
    if expected:
        page.add_heading("TO UNBLOCK ALL OF IT" if blocked else "TO HAVE ALL OF IT")
    for remedy in expected:
        page.add_line(f"  {remedy}")
    page.add_blank()
    page.add_line((_summarize(groups, {cell for cells in blocked.values() for cell in cells}), "bold"))
    return page.render(color)


def _group_findings(findings: Sequence[Finding]) -> list[list[Finding]]:
    """The findings, each with those that say the same of other interpreters; what is broken before what is absent."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for result in findings:
        key = (result.capability, result.where if result.status == "ok" else "")
        groups.setdefault(key, []).append(result)
    ordered = [sorted(group, key=lambda found: found.status != "broken") for group in groups.values()]
    return sorted(ordered, key=lambda group: (group[0].capability, group[0].status != "ok", group[0].where))


def _make_row(group: Sequence[Finding]) -> list[Span]:
    matches = group[0]
    where = f"{len(group)} interpreters" if len(group) > 1 and not matches.where else matches.where
    return [
        (matches.capability, ""),
        (matches.status, STYLES[matches.status]),
        (matches.version or "-", ""),
        (where, "dim"),
    ]


def _render_blocked(page: Page, reason: Reason, cells: Sequence[str]) -> None:
    page.add_line(
        f"  {reason.capability or 'no capability'}  ", (reason.code, STYLES.get(reason.code, STYLES["absent"]))
    )
    page.add_paragraph(reason.message, 4)
    page.add_paragraph(f"blocks: {', '.join(make_visible(cell) for cell in sorted(cells))}", 4)
    if reason.remedy:
        page.add_remedy(reason.remedy, 4)


def _render_unusable(page: Page, group: Sequence[Finding]) -> None:
    entry, *others = group
    question = f" (asked {entry.interpreter})" if entry.interpreter not in entry.message else ""
    rest = f" Nor will {count(len(others), 'other interpreter')} do." if others else ""
    page.add_line(f"  {entry.capability}  ", (entry.status, STYLES[entry.status]))
    page.add_paragraph(f"{entry.message}{question}{rest}", 4)
    if entry.remedy:
        page.add_remedy(entry.remedy, 4)


def _render_unneeded(page: Page, groups: Sequence[Sequence[Finding]]) -> None:
    named = [
        group_value.capability + (" (broken)" if group_value.status == "broken" else "") for group_value, *_ in groups
    ]
    if named:
        page.add_blank()
        page.add_paragraph(
            f"Not usable, though no cell here waits for it: {', '.join(named)}."
            " `envmatrix doctor NAME` says why, and what to do.",
            0,
        )


def _summarize(groups: Sequence[Sequence[Finding]], cells: Collection[str]) -> str:
    counted: Counter[str] = Counter(group[0].status for group in groups)
    parts = [f"{counted[status]} {status}" for status in STYLES if counted[status]] or ["nothing was probed"]
    return f"{', '.join(parts)}; " + (f"{count(len(cells), 'cell')} blocked" if cells else "no cell is blocked")
