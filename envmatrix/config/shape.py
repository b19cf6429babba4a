"""Is a document of the shape that a struct asks for? Every difference is found, where a decoder stops at the first."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from envmatrix.util.json import convert
from envmatrix.util.text import hint, quoted
from envmatrix.util.toml import KeyPath

Difference = tuple[KeyPath, str]
Struct = TypeVar("Struct", bound=msgspec.Struct)


@cache
def shape_of(kind: Any) -> inspect.Type:
    """Return msgspec's description of a type, kept: describing costs more than checking."""
    return inspect.type_info(kind)


def differences(shape: inspect.Type, value: object, path: KeyPath = ()) -> Iterator[Difference]:
    """Yield the path and a sentence for every value that is not of the shape."""
    if isinstance(shape, inspect.Metadata):
        shape = shape.type
    check = _CHECKS.get(type(shape))
    if check:
        yield from check(shape, value, path)


def kind_of(value: object) -> str:
    """Return what a user would call a TOML value: "text", "a list", "a table"…"""
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "a value"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a number"),
    (float, "a number"),
    (dict, "a table"),
    (list, "a list"),
    (datetime.datetime, "a date with a time"),
    (datetime.date, "a date"),
    (datetime.time, "a time"),
)


def _wrong(path: KeyPath, expected: str, value: object, remedy: str = "") -> Difference:
    return path, f"expected {expected}, not {kind_of(value)}{remedy}"


def _text(shape: inspect.StrType, value: object, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        yield _wrong(path, "text", value, "; write it in quotes" if number else "")
    elif len(value.strip()) < (shape.min_length or 0):
        yield path, "must not be empty"


def _bool(shape: inspect.BoolType, value: object, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(value, bool):
        yield _wrong(path, "true or false", value)


def _number(shape: inspect.IntType | inspect.FloatType, value: object, path: KeyPath) -> Iterator[Difference]:
    whole = isinstance(shape, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _wrong(path, "a whole number" if whole else "a number", value)
    elif whole and not isinstance(value, int):
        yield path, "expected a whole number"
    elif not math.isfinite(value):
        yield path, "expected a finite number"
    elif shape.gt is not None and value <= shape.gt:
        yield path, f"must be more than {shape.gt:g}"
    elif shape.ge is not None and value < shape.ge:
        yield path, f"must be {shape.ge:g} or more"


def _date(shape: inspect.DateType, value: object, path: KeyPath) -> Iterator[Difference]:
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        unquote = isinstance(value, str)
        yield _wrong(path, "a date", value, f"; write it {'without quotes, ' if unquote else ''}like 2027-03-01")


def _literal(shape: inspect.LiteralType, value: object, path: KeyPath) -> Iterator[Difference]:
    if value not in shape.values:
        allowed = [str(word) for word in shape.values]
        got = repr(value) if isinstance(value, str) else kind_of(value)
        near = hint(value, allowed) if isinstance(value, str) else ""
        yield path, f"expected {' or '.join(map(repr, allowed))}, not {got}{near}"


def _list(shape: inspect.VarTupleType, value: object, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(value, list):
        remedy = f"; write [[{path[0]}]]" if isinstance(value, dict) and len(path) == 1 else ""
        yield _wrong(path, "a list", value, "; put it in brackets" if isinstance(value, str) else remedy)
        return
    if len(value) < (shape.min_length or 0):
        yield path, "must hold at least one value"
    for number, item in enumerate(value):
        yield from differences(shape.item_type, item, (*path, number))


def _table(shape: inspect.DictType, value: object, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(value, dict):
        yield _wrong(path, "a table", value)
        return
    if len(value) < (shape.min_length or 0):
        yield path, "must name at least one key"
    for key, item in value.items():
        yield from differences(shape.value_type, item, (*path, key))


def _struct(shape: inspect.StructType, value: object, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(value, dict):
        yield _wrong(path, "a table", value)
        return
    fields = {field.encode_name: field for field in shape.fields}
    for key, item in value.items():
        if key in fields:
            yield from differences(fields[key].type, item, (*path, key))
        else:
            known = f"known here: {quoted(fields)}"
            yield (*path, key), f"unknown key{hint(key, fields, otherwise=known)}"
    for name, field in fields.items():
        if field.required and name not in value:
            yield (*path, name), "is missing; add it"


def _union(shape: inspect.UnionType, value: object, path: KeyPath) -> Iterator[Difference]:
    """The only unions in the schema are of text and a list of texts."""
    if isinstance(value, list | str):
        wanted = inspect.VarTupleType if isinstance(value, list) else inspect.StrType
        yield from differences(next(part for part in shape.types if isinstance(_bare(part), wanted)), value, path)
    else:
        yield _wrong(path, "text or a list", value)


def _bare(shape: inspect.Type) -> inspect.Type:
    return shape.type if isinstance(shape, inspect.Metadata) else shape


_CHECKS: dict[type, Callable[[Any, object, KeyPath], Iterator[Difference]]] = {
    inspect.StrType: _text,
    inspect.BoolType: _bool,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.DateType: _date,
    inspect.LiteralType: _literal,
    inspect.VarTupleType: _list,
    inspect.DictType: _table,
    inspect.StructType: _struct,
    inspect.UnionType: _union,
}


def sound(kind: type[Struct], data: dict[str, Any], found: Iterable[Difference]) -> Struct:
    """Return ``data`` as the struct, without the top-level keys that ``found`` speaks of: what is left can still be
    checked further. The struct must have no required fields.
    """
    bad = {path[0] for path, _ in found if path}
    return convert({key: value for key, value in data.items() if key not in bad}, kind)
