"""From a matrix to a plan: asks tox where only tox knows, then the host, and lets the pure plan decide."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from envmatrix.config.model import Matrix
from envmatrix.config.select import UnknownNameError
from envmatrix.engine.job.build import make_overlay
from envmatrix.engine.planning.tox_facts import plan_facts
from envmatrix.host.survey import survey
from envmatrix.plan import NotRelevant, Plan, ToxEnv, make_plan, needs_tox, request_for
from envmatrix.util.state_dir import make_state_dir, state_path

if TYPE_CHECKING:
    from envmatrix.engine.launcher.client import Launcher


def plan_cells(
    matrix: Matrix,
    environ: Mapping[str, str],
    *,
    not_relevant: Mapping[str, NotRelevant] | None = None,
    starts: Launcher | None = None,
) -> Plan:
    """Probe this host for every cell of the matrix and return the plan; nothing is created but a cache.

    ``starts`` is a helper that has tox loaded, where there is one: some questions only tox can answer.
    """
    not_relevant = not_relevant or {}
    expected = [cell for cell in matrix.cells if cell.name not in not_relevant]
    root = Path(matrix.project.root)
    cache = state_path(root, "cache")
    with contextlib.suppress(OSError):  # a read-only checkout: nothing is remembered
        make_state_dir(root)
    ordered = len(expected) > 1 and _mentions_depends(matrix)
    facts = plan_facts(
        root,
        [make_overlay(cell, matrix.profiles[cell.profile]) for cell in expected if ordered or needs_tox(cell)],
        cache,
        matrix.project.tox_file,
        starts,
    )
    _refuse_unknown(matrix, facts)
    requests = {
        request_for(cell, matrix.project, facts.get(cell.name))
        for cell in expected
        if not (cell.name in facts and facts[cell.name].problem)
    }
    answers = survey(requests, matrix.capabilities, environ=environ, memory=cache / "interpreters.json")
    return make_plan(matrix, answers, tox_envs=facts, not_relevant=not_relevant)


def _mentions_depends(matrix: Matrix) -> bool:
    """Tell whether a setting may order the cells: tox alone knows what it says of each of them."""
    if any("depends" in profile.env for profile in matrix.profiles.values()):
        return True
    try:
        return b"depends" in Path(matrix.project.root, matrix.project.tox_file or "tox.ini").read_bytes()
    except OSError:
        return False


def _refuse_unknown(matrix: Matrix, facts: Mapping[str, ToxEnv]) -> None:
    """Raise UnknownNameError for every tox:NAME that tox does not know: a name that was mistyped is no blocked cell."""
    unknown = [
        f"{cell.profile}: {facts[cell.name].problem}"
        for cell in matrix.cells
        if cell.profile.startswith("tox:") and cell.name in facts and "not found" in facts[cell.name].problem
    ]
    if unknown:
        raise UnknownNameError("\n".join(unknown) + "\n`envmatrix list --tox` shows the environments that there are")
