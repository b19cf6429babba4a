"""TOML files as foreign input: whatever is in a file, the result is a table with line numbers, or a sentence."""

from __future__ import annotations

import functools
import re
import stat
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.errors import Problem

KeyPath = tuple[str | int, ...]

LARGEST = 1 << 20  # bytes; a profile is a page of text, and a mistaken symlink is not read to its end
DEEPEST = 32  # tables and lists in one another
_INT64 = 1 << 63

# tomllib does not say where a key was written, and a message should.
_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(?P<open>\[\[?)\s*(?P<key>{_KEY})\s*\]")
_PAIR = re.compile(rf"\s*(?P<key>{_KEY})\s*=")
_SPLIT = re.compile(_PART)


def dotted(path: KeyPath) -> str:
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
    def _at(self) -> dict[KeyPath, int]:
        result: dict[KeyPath, int] = {}
        table: KeyPath = ()
        tables: dict[KeyPath, int] = {}
        quotes = ""
        for number, line in enumerate(self._text, 1):
            if quotes:
                quotes = "" if line.count(quotes) % 2 else quotes
                continue
            if header := _HEADER.match(line):
                table = _path(header["key"])
                if header["open"] == "[[":
                    result.setdefault(table, number)
                    tables[table] = tables.get(table, -1) + 1
                    table = (*table, tables[table])
                result.setdefault(table, number)
            elif pair := _PAIR.match(line):
                path = (*table, *_path(pair["key"]))
                result.setdefault(path, number)
            quotes = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
        return result

    def find(self, path: KeyPath, value: object = None) -> int:
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


def _path(key: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _SPLIT.findall(key))


class Unreadable(Exception):  # noqa: N818 - carries a Problem to the loader, is no error of the user's by itself
    """A file that gives no document; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One TOML file as read: ``label`` is what messages call it, ``data`` what is in it."""

    label: str
    data: dict[str, Any]
    places: Any  # Lines

    def line(self, path: KeyPath) -> int:
        """Return the line on which the value at ``path`` was written, 0 where unknown."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                value = None
                break
        matches: int = self.places.find(path, value)
        return matches

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Return a problem of the value at ``path``."""
        return Problem(file=self.label, line=self.line(path), key=dotted(path), message=message)

    def source(self, path: KeyPath) -> str:
        """Return ``file:line`` of the value at ``path``."""
        line = self.line(path)
        return f"{self.label}:{line}" if line else self.label


def read_bytes(path: Path, label: str) -> bytes:
    """Return the content of a regular file of reasonable size.

    Raises Unreadable for anything else: a folder, a device, a dangling link, a file without permission.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise Unreadable(Problem(file=label, message=f"is {what}; a TOML file is expected here"))
        if status.st_size > LARGEST:
            raise Unreadable(Problem(file=label, message=f"is larger than {LARGEST >> 20} MiB and was not read"))
        return path.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symlinks, in some versions of pathlib
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise Unreadable(Problem(file=label, message=f"cannot be read: {why}")) from error


def decode(content: bytes, label: str) -> str:
    """Return the text of a UTF-8 file, a byte order mark dropped. Raises Unreadable."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        message = f"is not UTF-8: byte 0x{byte:02x} cannot be decoded; save the file as UTF-8"
        raise Unreadable(Problem(file=label, line=line, message=message)) from error


def parse(text: str, label: str) -> dict[str, Any]:
    """Return the table that a TOML text holds. Raises Unreadable."""
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise Unreadable(Problem(file=label, message="nests values too deeply to be read")) from error
    except ValueError as error:  # TOMLDecodeError, and int() over its digit limit
        raise Unreadable(_syntax(str(error), label)) from error
    return data


def read_toml(path: Path, label: str) -> Document:
    """Return the document in a TOML file; messages call it ``label``. Raises Unreadable."""
    text = decode(read_bytes(path, label), label)
    document = Document(label=label, data=parse(text, label), places=Lines(text))
    for place, message in _excesses(document.data):
        raise Unreadable(document.problem(place, message))
    return document


def _syntax(message: str, label: str) -> Problem:
    """Turn tomllib's "… (at line 3, column 4)" into a problem with a line."""
    what, _, place = message.rpartition(" (at ")
    if not what:
        if "integer string conversion" in message:
            return Problem(file=label, message="holds a number with too many digits to be read")
        return Problem(file=label, message=f"is not valid TOML: {message}")
    number = place.removeprefix("line ").partition(",")[0]
    line = int(number) if number.isdigit() else 0
    where = " at the end of the file" if place.startswith("end of document") else ""
    return Problem(file=label, line=line, message=f"is not valid TOML: {what[0].lower()}{what[1:]}{where}")


def _excesses(data: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield what later stages could not carry: too deep, or integers beyond 64 bits."""
    level: list[tuple[KeyPath, Any]] = [((), data)]
    for _ in range(DEEPEST):
        following: list[tuple[KeyPath, Any]] = []
        for path, value in level:
            if isinstance(value, dict):
                following += [((*path, key), item) for key, item in value.items()]
            elif isinstance(value, list):
                following += [((*path, number), item) for number, item in enumerate(value)]
            elif isinstance(value, int) and not -_INT64 <= value < _INT64:
                yield path, "does not fit in 64 bits; write a smaller number"
        level = following
    if level:
        yield level[0][0][:1], f"nests values more than {DEEPEST} deep"
