"""What ``--reuse`` does around a run: takes cells out that have passed before, and remembers those that pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.engine.reuse import Around, forget, remember, remembered, reuse_key, still_good
from envmatrix.engine.warm import Kept
from envmatrix.errors import EnvmatrixError
from envmatrix.evidence.identity import Identity
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store import Store
from envmatrix.plan import Plan, Runnable
from envmatrix.verdict.model import Verdict


def reused(
    matrix: Matrix, plan: Plan, identity: Identity, environ: Mapping[str, str], store: Store, *, host: str
) -> dict[str, Evidence]:
    """Return the evidence, by cell, of those runnable cells that passed with everything as it is now."""
    found, around = {}, Around(Path(matrix.project.root), environ, identity)
    for planned in plan.cells:
        if not isinstance(planned, Runnable):
            continue
        key, _ = reuse_key(matrix, planned, identity, around, host=host)
        name = remembered(Path(matrix.project.root), planned.cell.name, key) if key else None
        if name is None:
            continue
        try:
            evidence = store.get(name)
        except EnvmatrixError:
            continue  # it was pruned or is no longer believed: run the cell
        if still_good(evidence, matrix, identity, planned.cell.name):
            found[planned.cell.name] = evidence
    return found


def without(plan: Plan, cells: Mapping[str, Evidence]) -> Plan:
    """Return the plan without the cells that need not run."""
    left = tuple(one for one in plan.cells if one.cell.name not in cells)
    return msgspec.structs.replace(plan, cells=left)


def say_reused(verdict: Verdict, cells: Mapping[str, Evidence]) -> Verdict:
    """Return the verdict with a note at each cell that was not run again."""
    judged = tuple(
        msgspec.structs.replace(cell, notes=(*cell.notes, f"reused: not run again, evidence {cell.evidence}"))
        if cell.name in cells
        else cell
        for cell in verdict.cells
    )
    return msgspec.structs.replace(verdict, cells=judged)


def remember_passes(
    matrix: Matrix,
    plan: Plan,
    identity: Identity,
    around: Around,
    verdict: Verdict,
    records: Mapping[str, tuple[Evidence, str]],
    kept: Mapping[str, Kept],
    *,
    host: str,
) -> None:
    """Remember the cells that passed whole and at the first attempt, and forget those that did not.

    ``around`` is what lies around them after the run; ``records`` are by cell, with their names; ``kept`` is what the
    run of each followed from, where that is known.
    """
    passed = {cell.name for cell in verdict.cells if cell.state == "passed"}
    for planned in plan.cells:
        name = planned.cell.name
        if not isinstance(planned, Runnable) or name not in records:
            continue
        if name not in passed:
            forget(Path(matrix.project.root), name)  # also where it passed before with everything as it is now
            continue
        evidence, place = records[name]
        if evidence.partial or evidence.attempt != 1 or name not in kept:
            continue
        key, _ = reuse_key(matrix, planned, identity, around, host=host, kept=kept[name])
        if key:
            remember(Path(matrix.project.root), name, key, place)
