"""What a cell's process told while it ran: its events, sorted out."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.model import Profile
from envmatrix.engine.job.model import EVENTS, read_events
from envmatrix.evidence.model import LeftOver
from envmatrix.plan import Runnable
from envmatrix.util.json import convert

_PHASES = re.compile(r"(commands_pre|commands|commands_post)\[")


class CellRun(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a cell while it is made; ``folder`` holds its job, events, recordings and log."""

    planned: Runnable
    profile: Profile
    folder: Path
    started: str
    attempt: int = 1
    attempt_reason: str = ""
    partial: str = ""

    @property
    def started_at(self) -> float:
        """When it started, in seconds since the epoch."""
        return datetime.fromisoformat(self.started.replace("Z", "+00:00")).timestamp()


class SortedEvents(msgspec.Struct, kw_only=True):
    """The events of one session, sorted out."""

    commands: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    mismatches: list[dict[str, str]] = []
    proof: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    refused: str = ""
    overrides: str = ""
    ready: bool = False
    env_dirs: dict[str, str] = {}  # of the cell, and of what builds its package
    arguments_unused: bool = False
    interrupted: bool = False
    left_over: list[LeftOver] = []
    pending: dict[str, Any] | None = None  # a command that started and did not end


def sort_events(run: CellRun) -> SortedEvents:
    """Return the events of one attempt by what they say."""
    facts, cell = SortedEvents(), run.planned.cell.name
    for event in read_events(run.folder / EVENTS):
        kind = event["event"]
        if kind == "command_start":
            facts.pending = event
        elif kind == "command":
            facts.pending = None
            if event["cell"] == cell and _PHASES.match(event["run_id"]):
                facts.commands.append(event)
            elif event["code"] != 0:
                facts.failed.append(event)
        elif kind == "reason":
            facts.reasons.append(event)
        elif kind == "result" and event["cell"] == cell:
            facts.result = event
        else:
            _sort_state(facts, kind, event)
    return facts


def _sort_state(events: SortedEvents, kind: str, event: dict[str, Any]) -> None:
    if kind == "mismatch":
        events.mismatches.extend(event["reasons"])
    elif kind == "proof":
        events.proof = event
    elif kind == "refused":
        events.refused = event["message"]
    elif kind == "ready":
        events.ready = True
    elif kind == "environment":
        events.env_dirs[event["cell"]] = event["env_dir"]
    elif kind == "arguments_unused":
        events.arguments_unused = True
    elif kind == "overrides":
        events.overrides = event["message"]
    elif kind == "interrupted":
        events.interrupted = True
    elif kind == "left_over":
        events.left_over += convert(event["processes"], list[LeftOver])
