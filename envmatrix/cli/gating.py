"""Evidence of any host, judged together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from envmatrix.config.model import Matrix
from envmatrix.evidence.model import Evidence
from envmatrix.host.model import Interpreter
from envmatrix.plan import Runnable
from envmatrix.verdict.judge import judge
from envmatrix.verdict.model import Verdict


def judge_evidence(matrix: Matrix, evidence: Sequence[Evidence], *, today: datetime.date) -> Verdict:
    """Judge the newest record of every cell that has one; the tree is that of the newest record of all."""
    newest: dict[str, Evidence] = {}
    for record in sorted(evidence, key=lambda one: (one.finished, one.id)):
        newest[record.cell] = record
    latest = max(newest.values(), key=lambda one: (one.finished, one.id))
    planned = [
        Runnable(cell=cell, interpreter=Interpreter(path="", version=""))
        for cell in matrix.cells
        if cell.name in newest
    ]
    return judge(
        planned=planned,
        profiles=matrix.profiles,
        capabilities=matrix.capabilities,
        evidence=newest,
        tree=latest.tree,
        commit=latest.commit,
        dirty=latest.dirty,
        matrix_digest=matrix.digest,
        today=today,
        known=evidence,
    )
