"""Records for tests of stores."""

from __future__ import annotations

from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.model import TestResult as Result

TREE = "a" * 40
OTHER = "content-sha256:" + "b" * 64


def record(name: str = "host-1", *, tree: str = TREE, cell: str = "full-py311", **more: object) -> Evidence:
    fields: dict[str, object] = {
        "id": name,
        "run_id": "run",
        "project": "p",
        "tree": tree,
        "commit": "c" * 40,
        "dirty": False,
        "matrix_digest": "sha256:x",
        "cell": cell,
        "profile": "full",
        "axes": {"python": "3.11"},
        "state": "finished",
        "host": HostRecord(name="host"),
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:00:01+00:00",
        "duration_s": 1.0,
        "tests": (Result(id="t::a", outcome="passed"),),
    }
    return Evidence(**{**fields, **more})  # type: ignore[arg-type]
