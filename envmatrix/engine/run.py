"""Runs the runnable cells of a plan, one after another, and gives back their evidence."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from envmatrix.engine.session import RunContext, Watcher, run_cell
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Plan, Runnable


class Interrupt:
    """Whether somebody asked this run to stop: SIGINT, SIGTERM and SIGHUP are noted, cells are then ended in order."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        """Tell whether the run is to stop."""
        return self.number != 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals instead of dying of them, for as long as the context lasts."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number


def run_plan(
    context: RunContext,
    plan: Plan,
    watcher: Watcher,
    *,
    finished: Callable[[Evidence], None],
    fail_fast: bool = False,
    stops_at: Callable[[Evidence], bool] = lambda evidence: False,
) -> tuple[Evidence, ...]:
    """Run every runnable cell in the plan's order; ``finished`` is called with each record as soon as it exists.

    With ``fail_fast`` the run ends after the first cell for which ``stops_at`` is true. Cells that were never started,
    for that or for an interrupt, have no evidence.
    """
    records = []
    for planned in plan.cells:
        if not isinstance(planned, Runnable):
            continue
        if watcher.interrupted():
            break
        watcher.said(planned.cell.name, "starts")
        evidence = run_cell(context, planned, watcher)
        finished(evidence)
        records.append(evidence)
        if fail_fast and stops_at(evidence):
            break
    return tuple(records)
