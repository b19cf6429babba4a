"""What every probe is given and gives back."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Protocol

import msgspec

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.candidates import InterpreterQueries
from envmatrix.host.interpreters.query import InterpreterAnswer, limit_s
from envmatrix.host.model import Finding, Interpreter


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe may look at. ``interpreter`` and ``told`` are there for probes of modules only.

    ``started`` lists the names of services that the run starts itself, so that no server need be running for them.
    """

    environ: Mapping[str, str]
    timeout_s: float = 10.0
    asked: InterpreterQueries
    interpreter: Interpreter | None = None
    told: InterpreterAnswer | None = None
    started: frozenset[str] = frozenset()

    def limit_s(self, capability: Capability) -> float:
        """The time limit of this capability's probe, in seconds."""
        return limit_s(capability, self.timeout_s)

    def deadline(self, capability: Capability) -> float:
        """The monotonic time at which this capability's probe has to be over."""
        return time.monotonic() + self.limit_s(capability)


class Probe(Protocol):
    """Finds out whether a host has a capability, by doing the real thing with it.

    A probe never raises for what it finds, keeps to ``context.limit_s(capability)``, leaves nothing behind, prints
    nothing, and answers with one of three words: ok, absent (nothing is there) or broken (something is, and the message
    holds its own error). The message is a sentence that names the capability; the remedy may be left to the caller.
    """

    def __call__(self, capability: Capability, context: Context) -> Finding:
        """Probe one capability."""
        ...


def ok(capability: Capability, message: str, *, version: str = "", where: str = "", interpreter: str = "") -> Finding:
    """The finding that the capability is there and works."""
    return Finding(
        capability=capability.name,
        status="ok",
        message=_sentence(message),
        version=version,
        where=where,
        interpreter=interpreter,
    )


def absent(
    capability: Capability, message: str, remedy: str = "", *, where: str = "", interpreter: str = ""
) -> Finding:
    """The finding that there is nothing of the capability."""
    return Finding(
        capability=capability.name,
        status="absent",
        message=_sentence(message),
        remedy=remedy,
        where=where,
        interpreter=interpreter,
    )


def broken(
    capability: Capability, message: str, remedy: str = "", *, version: str = "", where: str = "", interpreter: str = ""
) -> Finding:
    """The finding that something of the capability is there and does not work."""
    return Finding(
        capability=capability.name,
        status="broken",
        message=_sentence(message),
        remedy=remedy,
        version=version,
        where=where,
        interpreter=interpreter,
    )


def _sentence(text: str) -> str:
    """On one line, and with one full stop where what was quoted brought its own."""
    return re.sub(r"\.+$", ".", " ".join(text.split()))
