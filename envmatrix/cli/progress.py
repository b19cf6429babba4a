"""What a run says while it runs: on stderr, one line an event, so that it reads well in a console and in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

import msgspec

from envmatrix.evidence.model import Evidence
from envmatrix.plan import Blocked, NotRelevant, Plan, Runnable


class _Count(msgspec.Struct):
    done: int = 0
    failed: int = 0


class Progress:
    """Says on ``stream`` what each cell does; with one cell, or when asked for more, also what it writes."""

    def __init__(self, stream: TextIO, plan: Plan, *, verbosity: int) -> None:
        self._stream = stream
        self._quiet = verbosity < 0
        runnable = [planned for planned in plan.cells if isinstance(planned, Runnable)]
        self._live = verbosity > 0 or (len(runnable) == 1 and verbosity == 0)
        self._total, self._count, self._plan = len(runnable), _Count(), plan
        self._begun = time.monotonic()

    def __enter__(self) -> Progress:
        for planned in self._plan.cells:
            if isinstance(planned, Blocked):
                self.said(planned.cell.name, f"blocked: {planned.reasons[0].message}")
            elif isinstance(planned, NotRelevant):
                self.said(planned.cell.name, f"not relevant: {planned.rule}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def said(self, cell: str, sentence: str) -> None:
        """Say one line about a cell."""
        if not self._quiet:
            elapsed = time.monotonic() - self._begun
            self._stream.write(
                f"[{elapsed:6.1f} s] {cell}: {sentence}\n" if cell else f"[{elapsed:6.1f} s] {sentence}\n"
            )
            self._stream.flush()

    def output(self, cell: str, chunk: bytes) -> None:
        """Take what a cell's commands write."""
        if self._live:
            self._stream.write(chunk.decode("utf-8", "replace"))
            self._stream.flush()

    def finished(self, evidence: Evidence) -> None:
        """Say how a cell's run ended; the verdict over it comes later."""
        self._count.done += 1
        outcomes = [test.outcome for test in evidence.tests]
        bad = sum(outcome in {"failed", "error"} for outcome in outcomes)
        ran = sum(outcome not in {"skipped", "deselected"} for outcome in outcomes)
        ended = evidence.state.replace("_", " ")
        self.said(
            evidence.cell,
            f"{ended} in {evidence.duration_s:.1f} s: {ran} tests ran, {bad} failed,"
            f" {len(outcomes) - ran} did not run ({self._count.done} of {self._total})",
        )

    def went_wrong(self, evidence: Evidence) -> bool:
        """Tell whether `--fail-fast` stops here."""
        return (
            evidence.state != "finished"
            or any(test.outcome in {"failed", "error"} for test in evidence.tests)
            or any(run.exit_code and not run.ignored for run in evidence.commands)
        )
