"""Cells and what the host answered become a plan: runnable, blocked or not relevant. Pure: nothing is probed or run."""

from __future__ import annotations

from typing import Literal

import msgspec

from envmatrix.config.model import Cell
from envmatrix.host.model import Candidate, Finding, Interpreter


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a cell is in the state it is in. ``code`` is one of a small, documented set (no_interpreter, absent, broken,
    too_old, platform, install_failed, …); ``remedy`` is a sentence or a command.
    """

    code: str
    message: str
    capability: str = ""
    remedy: str = ""


class Runnable(msgspec.Struct, frozen=True, kw_only=True, tag="runnable"):
    """The cell can run here, on this interpreter, with these findings to be proved again in the environment."""

    cell: Cell
    interpreter: Interpreter
    findings: tuple[Finding, ...] = ()
    considered: tuple[Candidate, ...] = ()


class Blocked(msgspec.Struct, frozen=True, kw_only=True, tag="blocked"):
    """The cell cannot run on this host; there is always at least one reason."""

    cell: Cell
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...] = ()
    considered: tuple[Candidate, ...] = ()


class NotRelevant(msgspec.Struct, frozen=True, kw_only=True, tag="not_relevant"):
    """The change does not need the cell: the rule that says so, and the paths it was held against."""

    cell: Cell
    rule: str
    paths: tuple[str, ...] = ()


Planned = Runnable | Blocked | NotRelevant
PlanState = Literal["runnable", "blocked", "not_relevant"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one host for one matrix; ``cells`` in the matrix's order."""

    matrix_digest: str
    cells: tuple[Planned, ...]
