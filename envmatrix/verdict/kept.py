"""Whether a host had what a profile requires: a change may have asked less of its hosts than the gate's profiles do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from envmatrix.config.model import Profile
from envmatrix.evidence.model import Evidence, FindingRecord
from envmatrix.host.model import Finding
from envmatrix.host.requirements import held, parse
from envmatrix.verdict.names import canonical, holds, requirement_name

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def unmet(profile: Profile, evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for each requirement and service of the profile that the evidence does not show to be there.

    A run of the profile itself cannot lack one: what is absent blocks the cell. One of an edited profile can.
    """
    if evidence.mismatches or not (profile.requires or profile.services):
        return  # what was not as promised inside the environment is told already
    found: dict[str, list[FindingRecord]] = {}
    for finding in evidence.findings:
        found.setdefault(canonical(finding.capability), []).append(finding)
    for requirement in profile.requires:
        if holds(requirement, evidence):
            name = requirement_name(requirement)
            why = _lacking(requirement, found.get(name, ()))
            if why:
                yield f"profile {profile.name!r} requires {requirement}, and {why} on {evidence.host.name}"
    for service in profile.services:
        if not any(finding.status == "ok" for finding in found.get(canonical(service), ())):
            yield f"profile {profile.name!r} has the service {service}, which was not there on {evidence.host.name}"


def _lacking(requirement: str, findings: Sequence[FindingRecord]) -> str:
    """Why no finding meets a requirement, "" where one does."""
    if not findings:
        return "the run did not look for it"
    seen = [
        Finding(capability=found.capability, status=found.status, version=found.version, message=found.message)
        for found in findings
    ]
    asked = _parsed(requirement)
    if any(held(finding, asked).status == "ok" for finding in seen):
        return ""
    finding = seen[0]
    return f"{finding.capability} was {finding.version or 'of no version'}" if finding.status == "ok" else "it was not"


@cache
def _parsed(requirement: str) -> Requirement:
    return parse([requirement])[0]
