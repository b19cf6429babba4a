"""Probe the host and plan a matrix, narrowed to what a change needs: what plan, run and explain share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from envmatrix.config.model import Matrix
from envmatrix.console.output import fitted_to_terminal, write_text
from envmatrix.engine.planning.planner import plan_cells
from envmatrix.plan import NotRelevant, Plan

if TYPE_CHECKING:
    from envmatrix.engine.launcher.client import Launcher


def plan_matrix(
    matrix: Matrix,
    environ: Mapping[str, str],
    *,
    since: str | None = None,
    staged: bool = False,
    starts: Launcher | None = None,
) -> Plan:
    """Return this host's plan for a matrix; ``since`` and ``staged`` narrow it to changes.

    ``starts`` is a helper that has tox loaded, where there is one.
    """
    return plan_cells(matrix, environ, not_relevant=_not_relevant(matrix, since, staged), starts=starts)


def _not_relevant(matrix: Matrix, since: str | None, staged: bool) -> dict[str, NotRelevant]:
    if since is None and not staged:
        return {}
    from envmatrix.config.relevance import relevant
    from envmatrix.vcs.changes import UnknownBaseError, find_changed_paths, list_tracked_paths

    try:
        changed = find_changed_paths(Path(matrix.project.root), since or "HEAD", staged=staged)
    except UnknownBaseError as error:
        write_text(fitted_to_terminal(f"envmatrix: {error}; so every profile counts as needed") + "\n", err=True)
        return {}
    result = {}
    for cell in matrix.cells:
        profile = matrix.profiles[cell.profile]
        needed, rule, paths = relevant(profile, changed, there=lambda: list_tracked_paths(Path(matrix.project.root)))
        if not needed:
            result[cell.name] = NotRelevant(cell=cell, rule=rule, paths=tuple(paths))
    return result
