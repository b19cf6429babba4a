"""JSON Schemas of the documents that envmatrix writes, made from the values themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from envmatrix.evidence.model import Evidence
from envmatrix.host.model import HostFacts
from envmatrix.plan import PlanState, Reason
from envmatrix.util.json import schema as json_schema
from envmatrix.verdict.model import Change, Verdict


class FindingEntry(msgspec.Struct, kw_only=True):
    """What was found of one capability."""

    capability: str
    status: Literal["ok", "absent", "broken"]
    version: str
    where: str
    message: str
    remedy: str
    interpreter: str


class HostDocument(msgspec.Struct, kw_only=True):
    """The document of a host."""

    schema: Literal["envmatrix/host/1"]
    host: HostFacts
    findings: list[FindingEntry]
    blocks: dict[str, list[str]]
    remedies: list[str]


class PythonEntry(msgspec.Struct, kw_only=True):
    """The interpreter that a cell would run on."""

    path: str
    version: str


class PlannedCell(msgspec.Struct, kw_only=True):
    """What can become of one cell on a host."""

    name: str
    profile: str
    axes: dict[str, str]
    state: PlanState
    reasons: list[Reason]
    interpreter: PythonEntry | None


class PlanDocument(msgspec.Struct, kw_only=True):
    """The document of a plan."""

    schema: Literal["envmatrix/plan/1"]
    matrix_digest: str
    cells: list[PlannedCell]


class DriftEntry(msgspec.Struct, kw_only=True):
    """What became of the tests since an earlier run."""

    against: str
    tests: list[Change]


def _host_schema() -> dict[str, Any]:
    return _make_schema(HostDocument, "What a host can do (envmatrix doctor --json).")


def _plan_schema() -> dict[str, Any]:
    return _make_schema(PlanDocument, "What can run on a host (envmatrix plan --json).")


def _verdict_schema() -> dict[str, Any]:
    schema = _make_schema(
        Verdict, "What was judged of a run or of a tree (envmatrix run --json, envmatrix gate --json)."
    )
    drift = json_schema(DriftEntry)
    schema["$defs"].update(drift["$defs"])
    schema["$defs"]["Verdict"]["properties"]["drift"] = {"$ref": "#/$defs/DriftEntry"}
    return schema


def _evidence_schema() -> dict[str, Any]:
    return _make_schema(Evidence, "The record of one cell's run (.envmatrix/evidence).")


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "evidence": _evidence_schema,
    "host": _host_schema,
    "plan": _plan_schema,
    "verdict": _verdict_schema,
}


def _make_schema(kind: type, title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document; unknown keys are allowed, since new ones may be added."""
    made = json_schema(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}
