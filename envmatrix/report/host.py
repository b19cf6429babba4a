"""What a host can do, for a reader and for machines: findings, what each blocks, and how to change that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from envmatrix.host.model import Finding, HostFacts
from envmatrix.report.document import dumps
from envmatrix.report.page import Page
from envmatrix.report.words import count

SCHEMA: Final = "envmatrix/host/1"

STYLES = {"ok": "green", "absent": "yellow", "broken": "bold red"}


def json(
    findings: Sequence[Finding],
    facts: HostFacts,
    blocks: Mapping[str, Sequence[str]] | None = None,
    remedies: Sequence[str] = (),
) -> str:
    """The document ``envmatrix/host/1``; ``blocks`` maps a capability to the cells it keeps from running here."""
    return dumps(
        {
            "schema": SCHEMA,
            "host": msgspec.to_builtins(facts),
            "findings": [msgspec.to_builtins(finding) for finding in _sorted(findings)],
            "blocks": {name: sorted(cells) for name, cells in sorted((blocks or {}).items())},
            "remedies": sorted(remedies),
        }
    )


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.capability, finding.interpreter, finding.status))


def text(
    findings: Sequence[Finding],
    facts: HostFacts,
    blocks: Mapping[str, Sequence[str]] | None = None,
    remedies: Sequence[str] = (),
    *,
    width: int = 80,
    color: bool = False,
) -> str:
    """The findings as text: a table of all, then what is wrong with its message, remedy and what it blocks."""
    page = Page(width)
    page.paragraph(
        f"{facts.name}: {facts.distribution or facts.system}, {facts.system} {facts.release}, {facts.machine}, "
        f"{count(facts.cpus, 'cpu')}, {facts.memory_mb:,} MB, user {facts.user}",
        0,
    )
    page.heading("CAPABILITIES")
    rows = [
        [(found.capability, ""), (found.status, STYLES[found.status]), (found.version or "-", ""), (found.where, "dim")]
        for found in _sorted(findings)
    ]
    page.table(("capability", "status", "version", "where"), rows, frozenset())
    _wrong(page, findings, blocks or {})
    if remedies:
        page.heading("TO UNBLOCK ALL OF IT")
    for remedy in remedies:
        page.line(f"  {remedy}")
    page.blank()
    page.line((_summary(findings, blocks or {}), "bold"))
    return page.render(color)


def _wrong(page: Page, findings: Sequence[Finding], blocks: Mapping[str, Sequence[str]]) -> None:
    wrong = [found for found in _sorted(findings) if found.status != "ok"]
    if wrong:
        page.heading("NOT USABLE", STYLES["absent"])
    for found in sorted(wrong, key=lambda found: found.capability not in blocks):
        page.line(f"  {found.capability}  ", (found.status, STYLES[found.status]))
        asked = f" (asked {found.interpreter})" if found.interpreter else ""
        page.paragraph(f"{found.message}{asked}", 4)
        cells = sorted(blocks.get(found.capability, ()))
        if cells:
            page.paragraph(f"blocks: {', '.join(cells)}", 4)
        if found.remedy:
            page.line(f"    remedy: {found.remedy}")


def _summary(findings: Sequence[Finding], blocks: Mapping[str, Sequence[str]]) -> str:
    counted: Counter[str] = Counter(found.status for found in findings)
    parts = [f"{counted[status]} {status}" for status in STYLES if counted[status]] or ["nothing was probed"]
    cells = {cell for blocked in blocks.values() for cell in blocked}
    return f"{', '.join(parts)}; " + (f"{count(len(cells), 'cell')} blocked" if cells else "no cell is blocked")
