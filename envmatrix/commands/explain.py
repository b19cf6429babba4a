"""What ``envmatrix explain`` shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.commands.plan import plan_matrix
from envmatrix.config.matrix import load_matrix
from envmatrix.config.model import Matrix, Profile
from envmatrix.engine.incremental.fingerprint import collect_inputs, decide_replay
from envmatrix.engine.job.build import make_overlay, make_planned_overlay
from envmatrix.engine.planning.tox_facts import Described, describe_environments
from envmatrix.errors import EnvmatrixError, ExitCode
from envmatrix.plan import Blocked, Planned, Runnable
from envmatrix.report.formats.text import STYLES
from envmatrix.report.layout import Page
from envmatrix.report.plan import list_reasons
from envmatrix.util.state_dir import state_path

SCHEMA = "envmatrix/explain/1"


class CellExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one cell before it runs."""

    one: Planned
    profile: Profile
    matrix: Matrix
    described: Described
    way: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """3 where this host cannot run the cell."""
        return ExitCode.INCOMPLETE if isinstance(self.one, Blocked) else ExitCode.PASSED

    def make_document(self, everything: bool) -> dict[str, Any]:
        """Return the JSON document ``envmatrix/explain/1``."""
        item, cell = self.one, self.one.cell
        chosen = item.interpreter if isinstance(item, Runnable) else None
        considered = item.considered if isinstance(item, (Runnable, Blocked)) else ()
        return {
            "schema": SCHEMA,
            "cell": cell.name,
            "profile": cell.profile,
            "origin": self.profile.origin,
            "state": "runnable" if chosen else "blocked" if isinstance(item, Blocked) else "not_relevant",
            "reasons": [msgspec.to_builtins(reason) for reason in list_reasons(item)],
            "interpreter": {"path": chosen.path, "version": chosen.version} if chosen else None,
            "considered": [
                {
                    "path": candidate.interpreter.path,
                    "version": candidate.interpreter.version,
                    "origin": candidate.interpreter.origin,
                    "refused": candidate.refused,
                }
                for candidate in considered
            ],
            "requires": list(cell.requires),
            "services": list(cell.services),
            "must_run": list(self.profile.must_run),
            "settings": [
                {"key": key, "value": value, "source": self.described.sources.get(key, "tox's default")}
                for key, value in sorted(self.described.settings.items())
                if everything or key in self.described.sources
            ],
            "problem": self.described.problem,
            "way": self.way,
        }

    def as_json(self, everything: bool) -> str:
        """Return the document as JSON text."""
        return json.dumps(self.make_document(everything), indent=2)

    def as_text(self, everything: bool, *, width: int, color: bool) -> str:
        """Return the document as text for one screen; ``everything`` with the whole of long values."""
        result, page = self.make_document(everything), Page(width)
        state = result["state"].replace("_", " ")
        page.add_line(f"{result['cell']}: ", (state, STYLES.get(result["state"], "")), f", profile {result['profile']}")
        page.add_line(f"  from {result['origin']}")
        for reason in result["reasons"]:
            page.add_paragraph(reason["message"], 2, "- ")
            if reason["remedy"]:
                page.add_remedy(reason["remedy"], 4)
        page.add_heading("INTERPRETER")
        for candidate in result["considered"]:
            _render_candidate(page, candidate)
        if not result["considered"]:
            page.add_line("  none was considered")
        for title in ("requires", "services", "must_run"):
            if result[title]:
                page.add_blank()
                page.add_paragraph(f"{title}: {', '.join(result[title])}", 0)
        if self.way:
            page.add_heading("HOW IT WOULD RUN")
            page.add_paragraph(self.way)
        page.add_heading("SETTINGS")
        if result["problem"]:
            page.add_paragraph(result["problem"])
        for setting in result["settings"]:
            page.add_paragraph(
                f"{setting['key']} = {_shorten_value(setting['value'], 4000 if everything else 240)}", hang=2
            )
            chosen = setting["source"].startswith("chosen by")
            page.add_line((f"      {'' if chosen else 'from '}{setting['source']}", "dim"))
        return page.render(color)


def _render_candidate(page: Page, candidate: Mapping[str, str]) -> None:
    path, version = candidate["path"], candidate["version"]
    named = f"{path} ({version}, {candidate['origin']})"
    why = candidate["refused"].removeprefix(f"{path} ({version}): ").removeprefix(f"{path}: ")
    if why:
        page.add_paragraph(f"{named}: {why}", 2, "no      ", hang=8)
    else:
        page.add_line("  ", ("chosen", "green"), f"  {named}")


def _shorten_value(value: Any, most: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= most else f"{text[: most - 1]}… (--all has the rest)"


def explain_cell(start: Path, name: str, environ: Mapping[str, str]) -> CellExplanation:
    """Return all that is known of the cell ``name``.

    Raises EnvmatrixError where the name stands for several cells.
    """
    matrix = load_matrix(start, (name,))
    plan = plan_matrix(matrix, environ)
    if len(plan.cells) != 1:
        cells = ", ".join(entry.cell.name for entry in plan.cells[:20])
        raise EnvmatrixError(f"{name} stands for {len(plan.cells)} cells; explain one of them: {cells}")
    element = plan.cells[0]
    profile = matrix.profiles[element.cell.profile]
    overlay = (
        make_planned_overlay(element, profile) if isinstance(element, Runnable) else make_overlay(element.cell, profile)
    )
    described = describe_environments(Path(matrix.project.root), [overlay], environ=environ)
    way = _describe_way(matrix, element, environ) if isinstance(element, Runnable) else ""
    return CellExplanation(one=element, profile=profile, matrix=matrix, described=described[element.cell.name], way=way)


def _describe_way(matrix: Matrix, runnable: Runnable, environ: Mapping[str, str]) -> str:
    cache = state_path(Path(matrix.project.root), "cache")
    decision = decide_replay(collect_inputs(matrix, runnable, environ), cache)
    return f"through tox: {decision.reason}" if decision.record is None else "without tox: nothing has changed since"
