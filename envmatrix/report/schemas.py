"""JSON Schemas of the documents that envmatrix writes, made from the values themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from envmatrix.evidence.model import Evidence
from envmatrix.host.model import HostFacts
from envmatrix.plan import PlanState, Reason
from envmatrix.verdict.model import Change, Verdict


class _Finding(msgspec.Struct, kw_only=True):
    capability: str
    status: Literal["ok", "absent", "broken"]
    version: str
    where: str
    message: str
    remedy: str
    interpreter: str


class _Host(msgspec.Struct, kw_only=True):
    schema: Literal["envmatrix/host/1"]
    host: HostFacts
    findings: list[_Finding]
    blocks: dict[str, list[str]]
    remedies: list[str]


class _Python(msgspec.Struct, kw_only=True):
    path: str
    version: str


class _PlannedCell(msgspec.Struct, kw_only=True):
    name: str
    profile: str
    axes: dict[str, str]
    state: PlanState
    reasons: list[Reason]
    interpreter: _Python | None


class _Plan(msgspec.Struct, kw_only=True):
    schema: Literal["envmatrix/plan/1"]
    matrix_digest: str
    cells: list[_PlannedCell]


class _Drift(msgspec.Struct, kw_only=True):
    against: str
    tests: list[Change]


def _host() -> dict[str, Any]:
    return _schema(_Host, "What a host can do (envmatrix doctor --json).")


def _plan() -> dict[str, Any]:
    return _schema(_Plan, "What can run on a host (envmatrix plan --json).")


def _verdict() -> dict[str, Any]:
    schema = _schema(Verdict, "What was judged of a run or of a tree (envmatrix run --json, envmatrix gate --json).")
    drift = msgspec.json.schema(_Drift, ref_template="#/$defs/{name}")
    schema["$defs"].update(drift["$defs"])
    schema["$defs"]["Verdict"]["properties"]["drift"] = {"$ref": "#/$defs/_Drift"}
    return schema


def _evidence() -> dict[str, Any]:
    return _schema(Evidence, "The record of one cell's run (.envmatrix/evidence).")


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "evidence": _evidence,
    "host": _host,
    "plan": _plan,
    "verdict": _verdict,
}


def _schema(kind: type, title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document; unknown keys are allowed, since new ones may be added."""
    made = msgspec.json.schema(kind, ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}
