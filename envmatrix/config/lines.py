"""Where in a TOML text a key or a value was written: tomllib does not say, and a message should."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(?P<open>\[\[?)\s*(?P<key>{_KEY})\s*\]")
_PAIR = re.compile(rf"\s*(?P<key>{_KEY})\s*=")
_SPLIT = re.compile(_PART)


def dotted(path: Path) -> str:
    """Return a path as a user would say it: ``axes.python[1]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if re.fullmatch(r"[A-Za-z0-9_:-]+", part) else repr(part)
            text += f".{word}" if text else word
    return text


class Lines:
    """The lines on which the keys of one TOML text are written; best effort, never wrong by raising.

    The text is looked at when something is first asked of it: of most files nobody asks.
    """

    def __init__(self, text: str) -> None:
        self._text = text.splitlines()

    @functools.cached_property
    def _starts(self) -> list[int]:
        return sorted(set(self._at.values()))

    @functools.cached_property
    def _at(self) -> dict[Path, int]:
        found: dict[Path, int] = {}
        table: Path = ()
        tables: dict[Path, int] = {}
        quotes = ""
        for number, line in enumerate(self._text, 1):
            if quotes:
                quotes = "" if line.count(quotes) % 2 else quotes
                continue
            if header := _HEADER.match(line):
                table = _path(header["key"])
                if header["open"] == "[[":
                    found.setdefault(table, number)
                    tables[table] = tables.get(table, -1) + 1
                    table = (*table, tables[table])
                found.setdefault(table, number)
            elif pair := _PAIR.match(line):
                path = (*table, *_path(pair["key"]))
                found.setdefault(path, number)
            quotes = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
        return found

    def find(self, path: Path, value: object = None) -> int:
        """Return the line of ``path``, of its nearest known parent else, 0 where nothing is known.

        ``value``, where it is text, narrows the search to the line that holds it in quotes.
        """
        known = path
        while known and known not in self._at:
            known = known[:-1]
        if not known:
            return 0
        start = self._at[known]
        if known == path or not isinstance(value, str):
            return start
        following = bisect_right(self._starts, start)
        end = self._starts[following] - 1 if following < len(self._starts) else len(self._text)
        for number in range(start, end + 1):
            if f'"{value}"' in self._text[number - 1] or f"'{value}'" in self._text[number - 1]:
                return number
        return start


def _path(key: str) -> Path:
    return tuple(part.strip("\"'") for part in _SPLIT.findall(key))
