"""A plan for a reader and for machines: what can run here, what cannot and what to do about it."""

from __future__ import annotations

from typing import Any, Final

from envmatrix.host.model import Interpreter
from envmatrix.plan import Blocked, NotRelevant, Plan, Planned, Reason, Runnable
from envmatrix.report.formats.json import dump_document
from envmatrix.report.formats.text import STYLES
from envmatrix.report.layout import Page, Span
from envmatrix.report.wording import count_columns, short
from envmatrix.util.text import count

SCHEMA: Final = "envmatrix/plan/1"


def render_json(plan: Plan) -> str:
    """The document ``envmatrix/plan/1``."""
    cells = [_make_document(planned) for planned in sorted(plan.cells, key=lambda planned: planned.cell.name)]
    return dump_document({"schema": SCHEMA, "matrix_digest": plan.matrix_digest, "cells": cells})


def _make_document(planned: Planned) -> dict[str, Any]:
    state = (
        "runnable" if isinstance(planned, Runnable) else "blocked" if isinstance(planned, Blocked) else "not_relevant"
    )
    result = planned.interpreter if isinstance(planned, Runnable) else None
    return {
        "name": planned.cell.name,
        "profile": planned.cell.profile,
        "axes": dict(sorted(planned.cell.axes.items())),
        "state": state,
        "reasons": [
            {"code": reason.code, "capability": reason.capability, "message": reason.message, "remedy": reason.remedy}
            for reason in sorted(
                list_reasons(planned), key=lambda reason: (reason.code, reason.capability, reason.message)
            )
        ],
        "interpreter": {"path": result.path, "version": result.version} if result else None,
    }


def list_reasons(planned: Planned) -> tuple[Reason, ...]:
    """Why the cell will not run here; () for one that will."""
    if isinstance(planned, Blocked):
        return planned.reasons
    if isinstance(planned, NotRelevant):
        paths = f" ({count(len(planned.paths), 'changed path')})" if planned.paths else ""
        return (Reason(code="not_relevant", message=f"{planned.rule}{paths}"),)
    return ()


def render_text(plan: Plan, *, width: int = 80, color: bool = False) -> str:
    """The plan as text: runnable cells with their interpreter, then the others with reason and remedy."""
    page = Page(width)
    runnable = [planned for planned in plan.cells if isinstance(planned, Runnable)]
    blocked = [planned for planned in plan.cells if isinstance(planned, Blocked)]
    aside = [planned for planned in plan.cells if isinstance(planned, NotRelevant)]
    if runnable:
        page.add_heading("RUNNABLE HERE")
        rows = [_make_row(planned.cell.name, planned.interpreter) for planned in runnable]
        page.add_table(("cell", "python", "interpreter"), rows, frozenset())
    for title, style, cells in (("BLOCKED", STYLES["blocked"], blocked), ("NOT RELEVANT", "dim", aside)):
        if cells:
            page.add_heading(title, style)
        for planned in cells:
            page.add_line(f"  {planned.cell.name}")
            for reason in list_reasons(planned):
                page.add_paragraph(f"{reason.message} ({reason.code})", 4, "- ")
                if reason.remedy:
                    page.add_remedy(reason.remedy, 6)
    page.add_blank()
    line, matrix = _summarize(plan, len(runnable), blocked, len(aside)), f"matrix {short(plan.matrix_digest)}"
    if count_columns(f"{line}; {matrix}") <= page.width:
        line = f"{line}; {matrix}"
    else:
        page.add_line((matrix, "dim"))
    page.add_paragraph(line, 0, style="bold")
    return page.render(color)


def _make_row(name: str, interpreter: Interpreter) -> list[Span]:
    return [(name, ""), (interpreter.version, ""), (interpreter.path, "dim")]


def _summarize(plan: Plan, runnable: int, blocked: list[Blocked], aside: int) -> str:
    parts = [f"{runnable:,} of {count(len(plan.cells), 'cell')} can run on this host"]
    if blocked:
        named = sorted({reason.capability or reason.code for planned in blocked for reason in planned.reasons})
        parts.append(f"{len(blocked)} blocked ({', '.join(named)})")
    if aside:
        parts.append(f"{aside} not relevant")
    return ", ".join(parts)
