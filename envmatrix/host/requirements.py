"""Requirement strings ("libvirt>=9; sys_platform == 'linux'") held against findings, by packaging's PEP 440 and 508."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from envmatrix.host.model import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.version import Version

AMOUNTS = ("memory", "disk", "cpus")  # capabilities whose version is how much there is of them
_NUMBERS = re.compile(r"\d+(\.\d+)*")


def parse(requirements: Iterable[str]) -> tuple[Requirement, ...]:
    """The requirements, each once, in the order given.

    :raises packaging.requirements.InvalidRequirement: for one that is not PEP 508; the configuration refuses those
    """
    texts = tuple(dict.fromkeys(requirements))
    if not texts:
        return ()  # what most profiles require, and worth no import
    from packaging.requirements import Requirement

    return tuple(Requirement(text) for text in texts)


def marker_environment(
    version: str, implementation: str = "cpython", implementation_version: str = ""
) -> dict[str, str]:
    """PEP 508's marker values for another interpreter of this host than the one that runs the tool."""
    from packaging.markers import default_environment

    names = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}
    local = {key: str(value) for key, value in default_environment().items()}
    return {
        **local,
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "implementation_name": implementation,
        "implementation_version": implementation_version or version,
        "platform_python_implementation": names.get(implementation, implementation),
    }


def applies(requirement: Requirement, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the requirement's marker is true, for the tool's own interpreter where no other is given."""
    return requirement.marker is None or requirement.marker.evaluate(dict(environment) if environment else None)


def held(finding: Finding, requirement: Requirement) -> Finding:
    """The finding as this requirement sees it: one that is ok at a version that will not do becomes broken.

    "broken" and not "absent", because something is there, and installing it once more would not change it.
    """
    if finding.status != "ok" or not requirement.specifier:
        return finding
    requested, name = str(requirement.specifier), finding.capability
    version = as_version(finding.version)
    place = f" in {finding.interpreter}" if finding.interpreter else ""
    place += f" ({finding.where})" if finding.where and finding.where != finding.interpreter else ""
    if version is None:
        message = f"{name} is there{place}, but its version cannot be told, and {requested} is asked for"
        remedy = f"Give the capability {name} a `version` that says which one is there."
    elif requirement.specifier.contains(version, prereleases=True):
        return finding
    else:
        word = _compared(version, requirement)
        message = f"{name} {finding.version}{place} is {word} the {requested} asked for"
        remedy = f"Provide {name} {requested} on this host, or ask for another version of it."
    return msgspec.structs.replace(finding, status="broken", message=f"{message}.", remedy=remedy)


def as_version(text: str) -> Version | None:
    """The version in what a program or a server says of itself ("10.11.6-MariaDB"), None where there is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        match = _NUMBERS.search(text)
        return Version(match[0]) if match else None


def _compared(version: Version, requirement: Requirement) -> str:
    from packaging.version import Version

    older, newer = ("less than", "more than") if requirement.name in AMOUNTS else ("older than", "newer than")
    lower = [item for item in requirement.specifier if item.operator in (">=", ">", "~=")]
    if any(not item.contains(version, prereleases=True) and version < Version(item.version) for item in lower):
        return older
    upper = [item for item in requirement.specifier if item.operator in ("<=", "<")]
    if any(not item.contains(version, prereleases=True) for item in upper):
        return newer
    return "not"
