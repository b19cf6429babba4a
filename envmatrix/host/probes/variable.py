"""Environment variables: set, and not empty."""

from __future__ import annotations

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, ok


def probe(capability: Capability, context: Context) -> Finding:
    """Whether ``capability.env`` is set; its value is not repeated, for it may be a secret."""
    name = capability.env
    if context.environ.get(name):
        return ok(capability, f"{capability.name}: ${name} is set.", where=f"${name}")
    state = "set, but empty" if name in context.environ else "not set"
    remedy = f"Set {name} where envmatrix is started, and let it through to the tests with pass_env."
    return absent(capability, f"{capability.name}: the environment variable {name} is {state}.", remedy)
