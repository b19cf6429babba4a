"""Evidence to bytes and back. What is read was written by anybody: it is believed only after every check here."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, Final

import msgspec

from envmatrix.evidence.model import SCHEMA, CommandRun, Evidence
from envmatrix.util.json import decode as decode_json
from envmatrix.util.json import schema as json_schema
from envmatrix.util.text import printable

LIMIT_BYTES: Final = 64 * 1024 * 1024

_NAME_LIMIT: Final = 500
_REASON_LIMIT: Final = 4_500  # recorders cut at 4,000, and some put a few words before that
# Left out, each of these would take its default, and with that the record would be better than what was recorded. Every
# version has written them, also where they are empty.
_REQUIRED: Final = (
    "findings",
    "distributions",
    "commands",
    "sessions",
    "tests",
    "reasons",
    "mismatches",
    "ignored",
    "partial",
    "notes",
)


class RejectedError(Exception):
    """Bytes that are no evidence; ``str()`` says why, in words of ours and free of control characters."""


class _Head(msgspec.Struct):
    schema: str = ""


def encode(evidence: Evidence) -> bytes:
    """One JSON document, ending in a line feed.

    Lone surrogates, which JSON cannot carry and which undecodable file names bring into test ids, become their
    escapes in text. Raises RejectedError for a record that ``decode`` would refuse.
    """
    _check(evidence)
    try:
        return msgspec.json.encode(evidence) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(evidence))) + b"\n"


def decode(data: bytes) -> Evidence:
    """The evidence in one JSON document. Raises RejectedError, in bounded time and memory, for anything else."""
    try:
        evidence = decode_json(data, Evidence)
    except RecursionError:
        raise RejectedError("it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RejectedError(_why(data, error)) from None
    _check(evidence)
    _check_texts(evidence)
    _check_written(data, evidence)
    return evidence


def evidence_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an evidence document."""
    schema = json_schema(Evidence)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}


def _why(data: bytes, error: Exception) -> str:
    try:
        schema = decode_json(data, _Head).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"it is not whole JSON of the right shape ({printable(str(error))})"
    if schema != SCHEMA:
        said = f"its schema is {printable(schema, 60)}" if schema else "it names no schema"
        return f"{said}, and this version reads {SCHEMA}"
    return printable(str(error))


def _check(evidence: Evidence) -> None:
    """What the types do not say: names that can name, times that are times, durations that can be."""
    for field, text in (("id", evidence.id), ("tree", evidence.tree), ("cell", evidence.cell)):
        if not text or len(text) > _NAME_LIMIT:
            raise RejectedError(f"its {field} is empty or longer than {_NAME_LIMIT} characters")
    if not re.fullmatch(r"(?:[0-9a-f]{40}|[0-9a-f]{64}|content-sha256:[0-9a-f]{64})", evidence.tree):
        raise RejectedError("its tree is no git tree id and no content-sha256 id")
    _check_time("started", evidence.started)
    _check_time("finished", evidence.finished)
    for command in evidence.commands:
        if command.started:
            _check_time("commands.started", command.started)
    _check_durations(evidence)
    if evidence.attempt < 1:
        raise RejectedError("its attempt is less than 1")


def _check_written(data: bytes, evidence: Evidence) -> None:
    """Refuse a document in which a key is left out that decides, or is there twice: readers differ in what they take.

    What this version wrote itself is recognised by writing it again, which takes a fraction of the time.
    """
    try:
        if msgspec.json.encode(evidence) == data.rstrip(b"\n"):
            return
    except UnicodeEncodeError:
        pass
    try:
        document = json.loads(data, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise RejectedError("it is nested too deeply") from None
    except ValueError as error:
        raise RejectedError(f"it is not whole JSON of the right shape ({printable(str(error))})") from None
    if missing := [name for name in _REQUIRED if name not in document]:
        raise RejectedError(f"it says nothing of its {', '.join(missing)}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise RejectedError(f"its key {printable(next(n for n in names if names.count(n) > 1), 60)!r} is there twice")
    return found


def _check_texts(evidence: Evidence) -> None:
    """Refuse texts that no recorder writes: whoever looks for words in them would look for ever."""
    if any(len(test.reason) > _REASON_LIMIT for test in evidence.tests):
        raise RejectedError(f"the reason of one of its tests is longer than {_REASON_LIMIT} characters")


def _check_time(field: str, text: str) -> None:
    try:
        offset = datetime.datetime.fromisoformat(text).utcoffset() if len(text) <= 40 else None
    except ValueError:
        offset = None
    if offset is None or offset:
        raise RejectedError(f"its {field} is no UTC time in ISO 8601")


def _check_durations(evidence: Evidence) -> None:
    timed: tuple[Evidence | CommandRun, ...] = (evidence, *evidence.commands)
    longest = max(item.duration_s for item in timed)
    least = min(item.duration_s for item in timed)
    if evidence.tests:
        durations = [test.duration_s for test in evidence.tests]
        longest, least = max(longest, *durations), min(least, *durations)
    if not (0 <= least <= longest < float("inf")):
        raise RejectedError("one of its durations is negative or without end")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(item) for item in value]
    return value
