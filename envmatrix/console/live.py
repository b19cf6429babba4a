"""Progress as one table that is drawn over and over at the bottom of a terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console, Group, OverflowMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from envmatrix.console.progress_state import Board, Row
from envmatrix.report.wording import make_visible, visible_lines
from envmatrix.util.text import count

TAIL_LINES = 12
_ORDER = ("running", "failed", "waiting", "blocked", "finished", "not relevant")
_STYLES = {
    "running": "bold",
    "failed": "bold red",
    "finished": "green",
    "blocked": "yellow",
    "waiting": "dim",
    "not relevant": "dim",
}


class Screen:
    """Shows running cells first and never more rows than the terminal has; the report takes the table's place."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        self._console = Console(file=stream, force_terminal=True, no_color=not color, highlight=False)
        self._live: Live | None = None
        self._rests: dict[str, bytes] = {}
        self._written = False  # something stands above the table, and stays
        self._cut: OverflowMethod = "ellipsis" if "utf" in (stream.encoding or "").lower() else "crop"

    def begin_display(self, board: Board) -> None:
        """Draw the table for the first time."""
        self._live = Live(
            self._make_table(board),
            console=self._console,
            auto_refresh=False,
            transient=sys.stdout.isatty(),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def end_display(self, board: Board) -> None:
        """Take the table away, or leave it where stdout is elsewhere; a line parts what was written from the report."""
        if self._live is not None:
            self._live.update(self._make_table(board), refresh=True)
            self._live.stop()
        if self._written:
            self._console.print()

    def show_event(self, board: Board, cell: str, sentence: str) -> None:
        """Draw what has changed; a sentence about the whole run stands above the table."""
        if not cell:
            self._print_above(Text(make_visible(sentence)))
        self.show_changes(board)

    def show_output(self, cell: str, chunk: bytes) -> None:
        """Write the whole lines of what commands write above the table."""
        whole, newline, rest = (self._rests.get(cell, b"") + chunk).rpartition(b"\n")
        self._rests[cell] = rest
        if newline:
            before = f"{cell} | " if cell else ""
            lines = [before + line for line in visible_lines(whole.decode("utf-8", "replace"))]
            self._print_above(Text("\n".join(lines)), soft_wrap=True)

    def show_failure(self, cell: str, path: str, text: str) -> None:
        """Write the end of the cell's output above the table."""
        self._print_above(Text.assemble((make_visible(cell), _STYLES["failed"]), f": its output is in {path}"))
        for line in visible_lines(text, TAIL_LINES):
            self._print_above(Text(f"  | {line}"), cut=True)

    def _print_above(self, text: Text, *, cut: bool = False, soft_wrap: bool = False) -> None:
        self._written = True
        if cut:
            self._console.print(text, no_wrap=True, overflow=self._cut, crop=True)
        else:
            self._console.print(text, soft_wrap=soft_wrap)

    def show_changes(self, board: Board) -> None:
        """Draw the table again."""
        if self._live is not None:
            self._live.update(self._make_table(board), refresh=True)

    def _make_table(self, board: Board) -> Group:
        table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
        widest = max(12, self._console.width // 3)
        table.add_column("cell", no_wrap=True, overflow=self._cut, max_width=widest)
        table.add_column("", no_wrap=True, overflow=self._cut, ratio=1)
        for name in ("time", "tests", "failed", "skipped"):
            table.add_column(name, no_wrap=True, justify="right")
        rows = sorted(board.rows.values(), key=lambda row: _ORDER.index(row.state))
        fits = max(3, self._console.height - 3)
        for row in rows[:fits]:
            name = shorten_name(make_visible(row.cell), widest, "…" if self._cut == "ellipsis" else "~")
            table.add_row(*_make_cells(row, name))
        return Group(table, Text(_summarize(board, len(rows) - fits), style="dim", no_wrap=True, overflow=self._cut))


def shorten_name(name: str, width: int, mark: str = "…") -> str:
    """A name of at most ``width`` characters, which keeps its end too: cells of one profile differ there."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}{mark}{name[-end:]}"


def _make_cells(row: Row, name: str) -> list[Text]:
    seen, ran = row.seen, row.state in ("running", "failed", "finished")
    facts = row.phase if ran else ": ".join(filter(None, (row.state, row.phase)))
    whole = f"/{seen.total}" if row.state == "running" and seen.total >= seen.done else ""
    return [
        Text(name, style=_STYLES[row.state]),
        Text(make_visible(facts), style="" if row.state == "running" else _STYLES[row.state]),
        Text(_format_time(row)),
        Text(f"{seen.done:,}{whole}" if ran and (seen.done or seen.total) else ""),
        Text(f"{seen.failed:,}" if ran and seen.done else "", style=_STYLES["failed"] if seen.failed else ""),
        Text(
            f"{seen.skipped:,}" if ran and (seen.done or seen.skipped) else "", style="yellow" if seen.skipped else ""
        ),
    ]


def _format_time(row: Row) -> str:
    if row.state in ("running", "failed", "finished"):
        answer = format_clock(row.elapsed_s)
        return (
            f"{answer} of ~{format_clock(max(1, row.expected_s))}"
            if row.state == "running" and row.expected_s
            else answer
        )
    return f"~{format_clock(max(1, row.expected_s))}" if row.expected_s else ""


def _summarize(board: Board, hidden: int) -> str:
    parts = [f"{board.done:,} of {count(board.total, 'cell')} ended"]
    parts += [
        f"{len(board.rows_in(state))} {state}" for state in ("running", "failed", "blocked") if board.rows_in(state)
    ]
    parts += [f"{hidden} more rows"] if hidden > 0 else []
    left = board.left_s()
    about = f", about {format_clock(max(1, left))} left" if left is not None and board.rows_in("running") else ""
    return f"{', '.join(parts)}; {format_clock(board.elapsed_s)}{about}"


def format_clock(seconds: float) -> str:
    """Seconds as ``0:07``, ``12:30`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
