"""What a run says while it runs, on stderr: a live table on a terminal, else one line an event.

How it is said depends on the terminal and on the CI system; what is run and how it is judged never does.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO

from envmatrix.console.plain import Lines
from envmatrix.console.progress_state import Board, Display
from envmatrix.console.progress_tail import Follower
from envmatrix.evidence.model import FAILING, Evidence
from envmatrix.plan import Plan

Mode = Literal["auto", "live", "plain"]
LIVE_TICK_S = 0.25
PLAIN_TICK_S = 1.0
TAIL_BYTES = 200_000
INTERRUPTED = "interrupted: what runs is ended and its evidence kept; Ctrl-C again: at once"


class Progress:
    """Says on ``stream`` what each cell does; its methods may be called from several threads.

    ``folder`` is the run's own, in which cells write what they do; ``expected`` maps cells to the seconds that they
    took before. With one cell, or when asked for more, what the commands write is shown too.
    """

    def __init__(
        self,
        stream: TextIO,
        plan: Plan,
        *,
        verbosity: int,
        folder: Path,
        expected: Mapping[str, float] | None = None,
        environ: Mapping[str, str] | None = None,
        mode: Mode = "auto",
        color: bool = False,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        environ = environ or {}
        self._board = Board(plan, expected or {})
        self._folder, self._interrupted, self._told = folder, interrupted, False
        self._streams = verbosity > 0 or (self._board.total == 1 and verbosity == 0)
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._followers: dict[str, Follower] = {}
        self._lost = verbosity < 0
        live = mode == "live" or (mode == "auto" and _is_terminal(stream, environ))
        self._display = _choose_display(stream, environ, color=color, live=live and not self._lost)
        self._tick_s = LIVE_TICK_S if live else PLAIN_TICK_S
        self._thread = threading.Thread(target=self._watch_cells, name="envmatrix-progress", daemon=True)

    def __enter__(self) -> Progress:
        with self._hold_display():
            self._display.begin_display(self._board)
        if not self._lost:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        with self._hold_display():
            self._display.end_display(self._board)

    def say_line(self, cell: str, sentence: str) -> None:
        """Say one line about a cell."""
        with self._hold_display():
            row = self._board.rows.get(cell)
            if row is not None and sentence == "starts":
                row.mark_started()
                self._followers[cell] = Follower(self._folder / cell)
                if row.expected_s:
                    sentence = f"starts; took {_round_duration(row.expected_s)} before"
            elif row is not None:
                row.phase = sentence
            self._display.show_event(self._board, cell, sentence)

    def take_output(self, cell: str, chunk: bytes) -> None:
        """Take what a cell's commands write."""
        if self._streams:
            with self._hold_display():
                self._display.show_output(cell if self._board.total > 1 else "", chunk)

    def take_evidence(self, evidence: Evidence) -> None:
        """Say how a cell's run ended; the verdict over it comes later."""
        with self._hold_display():
            self._followers.pop(evidence.cell, None)
            sentence = self._board.finish_cell(evidence, went_wrong=self.went_wrong(evidence))
            self._display.show_event(self._board, evidence.cell, sentence)
            if self.went_wrong(evidence) and not self._streams and evidence.state != "interrupted":
                self._display.show_failure(evidence.cell, *self._output_of(evidence))

    def went_wrong(self, evidence: Evidence) -> bool:
        """Tell whether `--fail-fast` stops here."""
        return (
            evidence.state != "finished"
            or any(test.outcome in FAILING for test in evidence.tests)
            or any(run.has_failed and not run.ignored for run in evidence.commands)
        )

    def _output_of(self, evidence: Evidence) -> tuple[str, str]:
        log = Path(evidence.log)
        path = self._folder / log.parent.name / log.name  # a second attempt has a folder of its own
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL_BYTES))
                return evidence.log, file.read().decode("utf-8", "replace")
        except OSError:
            return evidence.log, ""

    def _watch_cells(self) -> None:
        while not self._stop.wait(self._tick_s):
            with self._hold_display():
                if self._interrupted() and not self._told:
                    self._told = True
                    self._display.show_event(self._board, "", INTERRUPTED)
                for cell, follower in self._followers.items():
                    self._board.rows[cell].update(follower.read_progress())
                self._display.show_changes(self._board)

    @contextlib.contextmanager
    def _hold_display(self) -> Iterator[None]:
        """Hold the lock; a terminal that went away costs the run nothing but its progress."""
        with self._lock:
            if self._lost:
                self._display = _NoDisplay()
            try:
                yield
            except (OSError, ValueError):
                self._lost = True


class _NoDisplay:
    """The display of a quiet run, and of one whose terminal went away."""

    def begin_display(self, board: Board) -> None: ...
    def end_display(self, board: Board) -> None: ...
    def show_event(self, board: Board, cell: str, sentence: str) -> None: ...
    def show_output(self, cell: str, chunk: bytes) -> None: ...
    def show_failure(self, cell: str, path: str, text: str) -> None: ...
    def show_changes(self, board: Board) -> None: ...


def _choose_display(stream: TextIO, environ: Mapping[str, str], *, color: bool, live: bool) -> Display:
    if live:
        from envmatrix.console.live import Screen  # rich takes a tenth of a second to import

        return Screen(stream, color=color)
    return Lines(stream, environ)


def _is_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a table that is drawn over and over can be read there; a CI console keeps every drawing."""
    return stream.isatty() and environ.get("TERM", "dumb") not in ("", "dumb", "unknown") and not environ.get("CI")


def _round_duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"
