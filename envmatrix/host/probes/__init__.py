"""The probes, by the name that a capability gives: one module each, one Protocol, one dict.

A third party adds one by the entry point group ``envmatrix.probes``: the entry point's name is what a capability says
in ``probe``, its object a ``Probe``. What is built in cannot be replaced.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, Probe, broken
from envmatrix.host.remedies import install_hint

__all__ = ["PROBES", "Context", "Probe", "probe_of"]

# Module and function. A plan asks a few of them, so each is loaded when it is.
PROBES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "check": ("check", "probe"),
        "compiler": ("compiler", "probe"),
        "cpus": ("system", "cpus"),
        "device": ("device", "probe"),
        "disk": ("system", "disk"),
        "docker": ("docker", "probe"),
        "env": ("system", "probe_variable"),
        "interpreter": ("python", "probe"),
        "kernel": ("system", "probe"),
        "locale": ("system", "locale"),
        "memory": ("system", "memory"),
        "module": ("module", "probe"),
        "network": ("network", "probe"),
        "pkg-config": ("compiler", "headers"),
        "program": ("program", "probe"),
        "root": ("system", "root"),
        "service": ("service", "probe"),
        "sudo": ("system", "sudo"),
        "sysctl": ("system", "sysctl"),
        "timezone": ("system", "timezone"),
    }
)


def probe_of(name: str) -> Probe:
    """The probe of that name: built in, else a third party's, else one that says there is none. What it returns never
    raises: a probe that fails by itself is a finding too.
    """
    if name in PROBES:
        place, function = PROBES[name]
        return _guarded(getattr(importlib.import_module(f"{__name__}.{place}"), function))
    from importlib import metadata

    for entry in metadata.entry_points(group="envmatrix.probes", name=name):
        try:
            return _guarded(entry.load())
        except Exception as error:
            return _unknown(f"the probe '{name}' of {entry.value} does not load: {type(error).__name__}: {error}")
    return _unknown("nothing says how it is probed" if name == "nothing" else f"there is no probe '{name}'")


def _guarded(probe: Probe) -> Probe:
    def guarded(capability: Capability, context: Context) -> Finding:
        try:
            finding = probe(capability, context)
        except Exception as error:
            message = f"{capability.name}: its probe failed with {type(error).__name__}: {error}."
            return broken(capability, message, "Report this to the author of the probe.")
        if finding.status == "ok" or finding.remedy:
            return finding
        remedy = install_hint(capability, context.environ) or f"Provide {capability.name} on this host."
        return msgspec.structs.replace(finding, remedy=remedy)

    return guarded


def _unknown(why: str) -> Probe:
    def unknown(capability: Capability, context: Context) -> Finding:
        known = ", ".join(sorted(PROBES))
        remedy = f"Declare {capability.name} in profiles/capabilities.toml with a probe that exists: {known}."
        return broken(capability, f"{capability.name} cannot be probed: {why}.", remedy)

    return unknown
