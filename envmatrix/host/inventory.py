"""Probes everything that a host may have: every interpreter, every module in each, every other capability."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from envmatrix.config.capabilities import BUILTIN, find, kind
from envmatrix.config.model import Capability
from envmatrix.host.interpreters.candidates import (
    InterpreterQueries,
    explain_unusable,
    make_candidate,
    make_interpreter,
)
from envmatrix.host.interpreters.finder import Place, places
from envmatrix.host.interpreters.query import InterpreterAnswer
from envmatrix.host.interpreters.spec import too_old
from envmatrix.host.model import Finding
from envmatrix.host.probes import module, probe_of
from envmatrix.host.probes.base import Context
from envmatrix.host.probes.python import make_finding
from envmatrix.util.subprocess import together

WORKERS = 8


def probe_all(
    capabilities: Mapping[str, Capability], environ: Mapping[str, str], timeout_s: float = 10.0
) -> tuple[Finding, ...]:
    """What the host has of everything built in and declared, side by side; sorted by capability.

    A module gives one finding per interpreter in which it is more than absent, else a single one, for the first
    interpreter in order of preference. ``pythonX.Y`` is found for every version of which there is an interpreter.
    """
    known = {**BUILTIN, **capabilities}
    modules = tuple(item for _name, item in sorted(known.items()) if kind(item) == "module")
    requested = InterpreterQueries(modules, environ, timeout_s)
    context = Context(environ=environ, timeout_s=timeout_s, asked=requested)
    with together(WORKERS) as pool:
        others = [pool.submit(probe_of(kind(item)), item, context) for item in known.values() if kind(item) != "module"]
        there = [place for place in places(environ, system_first=True) if not place.dead and not too_old(place.hint)]
        facts = list(pool.map(lambda place: requested.told(place.path, importing=True), there))
        findings = [future.result() for future in others]
    answers = list(zip(there, facts, strict=True))
    findings += _pythons(answers)
    findings += [finding for item in modules for finding in _module(item, answers, context)]
    return tuple(sorted(findings, key=lambda one: (one.capability, one.status != "ok", one.interpreter, one.where)))


def _pythons(answers: list[tuple[Place, InterpreterAnswer]]) -> list[Finding]:
    """The first working interpreter of each version; the first broken one where none works."""
    first: dict[str, Finding] = {}
    for place, answer in answers:
        name = _name(place, answer)
        capability = find(name, {})
        if capability is None:
            continue
        why = explain_unusable(answer)
        if not why and (name not in first or first[name].status != "ok"):
            first[name] = make_finding(capability, make_candidate(place, answer, ""), answer)
        elif why and name not in first:
            message = f"{name}: {make_candidate(place, answer, why).refused}."
            remedy = f"Reinstall {place.path}, or remove it."
            first[name] = Finding(
                capability=name,
                status="broken",
                message=message,
                remedy=remedy,
                where=place.path,
                interpreter=place.path,
            )
    return list(first.values())


def _name(place: Place, answer: InterpreterAnswer) -> str:
    if not answer.version:
        return f"{'python' if place.hint[:1].isdigit() else ''}{'.'.join(place.hint.split('.')[:2])}"
    prefix = "python" if answer.implementation == "cpython" else answer.implementation
    return f"{prefix}{'.'.join(answer.version.split('.')[:2])}{'t' if answer.free_threaded else ''}"


def _module(capability: Capability, answers: list[tuple[Place, InterpreterAnswer]], context: Context) -> list[Finding]:
    findings = []
    for place, details in answers:
        if not explain_unusable(details):
            there = msgspec.structs.replace(context, interpreter=make_interpreter(place, details), told=details)
            findings.append(module.probe(capability, there))
    return [finding for finding in findings if finding.status != "absent"] or findings[:1]
