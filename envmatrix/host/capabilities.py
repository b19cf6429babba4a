"""Names become capabilities: the project's own first, then the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping

from envmatrix.config.builtin import BUILTIN, builtin, is_known, python_of
from envmatrix.config.model import Capability

__all__ = ["BUILTIN", "builtin", "find", "is_known", "kind", "python_of"]

_KINDS = ("module", "program", "service", "device", "env", "check")


def find(name: str, capabilities: Mapping[str, Capability]) -> Capability | None:
    """The capability of that name: declared, else built in, else None."""
    return capabilities.get(name) or builtin(name)


def kind(capability: Capability) -> str:
    """The name of the probe that answers for a capability: a key of ``host.probes.PROBES``, or a third party's.

    A capability that says nothing of itself is "nothing": that is what its finding then says.
    """
    if capability.probe:
        return capability.probe
    return next((word for word in _KINDS if getattr(capability, word)), "nothing")
