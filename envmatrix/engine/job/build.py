"""Cells become overlays and jobs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from envmatrix.config.model import Capability, Cell, Profile
from envmatrix.engine.job.model import Overlay, RequiredModule
from envmatrix.host.model import Finding, Interpreter
from envmatrix.host.requirements import parse
from envmatrix.plan import Runnable


def make_planned_overlay(planned: Runnable, profile: Profile) -> Overlay:
    """Return what ``profile`` lays over the tox environment of a cell that was planned."""
    overlay = make_overlay(planned.cell, profile, planned.interpreter)
    return msgspec.structs.replace(overlay, sees_system=planned.sees_system)


def make_overlay(cell: Cell, profile: Profile, python: Interpreter | None = None) -> Overlay:
    """Return what ``profile`` lays over the tox environment of ``cell``, on the interpreter ``python``."""
    return Overlay(
        name=cell.name,
        settings=tuple(profile.env[key] for key in sorted(profile.env)),
        tox_env=cell.tox_env,
        python=python.path if python is not None else "",
        python_version=python.version if python is not None else "",
        isolated=profile.system_site_packages is False,
        user_site=profile.system_site_packages is None,
    )


def required_modules(
    planned: Runnable, capabilities: Mapping[str, Capability], *, isolated: bool
) -> tuple[RequiredModule, ...]:
    """Return the modules that the cell's profile promises, with the origin that the plan saw.

    An isolated environment installs its own, so there only the import and the version are held against the profile.
    """
    if not planned.cell.requires:
        return ()  # what most profiles require, and worth no import
    from packaging.markers import default_environment

    result: dict[str, Finding] = {finding.capability: finding for finding in planned.findings}
    environment: dict[str, str] = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": ".".join(planned.interpreter.version.split(".")[:2]),
        "python_full_version": planned.interpreter.version,
    }
    modules = []
    for requirement in parse(planned.cell.requires):
        capability = capabilities.get(requirement.name)
        if capability is None or not capability.module:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        finding = result.get(capability.name)
        modules.append(
            RequiredModule(
                capability=capability.name,
                module=capability.module,
                origin=finding.where if finding is not None and not isolated else "",
                version=capability.version,
                distribution=capability.distribution,
                specifier=str(requirement.specifier),
                remedy=f"see `envmatrix explain {planned.cell.name}`",
            )
        )
    return tuple(modules)


def promised_capabilities(cell: Cell) -> dict[str, str]:
    """Return the capabilities that the cell's profile promises, with their version specifiers."""
    named = {item.name: str(item.specifier) for item in parse(cell.requires)}
    return dict.fromkeys(cell.services, "") | named
