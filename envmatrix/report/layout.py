"""A page of text being written line by line: the same words plain or coloured, and never a raw control character."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence

from envmatrix.report.wording import count_columns, make_visible, visible_lines

# GitHub's runner acts on "::command::" at the start of a line, with blanks before it or not.
_COMMAND = re.compile(r"^(\s*):(?=:)")
_SENTENCE = re.compile(r"(?<=[.;!]) (?=[A-Z])")
_WHOLE = re.compile(r"`[^`]*`|(?<=Install it: )[^,;(]+")

Span = tuple[str, str]  # text, style ("" for plain)


def fit_text(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """The lines of a text that is wrapped to a width around its commands; ``first`` and ``rest`` begin the lines."""
    wrapped = textwrap.wrap(
        _WHOLE.sub(lambda found: found[0].replace(" ", "\0"), text),
        max(width, len(rest) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in wrapped]


class Page:
    """Collects lines; ``str()``-like :meth:`render` gives the text. ``width`` is in columns, at least 40."""

    def __init__(self, width: int = 80) -> None:
        self.width = max(width, 40)
        self._lines: list[tuple[Span, ...]] = []

    def add_line(self, *spans: Span | str) -> None:
        """One line of spans, made visible, never wrapped: names stay whole so that they can be copied."""
        parts = [(span, "") if isinstance(span, str) else span for span in spans]
        shown = [(make_visible(text), style) for text, style in parts]
        if shown:
            shown[0] = (_COMMAND.sub(r"\1\\x3a", shown[0][0]), shown[0][1])
        self._lines.append(tuple(shown))

    def add_blank(self) -> None:
        """An empty line, once."""
        if self._lines and self._lines[-1]:
            self._lines.append(())

    def add_heading(self, title: str, style: str = "bold") -> None:
        """The title of a section, in capitals, with air before it."""
        self.add_blank()
        self.add_line((title, style))

    def add_paragraph(self, text: str, indent: int = 2, first: str = "", style: str = "", hang: int = 0) -> None:
        """Text wrapped to the width. ``first`` begins its first line; the others are set in by ``hang`` columns more,
        2 below a ``first`` where nothing is said.
        """
        lead = " " * indent + first
        wrapped = textwrap.wrap(
            " ".join(visible_lines(text)),
            max(self.width, indent + 24),
            initial_indent=lead,
            subsequent_indent=" " * (indent + (hang or (2 if first else 0))),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in wrapped or ([lead] if first else []):
            self.add_line((line, style))

    def add_remedy(self, text: str, indent: int = 4) -> None:
        """What to do: on one line where that has the width, else a line a sentence, each wrapped around its commands.

        A command is what stands in backquotes or after "Install it:"; it stays on one line, to be copied.
        """
        lead = " " * indent + "remedy: "
        shown = make_visible(text)
        if count_columns(lead + shown) <= self.width:
            self.add_line(lead + shown)
            return
        for number, sentence in enumerate(_SENTENCE.split(shown)):
            for line in fit_text(sentence, self.width, " " * len(lead) if number else lead, " " * len(lead)):
                self.add_line(line)

    def add_output(self, text: str, last: int = 0, indent: int = 4) -> None:
        """What a program wrote, quoted with a bar so that no line of it can pass for one of ours."""
        for line in visible_lines(text, last):
            self.add_line((" " * indent + "| " + line).rstrip())

    def add_table(self, head: Sequence[str], rows: Sequence[Sequence[Span]], numeric: frozenset[int]) -> None:
        """Columns under a head, those in ``numeric`` set to the right; a first column too wide gets its own line."""
        texts = [[make_visible(text) for text, _ in row] for row in rows]
        widths = [max(count_columns(row[i]) for row in [list(head), *texts]) for i in range(len(head))]
        if len(head) - 1 not in numeric:  # what nothing follows may reach into the last column
            before = [row[-2] for row in [list(head), *texts] if row[-1]]
            widths[-2] = max(map(count_columns, before), default=widths[-2])
        room = self.width - sum(widths[1:]) - 2 * len(widths)
        widths[0] = min(widths[0], max(room, 16))
        self._add_row([(text, "dim") for text in head], widths, numeric)
        for row in rows:
            cells = list(row)
            if count_columns(make_visible(cells[0][0])) > widths[0]:
                self.add_line("  ", cells[0])
                cells[0] = ("", "")
            self._add_row(cells, widths, numeric)

    def _add_row(self, cells: Sequence[Span], widths: Sequence[int], numeric: frozenset[int]) -> None:
        spans: list[Span] = []
        for i, (text, style) in enumerate(cells):
            shown = make_visible(text)
            pad = " " * (widths[i] - count_columns(shown))
            last = i == len(cells) - 1 and i not in numeric
            spans += [("  ", ""), (pad if i in numeric else "", ""), (shown, style)]
            spans.append(("" if i in numeric or last else pad, ""))
        self.add_line(*spans)

    def render(self, color: bool = False) -> str:
        """The page as text that ends with a newline; with ``color``, with SGR sequences of the 16 standard colours."""
        lines = self._lines[:-1] if self._lines and not self._lines[-1] else self._lines
        if color:
            return _color_lines(lines)
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _color_lines(lines: Sequence[tuple[Span, ...]]) -> str:
    from rich.console import Console  # imported only for a terminal: it costs more than the plain text itself
    from rich.text import Text

    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=True,
        color_system="standard",
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for line in lines:
        console.print(Text.assemble(*line))
    return file.getvalue()
