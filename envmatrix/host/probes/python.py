"""Interpreters: ``python3.12`` is there when one of that version starts and can make environments that install."""

from __future__ import annotations

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.candidates import search_candidates
from envmatrix.host.interpreters.query import InterpreterAnswer
from envmatrix.host.model import Candidate, Finding, PythonRequest
from envmatrix.host.platform import installer
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.remedies import COMMANDS


def probe(capability: Capability, context: Context) -> Finding:
    """The first interpreter of the version ``capability.value`` that works; broken with the reasons where none does."""
    reasons = []
    for candidate, answer in search_candidates(PythonRequest(python=capability.value), context.asked):
        if not candidate.refused:
            return make_finding(capability, candidate, answer)
        reasons.append(candidate.refused)
    remedy = missing(capability.value, context)
    if not reasons:
        return absent(capability, f"{capability.name}: no Python {capability.value} on this host.", remedy)
    return broken(capability, f"{capability.name}: {'; '.join(reasons)}.", remedy)


def make_finding(capability: Capability, candidate: Candidate, answer: InterpreterAnswer) -> Finding:
    """The finding about an interpreter that works."""
    interpreter = candidate.interpreter
    note = (
        "" if answer.ensurepip else " It has no ensurepip; virtualenv brings its own pip, `python -m venv` would fail."
    )
    message = f"{capability.name}: {interpreter.path} is {interpreter.version}.{note}"
    return ok(capability, message, version=interpreter.version, where=interpreter.path, interpreter=interpreter.path)


def missing(version: str, context: Context) -> str:
    """How to get a Python of that version on this host."""
    local = installer(context.environ)
    name = f"python@{version}" if local == "brew" else f"python{version}"
    name = "pypy3" if version.startswith("pypy") else name  # packaged without its Python's version
    system = f"{COMMANDS[local]} {name} (where it has one), " if local in ("apt", "dnf", "brew") else ""
    return f"Install it: {system}uv python install {version}, or pyenv install {version}."
