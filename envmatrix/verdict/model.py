"""The judgement, schema ``envmatrix/verdict/1``."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SCHEMA: Final = "envmatrix/verdict/1"

CellState = Literal["passed", "failed", "inconclusive", "blocked", "not_relevant", "owed", "stale"]
Word = Literal["passed", "failed", "incomplete"]


class VerdictReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a cell is in its state; the same words as the plan's reasons."""

    code: str
    message: str
    capability: str = ""
    remedy: str = ""


class Tests(msgspec.Struct, frozen=True, kw_only=True):
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0
    deselected: int = 0


class CellVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one cell; ``evidence`` is the record's id, "" where there is none."""

    name: str
    profile: str
    state: CellState
    reasons: tuple[VerdictReason, ...] = ()
    tests: Tests = Tests()
    duration_s: float = 0.0
    evidence: str = ""
    notes: tuple[str, ...] = ()  # what a reader has to know of a state that is right all the same


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was not kept: its code, the cell, a sentence with the remedy, and the tests it is about."""

    code: str
    cell: str
    message: str
    tests: tuple[str, ...] = ()


class SeenIn(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """A cell in which a test was seen and not executed, with the reason and its class."""

    cell: str
    reason: str
    class_: str


class RanNowhere(msgspec.Struct, frozen=True, kw_only=True):
    """A test that no evidence shows as executed, where it was seen, and who would run it."""

    test: str
    seen_in: tuple[SeenIn, ...]
    would_run: str = ""  # the profile or the capability that it waits for, "" where unknown


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement over a run, or over all evidence of a tree."""

    schema: Literal["envmatrix/verdict/1"] = SCHEMA
    verdict: Word
    exit_code: int
    tree: str
    commit: str
    dirty: bool
    matrix_digest: str
    cells: tuple[CellVerdict, ...]
    breaches: tuple[Breach, ...] = ()
    ran_nowhere: tuple[RanNowhere, ...] = ()
    notes: tuple[str, ...] = ()


Kind = Literal["vanished", "appeared", "newly_skipped", "newly_failed", "newly_run", "fixed", "class_changed"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one cell that is not what it was.

    ``before`` and ``after`` are outcomes, skips with their class ("skipped (capability libvirt)"), "" where the test
    was not there; ``reason`` is the later one's.
    """

    test: str
    cell: str
    kind: Kind
    before: str = ""
    after: str = ""
    reason: str = ""
