"""What every format is given: the verdict, the records behind it, and how the reader will see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from envmatrix.config.model import Profile
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Plan
from envmatrix.verdict.model import CellVerdict, Change, Verdict


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

    def record(self, cell: CellVerdict) -> Evidence | None:
        """The record that the cell was judged by; where the verdict names none, the newest of that cell, else None."""
        own = [record for record in self.evidence if record.cell == cell.name]
        for record in own:
            if cell.evidence and record.id == cell.evidence:
                return record
        return max(own, key=lambda record: (record.finished, record.id), default=None)
