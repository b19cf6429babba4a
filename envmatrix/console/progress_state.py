"""What is known of a run's cells while it goes on: the values that every display of progress shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from envmatrix.console.progress_tail import Seen
from envmatrix.evidence.model import EXECUTED, FAILING, Evidence
from envmatrix.plan import Blocked, NotRelevant, Plan, Planned, Runnable
from envmatrix.util.text import count

State = Literal["running", "failed", "waiting", "finished", "blocked", "not relevant"]


class Row(msgspec.Struct, kw_only=True):
    """One cell. Times are of the monotonic clock; ``expected_s`` is 0 where nobody knows."""

    cell: str
    state: State = "waiting"
    phase: str = ""
    first: str = "starting tox"
    seen: Seen = Seen()
    expected_s: float = 0.0
    begun: float = 0.0
    took_s: float = 0.0

    def mark_started(self) -> None:
        """Note that the cell runs now."""
        self.state, self.begun, self.phase = "running", time.monotonic(), self.first

    def update(self, seen: Seen) -> None:
        """Take what its files say by now."""
        self.seen, self.phase = seen, seen.phase or self.phase

    @property
    def elapsed_s(self) -> float:
        """Seconds since its start, of a finished cell its duration."""
        return time.monotonic() - self.begun if self.state == "running" else self.took_s


class Board:
    """All cells of a plan by name, in its order, and the time since the run began."""

    def __init__(self, plan: Plan, expected: Mapping[str, float]) -> None:
        self.rows = {planned.cell.name: _make_row(planned, expected) for planned in plan.cells}
        self.total = sum(isinstance(planned, Runnable) for planned in plan.cells)
        self.done = 0
        self._begun = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._begun

    def rows_in(self, *states: State) -> list[Row]:
        """Return the rows in any of these states."""
        return [row for row in self.rows.values() if row.state in states]

    def left_s(self) -> float | None:
        """Return about how long the rest takes; None where no earlier run says it of every cell."""
        rest = self.rows_in("running", "waiting")
        if not all(row.expected_s for row in rest):
            return None
        longest = max((row.expected_s - row.elapsed_s for row in rest), default=0.0)
        at_once = max(1, len(self.rows_in("running")))
        return max(longest, sum(max(0.0, row.expected_s - row.elapsed_s) for row in rest) / at_once, 0.0)

    def finish_cell(self, evidence: Evidence, *, went_wrong: bool) -> str:
        """Take a cell's end and return it as a sentence."""
        self.done += evidence.attempt == 1
        outcomes = [test.outcome for test in evidence.tests]
        bad = sum(outcome in FAILING for outcome in outcomes)
        ran = sum(outcome in EXECUTED for outcome in outcomes)
        row = self.rows.get(evidence.cell)
        if row is not None:
            row.state, row.took_s = "failed" if went_wrong else "finished", evidence.duration_s
            row.phase = row.state if evidence.state == "finished" else evidence.state.replace("_", " ")
            row.seen = Seen(
                phase=row.phase, done=len(outcomes), failed=bad, skipped=len(outcomes) - ran, total=len(outcomes)
            )
        attempt = f"attempt {evidence.attempt} " if evidence.attempt > 1 else ""
        return (
            f"{attempt}{evidence.state.replace('_', ' ')} in {evidence.duration_s:.1f} s: {count(ran, 'test')} ran,"
            f" {bad} failed, {len(outcomes) - ran} did not run ({self.done} of {self.total})"
        )


class Display(Protocol):
    """A way to show progress. Its methods are called one at a time; what they raise ends the display, not the run."""

    def begin_display(self, board: Board) -> None:
        """Show what is known before anything runs."""

    def end_display(self, board: Board) -> None:
        """Leave the terminal as the report wants it."""

    def show_event(self, board: Board, cell: str, sentence: str) -> None:
        """Show one event; ``cell`` is "" for one of the whole run."""

    def show_output(self, cell: str, chunk: bytes) -> None:
        """Show what commands write; ``cell`` is "" where there is only one."""

    def show_failure(self, cell: str, path: str, text: str) -> None:
        """Show the end of a failed cell's output, which is whole in ``path``."""

    def show_changes(self, board: Board) -> None:
        """Show what has changed meanwhile."""


def _make_row(planned: Planned, expected: Mapping[str, float]) -> Row:
    name = planned.cell.name
    if isinstance(planned, Blocked):
        return Row(cell=name, state="blocked", phase=planned.reasons[0].message)
    if isinstance(planned, NotRelevant):
        return Row(cell=name, state="not relevant", phase=planned.rule)
    first = f"starting {', '.join(planned.cell.services)}" if planned.cell.services else "starting tox"
    return Row(cell=name, first=first, expected_s=expected.get(name, 0.0))
