"""Names of capabilities: what a profile promises, and the words by which reasons speak of a capability."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from envmatrix.config.model import Capability, Profile
from envmatrix.evidence.model import Evidence

# Other words that people write for the same server, from the servers' own documentation.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "mysql": ("mariadb",),
    "postgresql": ("postgres", "pgsql"),
    "redis": ("valkey",),
    "memcached": ("memcache",),
    "rabbitmq": ("rabbit", "amqp"),
    "network": ("internet",),
    "root": ("superuser",),
    "libvirt": ("libvirtd",),
    "compiler": ("c compiler", "c++ compiler", "gcc", "clang"),
    "etcd": ("etcd3",),
    "zookeeper": ("kazoo",),
}
# The ports of servers that a project may have no other word for, as their documentation gives them.
SERVERS: Mapping[str, str] = {
    "mysql": "3306",
    "postgresql": "5432",
    "redis": "6379",
    "memcached": "11211",
    "rabbitmq": "5672",
    "etcd": "2379",
    "zookeeper": "2181",
}
_PLATFORMS: Mapping[str, tuple[str, str]] = {
    "Linux": ("linux", "posix"),
    "Darwin": ("darwin", "posix"),
    "Windows": ("win32", "nt"),
}


def canonical_name(name: str) -> str:
    """The spelling by which two names of one capability are equal, as PEP 503 does it for distributions."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def requirement_name(requirement: str) -> str:
    """The capability that a requirement such as ``libvirt>=9; sys_platform == "linux"`` names."""
    match = re.match(r"\s*([A-Za-z0-9][\w.+-]*)", requirement)
    return canonical_name(match.group(1)) if match else canonical_name(requirement)


def promised_names(profile: Profile, evidence: Evidence | None = None) -> frozenset[str]:
    """The capabilities that a profile promises, by canonical name: those it requires and those of its services.

    With ``evidence``, a requirement whose marker does not hold for that host and interpreter is no promise there.
    """
    needed = (item for item in profile.requires if evidence is None or is_marker_true(item, evidence))
    return frozenset({requirement_name(item) for item in (*needed, *profile.services)})


def never_held(profile: Profile, records: Iterable[Evidence]) -> tuple[str, ...]:
    """The requirements of a profile whose marker on the Python held in none of these records.

    One on the platform may hold on another host, and is no matter of what the profile says.
    """
    records = tuple(records)
    requested = [item for item in profile.requires if _is_on_python(item.partition(";")[2])]
    return tuple(item for item in requested if records and not any(is_marker_true(item, record) for record in records))


def _is_on_python(marker: str) -> bool:
    return "python_" in marker and "platform" not in marker and "os_name" not in marker


def is_marker_true(requirement: str, evidence: Evidence) -> bool:
    """Whether the marker of a requirement is true where the evidence was made; one that cannot be told holds."""
    if ";" not in requirement:
        return True
    from packaging.markers import UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        marker = Requirement(requirement).marker
        return marker is None or marker.evaluate(_marker_environment(evidence))
    except (InvalidRequirement, UndefinedEnvironmentName):
        return True


def _marker_environment(evidence: Evidence) -> dict[str, str]:
    platform, os_name = _PLATFORMS.get(evidence.host.system, (evidence.host.system.lower(), "posix"))
    facts = {
        "sys_platform": platform,
        "os_name": os_name,
        "platform_system": evidence.host.system,
        "platform_machine": evidence.host.machine,
        "platform_release": evidence.host.release,
    }
    if evidence.interpreter is not None:
        version = evidence.interpreter.version
        facts |= {
            "python_version": ".".join(version.split(".")[:2]),
            "python_full_version": version,
            "implementation_name": evidence.interpreter.implementation,
        }
    return facts


def profiles_promising(capability: str, profiles: Iterable[Profile]) -> tuple[str, ...]:
    """The names of the profiles that promise a capability, sorted."""
    expected = canonical_name(capability)
    return tuple(sorted(profile.name for profile in profiles if expected in promised_names(profile)))


def capabilities_by_module(capabilities: Mapping[str, Capability]) -> dict[str, str]:
    """Python module -> the capability that it belongs to."""
    return {item.module: name for name, item in sorted(capabilities.items(), reverse=True) if item.module}


def capabilities_by_alias(capabilities: Mapping[str, Capability]) -> dict[str, str]:
    """Every word by which a reason may name a capability, in lower case -> the capability.

    A capability's own name wins over another's module, distribution, program, service, device or variable. Versions
    of Python are left out: a test that wants another Python is about the matrix's axis, not about this host.
    """
    result: dict[str, str] = {}
    usable = {
        name: item for name, item in sorted(capabilities.items()) if not re.match(r"(python|pypy)[\d.]*t?$", name)
    }
    for name in usable:
        result[name.lower()] = name
    for name, item in usable.items():
        for word in words_of(name, item):
            result.setdefault(word, name)
    return result


def words_of(name: str, item: Capability | None) -> tuple[str, ...]:
    """Return the words by which a reason may name one capability, in lower case, its own name first."""
    local = (item.module, item.distribution, item.program, item.service, item.device, item.env) if item else ()
    words = (item.name if item else name, *local, *_SYNONYMS.get(name, ()))
    return tuple(dict.fromkeys(word.lower() for word in words if word))
