"""Encode and decode evidence. Anybody may have written a record, so it is accepted only after every check here."""

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
_REASON_LIMIT: Final = 4_500  # recorders cut at 4,000, and some add a prefix
# A missing key of these would take its default, which could hide a failure. Every version has written them, also empty.
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
    """The bytes are not valid evidence; ``str()`` is the reason, without control characters."""


class _SchemaHead(msgspec.Struct):
    schema: str = ""


def encode_evidence(evidence: Evidence) -> bytes:
    """Return evidence as one JSON document that ends with a line feed.

    Lone surrogates, which come from undecodable file names in test ids and which JSON cannot hold, are escaped.

    Raises RejectedError: when ``decode`` would refuse the record.
    """
    _check_values(evidence)
    try:
        return msgspec.json.encode(evidence) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_escape_surrogates(msgspec.to_builtins(evidence))) + b"\n"


def decode_evidence(data: bytes) -> Evidence:
    """Return the evidence in one JSON document.

    Raises RejectedError: when the bytes are not valid evidence; in bounded time and memory.
    """
    try:
        evidence = decode_json(data, Evidence)
    except RecursionError:
        raise RejectedError("it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RejectedError(_explain_rejection(data, error)) from None
    _check_values(evidence)
    _check_texts(evidence)
    _check_written(data, evidence)
    return evidence


def make_evidence_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an evidence document."""
    schema = json_schema(Evidence)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}


def _explain_rejection(data: bytes, error: Exception) -> str:
    try:
        schema = decode_json(data, _SchemaHead).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"it is not whole JSON of the right shape ({printable(str(error))})"
    if schema != SCHEMA:
        problem = f"its schema is {printable(schema, 60)}" if schema else "it names no schema"
        return f"{problem}, and this version reads {SCHEMA}"
    return printable(str(error))


def _check_values(evidence: Evidence) -> None:
    """Check the values that the types do not restrict: names, times and durations."""
    for field, text in (("id", evidence.id), ("tree", evidence.tree), ("cell", evidence.cell)):
        if not text or len(text) > _NAME_LIMIT:
            raise RejectedError(f"its {field} is empty or longer than {_NAME_LIMIT} characters")
    if not re.fullmatch(r"(?:[0-9a-f]{40}|[0-9a-f]{64}|content-sha256:[0-9a-f]{64})", evidence.tree):
        raise RejectedError("its tree is neither a git tree id nor a content-sha256 id")
    _check_time("started", evidence.started)
    _check_time("finished", evidence.finished)
    for command in evidence.commands:
        if command.started:
            _check_time("commands.started", command.started)
    _check_durations(evidence)
    if evidence.attempt < 1:
        raise RejectedError("its attempt is less than 1")


def _check_written(data: bytes, evidence: Evidence) -> None:
    """Refuse a document without a required key, or with a key twice: JSON readers treat the latter differently.

    A document that this version wrote is recognised by encoding it again, which is much faster.
    """
    try:
        if msgspec.json.encode(evidence) == data.rstrip(b"\n"):
            return
    except UnicodeEncodeError:
        pass
    try:
        document = json.loads(data, object_pairs_hook=_reject_duplicates)
    except RecursionError:
        raise RejectedError("it is nested too deeply") from None
    except ValueError as error:
        raise RejectedError(f"it is not whole JSON of the right shape ({printable(str(error))})") from None
    if missing := [name for name in _REQUIRED if name not in document]:
        raise RejectedError(f"its keys are missing: {', '.join(missing)}")


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        raise RejectedError(f"its key {printable(next(n for n in names if names.count(n) > 1), 60)!r} is there twice")
    return mapping


def _check_texts(evidence: Evidence) -> None:
    """Refuse texts that are longer than recorders write: searching them for phrases would take too long."""
    if any(len(test.reason) > _REASON_LIMIT for test in evidence.tests):
        raise RejectedError(f"the reason of one of its tests is longer than {_REASON_LIMIT} characters")


def _check_time(field: str, text: str) -> None:
    try:
        offset = datetime.datetime.fromisoformat(text).utcoffset() if len(text) <= 40 else None
    except ValueError:
        offset = None
    if offset is None or offset:
        raise RejectedError(f"its {field} is not a UTC time in ISO 8601")


def _check_durations(evidence: Evidence) -> None:
    timed: tuple[Evidence | CommandRun, ...] = (evidence, *evidence.commands)
    longest = max(item.duration_s for item in timed)
    least = min(item.duration_s for item in timed)
    if evidence.tests:
        durations = [test.duration_s for test in evidence.tests]
        longest, least = max(longest, *durations), min(least, *durations)
    if not (0 <= least <= longest < float("inf")):
        raise RejectedError("one of its durations is negative or infinite")


def _escape_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _escape_surrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escape_surrogates(item) for item in value]
    return value
