"""Progress as plain lines, one an event, for pipes, logs of CI systems and readers that read every line aloud."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Mapping
from typing import TextIO

from envmatrix.console.progress_state import Board, Row
from envmatrix.report.wording import make_visible, visible_lines

SILENCE_S = 60.0  # CI systems end jobs that say nothing for long: GitLab and Travis knew limits from ten minutes on
TAIL_LINES = 40
FOLDED_LINES = 2000
_COLLAPSED = "[collapsed=true]"  # GitLab's; what is written while somebody may be watching stays open there


class Lines:
    """One line an event with the time since the run began; a failed cell's output is folded where the console can."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream, self._fold = stream, _choose_fold(environ)
        self._phases: dict[str, str] = {}
        self._rests: dict[str, bytes] = {}
        self._streamed: set[str] = set()
        self._serial = itertools.count()
        self._said_any = False
        self._only = ""  # the one cell of a run that has no other, whose output is passed on as it is
        self._open = ""  # the id of the part of it that the console folds and that is not ended
        self._at_start = True  # of a line
        self._last = time.monotonic()

    def begin_display(self, board: Board) -> None:
        """Say what will not run here."""
        running = board.rows_in("waiting")
        self._only = running[0].cell if len(running) == 1 else ""
        for row in board.rows_in("blocked", "not relevant"):
            self.show_event(board, row.cell, f"{row.state}: {row.phase}")

    def end_display(self, board: Board) -> None:
        """Say what was written last and has no end, and leave a line between this and the report."""
        for cell in list(self._rests):
            self._flush_cell(cell)
        self._close_fold()
        if self._said_any:
            self._write_text("\n")

    def show_event(self, board: Board, cell: str, sentence: str) -> None:
        """Say one event."""
        self._flush_cell(cell)
        self._close_fold()
        name = f"{make_visible(cell)}: " if cell else ""
        self._write_text(f"[{board.elapsed_s:6.1f} s] {name}{make_visible(sentence)}\n")
        self._phases[cell] = ""

    def show_output(self, cell: str, chunk: bytes) -> None:
        """Pass on what commands write; of several cells, line by line with the cell before it."""
        self._streamed.add(cell)
        if not cell:
            if self._fold[0] and not self._open:
                self._open = _section_name(self._only, next(self._serial))
                self._write_text(_fill_pattern(self._fold[0].replace(_COLLAPSED, ""), self._only, self._open))
            self._write_text(chunk.decode("utf-8", "replace"))
            return
        whole, newline, rest = (self._rests.get(cell, b"") + chunk).rpartition(b"\n")
        self._rests[cell] = rest
        if newline:
            lines = whole.decode("utf-8", "replace").splitlines()
            self._write_text("".join(f"{cell} | {line}\n" for line in lines))

    def show_failure(self, cell: str, path: str, text: str) -> None:
        """Say the end of the cell's output, behind a bar so that no CI system takes a line of it for a command."""
        begin, end = self._fold
        section = _section_name(cell, next(self._serial))
        lines = visible_lines(text, FOLDED_LINES if begin else TAIL_LINES)
        if not lines:
            return  # it ended before anything was written
        body = "".join(f"  | {line}\n" for line in lines)
        head = (
            _fill_pattern(begin, cell, section)
            if begin
            else f"  the end of {make_visible(cell)}'s output; all of it is in {path}:\n"
        )
        self._write_text(head + body + _fill_pattern(end, cell, section))

    def show_changes(self, board: Board) -> None:
        """Say which phase cells have come to, and after a silence that they still run.

        Where a cell's output is shown, that says its phases, and says them in time.
        """
        for row in board.rows_in("running"):
            if self._streamed & {"", row.cell}:
                continue
            if row.phase and row.phase != self._phases.get(row.cell):
                if self._phases.get(row.cell) is not None and row.phase != row.first:
                    self.show_event(board, row.cell, row.phase)
                self._phases[row.cell] = row.phase
        if time.monotonic() - self._last > SILENCE_S:
            for row in board.rows_in("running"):
                self.show_event(board, row.cell, f"still {_describe_phase(row)}")
                self._phases[row.cell] = row.phase

    def _close_fold(self) -> None:
        """End the part that the console folds, if one is open."""
        if self._open:
            self._write_text(("" if self._at_start else "\n") + _fill_pattern(self._fold[1], self._only, self._open))
            self._open = ""

    def _flush_cell(self, cell: str) -> None:
        rest = self._rests.pop(cell, b"")
        if rest:
            self._write_text(f"{cell} | {rest.decode('utf-8', 'replace')}\n")

    def _write_text(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
        self._at_start = text.endswith("\n") if text else self._at_start
        self._last, self._said_any = time.monotonic(), True


def _describe_phase(row: Row) -> str:
    seen = row.seen
    if not seen.done:
        return row.phase
    whole = f" of {seen.total}" if seen.total >= seen.done else ""
    return f"{row.phase}: {seen.done}{whole} tests done, {seen.failed} failed, {seen.skipped} skipped"


def _choose_fold(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return what begins and ends a part that the console folds: https://docs.github.com/actions (workflow commands)
    and https://docs.gitlab.com/ci/jobs/job_logs (custom collapsible sections). Empty where nothing folds.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return "::group::output of {cell}\n", "::endgroup::\n"
    if environ.get("GITLAB_CI"):
        clear = "\x1b[0K"
        begin = clear + "section_start:{at}:{id}" + _COLLAPSED + "\r" + clear + "output of {cell}\n"
        return begin, clear + "section_end:{at}:{id}\r" + clear + "\n"
    return "", ""


def _fill_pattern(pattern: str, cell: str, section: str) -> str:
    return pattern.format(cell=make_visible(cell), id=section, at=int(time.time()))


def _section_name(cell: str, number: int) -> str:
    return f"envmatrix_{number}_{re.sub('[^A-Za-z0-9_.-]', '_', cell)}"
