"""What may be written in a profile file and in capabilities.toml: the structs are the source of validation and of the
JSON Schema.

Is a document of the shape that a struct asks for? Every difference is found, where a decoder stops at the first.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, inspect

from envmatrix.util.json import convert
from envmatrix.util.json import schema as json_schema
from envmatrix.util.text import hint, quoted
from envmatrix.util.toml import KeyPath

Text = Annotated[str, Meta(min_length=1)]
Texts = tuple[Text, ...]
Values = Annotated[tuple[Text, ...], Meta(min_length=1)]
Point = Annotated[dict[str, Text], Meta(min_length=1)]


class SkipEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skip that is known and accepted until a date."""

    match: Annotated[Text, Meta(description="Regular expression, searched in the reason of the skip.")]
    owner: Annotated[Text, Meta(description="Who answers for it.")]
    expires: Annotated[datetime.date, Meta(description="The day from which on it counts as an unexpected skip.")]
    tests: Annotated[Texts, Meta(description="Glob patterns of test ids that it is narrowed to.")] = ()


class FlakyEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tests that are known to fail now and then, accepted until a date where they pass when they are run again."""

    tests: Annotated[Values, Meta(description="Glob patterns of test ids.")]
    owner: Annotated[Text, Meta(description="Who answers for it.")]
    expires: Annotated[
        datetime.date, Meta(description="The day from which on a test that failed and then passed fails its cell.")
    ]


class RelevantTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which changes need the profile."""

    paths: Annotated[Texts, Meta(description="Glob patterns; a change that touches none of them needs no run.")] = ()


class GateTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gate asks of the profile."""

    required: Annotated[bool, Meta(description="The gate needs evidence of every cell of this profile.")] = False
    min_tests: Annotated[int, Meta(ge=0, description="Fewer executed tests than this are a breach.")] = 1
    expect: Annotated[Texts, Meta(description="Names of hosts, or patterns, that have to report.")] = ()


class ProfileFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An environment to test in: its axes, what it requires of a host, and what must run in it."""

    description: Annotated[str, Meta(description="One sentence for lists.")] = ""
    extends: Annotated[
        Text | Texts,
        Meta(description='Profiles to stand on, merged left to right, or an environment of the project: "tox:NAME".'),
    ] = ()
    requires: Annotated[
        Texts,
        Meta(description="Capabilities of the host, with PEP 440 specifiers and PEP 508 markers. Adds to inherited."),
    ] = ()
    services: Annotated[
        Texts, Meta(description='Daemons to run around the commands, such as "mysql". Adds to inherited.')
    ] = ()
    service_env: Annotated[
        dict[str, str],
        Meta(description='Variables for the commands, by name, with templates such as "{mysql.url}".'),
    ] = {}
    must_run: Annotated[Texts, Meta(description="Glob patterns of test ids that have to execute. Adds.")] = ()
    results: Annotated[
        Text | Texts, Meta(description="Glob patterns of JUnit XML files that the commands write. Adds.")
    ] = ()
    unexpected_skips: Annotated[
        Literal["report", "refuse"], Meta(description="Whether skips that nothing explains are a breach.")
    ] = "report"
    unused: Annotated[
        Literal["refuse", "allow"],
        Meta(description="Whether a required capability that no test used is a breach."),
    ] = "refuse"
    timeout_s: Annotated[
        Annotated[float, Meta(gt=0)] | msgspec.UnsetType, Meta(description="Seconds that one cell may take.")
    ] = msgspec.UNSET
    axes: Annotated[
        dict[str, Values],
        Meta(description='Dimensions: "python" holds versions, the values of all others reach tox as factors.'),
    ] = {}
    exclude: Annotated[tuple[Point, ...], Meta(description="Points of the product that are left out.")] = ()
    include: Annotated[tuple[Point, ...], Meta(description="Points beside the product.")] = ()
    env: Annotated[
        dict[str, Any],
        Meta(
            description="tox settings in tox's own TOML, laid over the project's: a plain value replaces, "
            "{ append = [...] } adds."
        ),
    ] = {}
    skips: Annotated[tuple[SkipEntry, ...], Meta(description="Known and accepted skips.")] = ()
    flaky: Annotated[
        tuple[FlakyEntry, ...], Meta(description="Known and accepted flaky tests: failed, then passed when run again.")
    ] = ()
    relevant: Annotated[RelevantTable, Meta(description="Which changes need the profile.")] = RelevantTable()
    gate: Annotated[GateTable, Meta(description="What the gate asks of the profile.")] = GateTable()


class CapabilityTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named fact that a host may have, and how it is found out. One table per capability, named by it."""

    module: Annotated[str, Meta(description="Python module to import.")] = ""
    distribution: Annotated[str, Meta(description="Distribution whose metadata gives the module's version.")] = ""
    version: Annotated[
        str, Meta(description='Expression in the module, or arguments of the program, such as "--version".')
    ] = ""
    program: Annotated[str, Meta(description="Program to find and to start.")] = ""
    service: Annotated[str, Meta(description="Protocol to connect with.")] = ""
    device: Annotated[str, Meta(description="Device file to open.")] = ""
    env: Annotated[str, Meta(description="Environment variable that has to be set.")] = ""
    check: Annotated[str | Texts, Meta(description="A Python snippet, or a command as a list.")] = ""
    probe: Annotated[str, Meta(description="Name of a probe: sysctl, locale, network, or a third party's.")] = ""
    value: Annotated[str, Meta(description='What the probe is asked about, such as "vm.swappiness=1".')] = ""
    url: Annotated[str, Meta(description="Where the service is, or what the module opens.")] = ""
    timeout_s: Annotated[float, Meta(gt=0, description="Seconds that the probe may take.")] = 10.0
    exclusive: Annotated[bool, Meta(description="Only one cell at a time may use it.")] = False
    packages: Annotated[
        dict[str, Text | Texts], Meta(description="What to install, by installer: apt, dnf, pacman, brew, pip.")
    ] = {}
    skip_reasons: Annotated[Texts, Meta(description="Regular expressions of skip reasons that are about it.")] = ()


PROBES = ("module", "program", "service", "device", "env", "check", "probe")
_TYPES: dict[str, Any] = {"profile": ProfileFile, "capabilities": dict[str, CapabilityTable]}
_TITLES = {"profile": "envmatrix profile", "capabilities": "envmatrix capabilities"}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file: "profile" or "capabilities". Raises KeyError."""
    document = json_schema(_TYPES[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": _TITLES[name], **document}


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
        target = inspect.VarTupleType if isinstance(value, list) else inspect.StrType
        yield from differences(next(part for part in shape.types if isinstance(_bare(part), target)), value, path)
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


def sound(kind: type[Struct], data: dict[str, Any], differences: Iterable[Difference]) -> Struct:
    """Return ``data`` as the struct, without the top-level keys that ``differences`` are about: what is left can
    still be checked further. The struct must have no required fields.
    """
    bad = {path[0] for path, _ in differences if path}
    return convert({key: value for key, value in data.items() if key not in bad}, kind)
