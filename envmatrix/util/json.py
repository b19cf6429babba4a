"""JSON and plain data to values, from any thread.

msgspec looks at a type when that is first decoded, and a second thread that meets the half-finished answer crashes the
process (seen with 0.22: the cells of a run, each in its thread, read the same kind of file at the same moment). So
types are looked at here, one at a time; what has been looked at is decoded without waiting.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(data: bytes | str, kind: type[T]) -> T:
    """Return the value in a JSON document. Raises msgspec.DecodeError where it is none of ``kind``."""
    try:
        return (_decoders.get(kind) or decoder(kind)).decode(data)  # type: ignore[no-any-return]
    except RecursionError as error:
        raise msgspec.DecodeError("JSON is nested too deeply") from error


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return what decodes ``kind``, made once: looking at a type takes milliseconds."""
    with _lock:
        return _decoders.get(kind) or _decoders.setdefault(kind, msgspec.json.Decoder(kind))


def convert(data: object, kind: type[T]) -> T:
    """Return plain data as a value of ``kind``. Raises msgspec.ValidationError where it cannot be one."""
    with _lock:
        return msgspec.convert(data, kind)


def schema(kind: Any, *, ref_template: str = "#/$defs/{name}") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of ``kind``."""
    with _lock:
        return msgspec.json.schema(kind, ref_template=ref_template)
