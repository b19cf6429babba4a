"""The capabilities that are built in."""

from __future__ import annotations

from envmatrix.config.model import Capability

BUILTIN: dict[str, Capability] = {
    "libvirt": Capability(name="libvirt", origin="built-in", module="libvirt"),
    "mysql": Capability(name="mysql", origin="built-in", service="mysql"),
    "postgresql": Capability(name="postgresql", origin="built-in", service="postgresql"),
    "redis": Capability(name="redis", origin="built-in", service="redis"),
    "memcached": Capability(name="memcached", origin="built-in", service="memcached"),
}
