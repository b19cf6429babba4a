"""What every format is given: the verdict, the records behind it, and how the reader will see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from envmatrix.config.model import Profile
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Plan
from envmatrix.verdict.model import Change, Verdict


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The one argument of every format.

    ``evidence`` holds the newest record of each cell and may hold more (other hosts, earlier attempts); ``logs`` maps
    an evidence id to the end of that cell's output; ``color`` and ``width`` matter to the text format alone.
    """

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    profiles: Mapping[str, Profile] = {}
    planned: Plan | None = None
    drift: tuple[Change, ...] | None = None  # None where nothing was compared, () where nothing differs
    drift_against: str = ""
    logs: Mapping[str, str] = {}
    color: bool = False
    width: int = 80

    def records_by_cell(self) -> dict[str, Evidence]:
        """The record that each cell was judged by, by the cell's name.

        Where the verdict names none, it is the newest of the cell, but only for a cell that is said to have run: what
        another host recorded of a cell that is blocked, owed, not relevant or stale here is not this verdict's.
        """
        named = {record.id: record for record in self.evidence}
        newest: dict[str, Evidence] = {}
        for record in self.evidence:
            known = newest.get(record.cell)
            if known is None or (known.finished, known.id) < (record.finished, record.id):
                newest[record.cell] = record
        result: dict[str, Evidence] = {}
        for cell in self.verdict.cells:
            judged = named.get(cell.evidence) if cell.evidence else None
            if judged is None and cell.state in ("passed", "failed", "inconclusive"):
                judged = newest.get(cell.name)
            if judged is not None:
                result[cell.name] = judged
        return result
