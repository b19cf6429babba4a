"""The capabilities that are built in, in the words in which a project declares its own: plain values, nothing probed.

Package names are those of Debian 12 (apt), Fedora (dnf), Arch (pacman) and Homebrew (brew); what one of them does not
package is left out, and those of servers are in the records of ``host.protocols.servers``. ``skip_reasons`` are
searched without regard to case in what test suites say when they skip.

Names become capabilities: the project's own first, then the built-in ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from envmatrix.config.model import Capability

_PYTHON: Final = re.compile(r"(python|pypy|graalpy)(\d+\.\d+t?)")


def _missing(subject: str) -> tuple[str, ...]:
    """How test suites say that something is not there: "X is not installed", "cannot connect to X", "requires X"."""
    gone = r"((not|n't) (be )?(present|available|installed|found|running|reachable|importable)|unavailable|missing)"
    after = r"(?=$|[.,:;!)]| (found|available|running|present|installed|here|at|on|in)\b)"
    which = r"(an? |the |running |working |local )*['\"]?"
    return (
        rf"(?i)\b{subject}\b[^.;\n]{{0,40}}\b{gone}",
        rf"(?i)\b(no|missing):? {which}{subject}{after}",
        rf"(?i)\b(requires?|needs?):? {which}{subject}\b",
        rf"(?i)\b(cannot|can't|could not|couldn't|unable to) (connect to|import|find|reach) {which}{subject}\b",
    )


def _backend(dialect: str) -> str:
    """What SQLAlchemy test harnesses say: "Backend 'mysql+pymysql' is unavailable: Could not connect"."""
    return rf"(?i)backend '{dialect}(\+\w+)?' is unavailable"


_ALL: Final = (
    Capability(
        name="libvirt",
        module="libvirt",
        distribution="libvirt-python",
        version="libvirt.getVersion()",
        url="test:///default",
        packages={
            "apt": ("python3-libvirt",),
            "dnf": ("python3-libvirt",),
            "pacman": ("libvirt-python",),
            "brew": ("libvirt", "libvirt-python"),
            "pip": ("libvirt-python",),
        },
        skip_reasons=(
            r"(?i)no module named '?libvirt(mod)?\b",
            *_missing(r"libvirt(d|-python| python bindings| bindings)?"),
        ),
    ),
    Capability(
        name="mysql",
        service="mysql",
        skip_reasons=(_backend("(mysql|mariadb)"), *_missing("(mysql|mariadb)( server| database)?")),
    ),
    Capability(
        name="postgresql",
        service="postgresql",
        skip_reasons=(_backend("postgresql"), *_missing("(postgres(ql)?)( server| database)?")),
    ),
    Capability(
        name="redis",
        service="redis",
        skip_reasons=_missing("(redis|valkey)( server)?"),
    ),
    Capability(
        name="memcached",
        service="memcached",
        skip_reasons=_missing("memcached?( server)?"),
    ),
    Capability(
        name="rabbitmq",
        service="rabbitmq",
        skip_reasons=_missing("(rabbitmq|amqp)( server| broker)?"),
    ),
    Capability(
        name="etcd",
        service="etcd",
        skip_reasons=_missing("etcd3?( server)?"),
    ),
    Capability(
        name="zookeeper",
        service="zookeeper",
        skip_reasons=_missing("(zookeeper|kazoo)( server)?"),
    ),
    Capability(
        name="kvm",
        device="/dev/kvm",
        packages={"apt": ("qemu-system-x86",), "dnf": ("qemu-kvm",), "pacman": ("qemu-base",)},
        skip_reasons=_missing("(/dev/)?kvm"),
    ),
    Capability(
        name="docker",
        probe="docker",
        packages={
            "apt": ("docker.io",),
            "dnf": ("moby-engine",),
            "pacman": ("docker",),
            "brew": ("docker", "colima"),
        },
        skip_reasons=_missing("docker( daemon| engine)?"),
    ),
    Capability(
        name="git",
        program="git",
        version="--version",
        packages={"apt": ("git",), "dnf": ("git",), "pacman": ("git",), "brew": ("git",)},
        skip_reasons=_missing("git"),
    ),
    Capability(
        name="compiler",
        probe="compiler",
        packages={
            "apt": ("build-essential", "pkg-config"),
            "dnf": ("gcc", "gcc-c++", "make", "pkgconf-pkg-config"),
            "pacman": ("base-devel",),
            "brew": ("gcc", "pkgconf"),
        },
        skip_reasons=_missing("(c compiler|compiler|gcc|clang)"),
    ),
    Capability(name="root", probe="root", skip_reasons=_missing("(root( privileges| permissions)?|superuser)")),
    Capability(
        name="sudo",
        probe="sudo",
        packages={"apt": ("sudo",), "dnf": ("sudo",), "pacman": ("sudo",)},
        skip_reasons=_missing("(passwordless )?sudo"),
    ),
    Capability(
        name="network",
        probe="network",
        skip_reasons=_missing("(network( access| connection)?|internet( access| connection)?)"),
    ),
    Capability(name="memory", probe="memory"),
    Capability(name="disk", probe="disk"),
    Capability(name="cpus", probe="cpus"),
    Capability(name="kernel", probe="kernel"),
    Capability(name="locale", probe="locale", value="UTF-8"),
    Capability(name="timezone", probe="timezone", value="Europe/Berlin"),
)

BUILTIN: Final[dict[str, Capability]] = {item.name: msgspec.structs.replace(item, origin="built-in") for item in _ALL}


def python_of(name: str) -> str:
    """The Python that a capability's name stands for: "3.12" for ``python3.12``, ``pypy3.10`` for itself, else ""."""
    match = _PYTHON.fullmatch(name)
    if not match:
        return ""
    return match[2] if match[1] == "python" else name


def builtin(name: str) -> Capability | None:
    """The built-in capability of that name, or the one that stands for an interpreter ("python3.12"), else None."""
    if name in BUILTIN:
        return BUILTIN[name]
    if python_of(name):
        return Capability(
            name=name, origin="built-in", probe="interpreter", value=python_of(name), packages=_pythons(name)
        )
    return None


def is_known(name: str) -> bool:
    """Whether a capability of that name is built in."""
    return name in BUILTIN or bool(_PYTHON.fullmatch(name))


def _pythons(name: str) -> dict[str, tuple[str, ...]]:
    if not name.startswith("python") or name.endswith("t"):
        return {}
    return {"apt": (name, f"{name}-venv"), "dnf": (name,), "brew": (name.replace("python", "python@"),)}


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
