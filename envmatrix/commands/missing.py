"""``run --missing``: which cells of a plan the gate would count as passed by the evidence that is in the store."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

import msgspec

from envmatrix.commands.gate import EvidenceGathering
from envmatrix.config.model import Matrix, Profile
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.store import Store
from envmatrix.plan import NotRelevant, Plan
from envmatrix.vcs.identity import Identity
from envmatrix.verdict.gate.gate import GateQuery, judge_revision
from envmatrix.verdict.judge import exit_code, verdict_word
from envmatrix.verdict.model import CellVerdict, Verdict


def find_passes(matrix: Matrix, plan: Plan, identity: Identity, store: Store) -> dict[str, Evidence]:
    """Return the evidence by which the gate counts cells of the plan as passed, by cell; those need not run.

    It may be of any host. Raises StoreError where the store cannot be read.
    """
    verdict, gathering = _ask_gate(matrix, plan, identity, store)
    passed = msgspec.structs.replace(verdict, cells=tuple(cell for cell in verdict.cells if cell.state == "passed"))
    return {record.cell: record for record in gathering.judged_by(passed)}


def apply_gate(
    verdict: Verdict,
    matrix: Matrix,
    plan: Plan,
    identity: Identity,
    store: Store,
    records: Iterable[Evidence],
    passes: Mapping[str, Evidence],
) -> Verdict:
    """Return the verdict of a run with the gate's word on each cell that did not run, or that does not pass the gate.

    So a cell that failed on another host has not passed because it passes here.
    """
    gated, _ = _ask_gate(matrix, plan, identity, store, records)
    passed = {cell.name for cell in verdict.cells if cell.state == "passed"}
    refused = {cell.name: cell for cell in gated.cells if cell.name in passed and cell.state != "passed"}
    chosen = {cell.name: _note_stored(cell, passes) for cell in gated.cells if cell.name in passed & passes.keys()}
    cells = tuple(refused.get(cell.name) or chosen.get(cell.name) or cell for cell in verdict.cells)
    word = verdict_word(refused.values(), (), (), owing=True) if refused else "passed"
    if word == "passed" or verdict.verdict == "failed":
        return msgspec.structs.replace(verdict, cells=cells)
    code = verdict.exit_code if verdict.exit_code > exit_code("incomplete") else int(exit_code(word))
    return msgspec.structs.replace(verdict, cells=cells, verdict=word, exit_code=code)


def _ask_gate(
    matrix: Matrix, plan: Plan, identity: Identity, store: Store, records: Iterable[Evidence] = ()
) -> tuple[Verdict, EvidenceGathering]:
    """Judge the relevant cells of the plan by the store's evidence of this content, and by ``records``, as the gate."""
    now = datetime.datetime.now(datetime.UTC)
    gathering = EvidenceGathering([store], matrix, now.date())
    verdict = judge_revision(
        GateQuery(
            cells=[planned.cell for planned in plan.cells if not isinstance(planned, NotRelevant)],
            profiles={name: _without_required(profile) for name, profile in matrix.profiles.items()},
            capabilities=matrix.capabilities,
            tree=identity.tree,
            folder=identity.folder,
            commit=identity.commit,
            dirty=identity.dirty,
            matrix_digest=matrix.digest,
            today=now.date(),
            now=now,
        ),
        (*gathering.iterate_tree(identity.tree), *records),
    )
    return verdict, gathering


def _without_required(profile: Profile) -> Profile:
    """Return the profile as one that no gate requires: where none is required, the gate judges the cells of all."""
    return msgspec.structs.replace(profile, gate=msgspec.structs.replace(profile.gate, required=False))


def _note_stored(cell: CellVerdict, passes: Mapping[str, Evidence]) -> CellVerdict:
    note = f"not run, it has passed with this content: evidence {passes[cell.name].id}"
    return msgspec.structs.replace(cell, notes=(*cell.notes, note))
