"""profiles/capabilities.toml: the capabilities that a project declares, over those that are built in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from envmatrix.config import shape
from envmatrix.config.builtin import python_of
from envmatrix.config.checks import Fault, pattern_fault
from envmatrix.config.layers import texts
from envmatrix.config.model import Capability
from envmatrix.config.reading import Document
from envmatrix.config.schema import PROBES, CapabilityTable
from envmatrix.config.words import listed
from envmatrix.decoding import convert
from envmatrix.errors import Problem

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def declared(document: Document, built_in: dict[str, Capability]) -> tuple[dict[str, Capability], list[Problem]]:
    """Return the capabilities of a document by name, and what is wrong with it.

    A table with a built-in capability's name changes the keys that it holds and leaves the others.
    """
    found: dict[str, Capability] = {}
    problems: list[Problem] = []
    for name, table in document.data.items():
        faults = list(_faults(name, table, built_in))
        problems += [document.problem((name, *path), message) for path, message in faults]
        # known even where faulty, so that the profiles which require it are not reported as well
        bad = {path[0] for path, _ in faults if path}
        usable = isinstance(table, dict) and all(path for path, _ in faults)
        given = {key: value for key, value in table.items() if key not in bad} if usable else {}
        found[name] = _capability(name, given, document, built_in)
    return found, problems


def _faults(name: str, table: object, built_in: dict[str, Capability]) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield (), f"{name!r} cannot be required; use letters, digits, '.', '_' and '-'"
    elif python_of(name):
        yield (), "every pythonX.Y is known already; drop this table"
    found = list(shape.differences(shape.shape_of(CapabilityTable), table))
    yield from found
    if not isinstance(table, dict):
        return
    probes = [key for key in PROBES if key in table]
    if len(probes) > 1:
        yield (), f"has {listed(probes)}; a capability is probed in one way, keep one of them"
    elif probes and probes != ["service"] and name in built_in and built_in[name].service:
        yield (), f"is a built-in service, which profiles start; give what has {listed(probes)} another name"
    elif not probes and name not in built_in and not found:
        yield (), f"does not say how it is probed; give it one of {listed(PROBES)}"
    reasons = table.get("skip_reasons")
    for number, pattern in enumerate(reasons if isinstance(reasons, list) else ()):
        if isinstance(pattern, str) and (message := pattern_fault(pattern)):
            yield ("skip_reasons", number), message


def _capability(name: str, table: dict[str, Any], document: Document, built_in: dict[str, Capability]) -> Capability:
    given = convert(table, CapabilityTable)
    changes: dict[str, Any] = {key: getattr(given, key) for key in table}
    if "packages" in changes:
        changes["packages"] = {installer: texts(names) for installer, names in given.packages.items()}
    base = built_in.get(name, Capability(name=name))
    if any(key in changes for key in PROBES):  # another way of probing: what the built-in one asks does not apply
        base = Capability(name=name, packages=base.packages, skip_reasons=base.skip_reasons)
    return msgspec.structs.replace(base, origin=document.source((name,)), **changes)
