"""What a run says while it runs: on stderr, one line an event, so that it reads well in a console and in a log."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TextIO

import msgspec

from envmatrix.evidence.model import Evidence
from envmatrix.plan import Blocked, NotRelevant, Plan, Runnable

LOG_LINES = 200


class _Count(msgspec.Struct):
    done: int = 0
    failed: int = 0


class Progress:
    """Says on ``stream`` what each cell does; with one cell, or when asked for more, also what it writes.

    What a cell wrote that went wrong is shown when it has ended, where it was not shown before. Cells call this from
    their threads. A terminal that was closed ends the saying, not the run.
    """

    def __init__(self, stream: TextIO, plan: Plan, root: Path, *, verbosity: int, jobs: int = 1) -> None:
        self._stream, self._root = stream, root
        self._lock = threading.RLock()
        self._prefixed = jobs > 1
        self._pending: dict[str, bytes] = {}  # by cell: a line whose end has not come
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
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def said(self, cell: str, sentence: str) -> None:
        """Say one line about a cell."""
        if not self._quiet:
            elapsed = time.monotonic() - self._begun
            self._write(f"[{elapsed:6.1f} s] {cell}: {sentence}\n" if cell else f"[{elapsed:6.1f} s] {sentence}\n")

    def output(self, cell: str, chunk: bytes) -> None:
        """Take what a cell's commands write; of cells that run together whole lines are shown, each with its cell."""
        if not self._live:
            return
        if not self._prefixed:
            self._write(chunk.decode("utf-8", "replace"))
            return
        with self._lock:
            *lines, self._pending[cell] = (self._pending.get(cell, b"") + chunk).split(b"\n")
        if lines:
            self._write("".join(f"{cell} | {line.decode('utf-8', 'replace')}\n" for line in lines))

    def _write(self, text: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def _show_log(self, evidence: Evidence) -> None:
        try:
            lines = (self._root / evidence.log).read_bytes().decode("utf-8", "replace").splitlines()
        except OSError:
            return
        left_out = len(lines) - LOG_LINES
        if left_out > 0:
            lines = [f"({left_out} lines more in {evidence.log})", *lines[-LOG_LINES:]]
        self._write("".join(f"{evidence.cell} | {line}\n" for line in lines))

    def finished(self, evidence: Evidence) -> None:
        """Say how a cell's run ended; the verdict over it comes later."""
        self._count.done += 1
        if rest := self._pending.pop(evidence.cell, b""):
            self.output(evidence.cell, rest + b"\n")
        if not self._live and not self._quiet and evidence.log and self.went_wrong(evidence):
            self._show_log(evidence)
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
