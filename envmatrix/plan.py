"""Cells and what the host answered become a plan: runnable, blocked or not relevant. Pure: nothing is probed or run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

import msgspec

from envmatrix.config.model import Cell, Matrix, Project
from envmatrix.host.model import Answer, Candidate, Finding, Interpreter, PythonRequest


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a cell is in the state it is in. ``code`` is one of a small, documented set (no_interpreter, absent, broken,
    platform, unknown_environment); ``remedy`` is a sentence or a command.
    """

    code: str
    message: str
    capability: str = ""
    remedy: str = ""


class Runnable(msgspec.Struct, frozen=True, kw_only=True, tag="runnable"):
    """The cell can run here, on this interpreter, with these findings to be proved again in the environment.

    ``system_site_packages`` is None where nobody said what the environment sees of the system. ``depends`` are patterns
    of the environments that tox would run first.
    """

    cell: Cell
    interpreter: Interpreter
    system_site_packages: bool | None = None
    findings: tuple[Finding, ...] = ()
    considered: tuple[Candidate, ...] = ()
    depends: tuple[str, ...] = ()

    @property
    def sees_system(self) -> bool:
        """Tell whether the environment may have packages of the system, as far as is known."""
        return self.system_site_packages is not False


class Blocked(msgspec.Struct, frozen=True, kw_only=True, tag="blocked"):
    """The cell cannot run on this host; there is always at least one reason."""

    cell: Cell
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...] = ()
    considered: tuple[Candidate, ...] = ()


class NotRelevant(msgspec.Struct, frozen=True, kw_only=True, tag="not_relevant"):
    """The change does not need the cell: the rule that says so, and the paths it was held against."""

    cell: Cell
    rule: str
    paths: tuple[str, ...] = ()


Planned = Runnable | Blocked | NotRelevant
PlanState = Literal["runnable", "blocked", "not_relevant"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one host for one matrix; ``cells`` in the matrix's order."""

    matrix_digest: str
    cells: tuple[Planned, ...]


class ToxEnv(msgspec.Struct, frozen=True, kw_only=True):
    """What tox itself says of one environment, where a profile leaves it to the project.

    ``problem`` is tox's own sentence where it cannot make the environment at all.
    """

    name: str
    base_python: tuple[str, ...] = ()
    system_site_packages: bool = False
    platform: str = ""
    commands: int = 0
    depends: tuple[str, ...] = ()
    description: str = ""
    problem: str = ""


def needs_tox(cell: Cell) -> bool:
    """Tell whether only tox knows what the cell asks of the host: an environment of the project's own, or site-packages
    that the profile leaves to the project.
    """
    return bool(cell.tox_env) or cell.system_site_packages is None


def request_for(cell: Cell, project: Project, tox_env: ToxEnv | None = None) -> PythonRequest:
    """Say what a cell asks of a host; ``tox_env`` where ``needs_tox`` said so."""
    own_python = (cell.base_python or project.base_python) if not cell.python else ()
    site_packages = cell.system_site_packages
    if tox_env is not None:
        own_python = tox_env.base_python if not cell.python else ()
        site_packages = tox_env.system_site_packages
    return PythonRequest(
        python=cell.python,
        spec=own_python,
        requires_python=project.requires_python,
        system_site_packages=bool(site_packages),
        requires=cell.requires,
        services=cell.services,
    )


def make_plan(
    matrix: Matrix,
    answers: Mapping[PythonRequest, Answer],
    *,
    tox_envs: Mapping[str, ToxEnv] | None = None,
    not_relevant: Mapping[str, NotRelevant] | None = None,
    platform: str = sys.platform,
) -> Plan:
    """Plan every cell of the matrix from what the host answered; ``tox_envs`` and ``not_relevant`` are by cell name."""
    tox_envs, not_relevant = tox_envs or {}, not_relevant or {}
    cells = tuple(
        not_relevant.get(cell.name) or _plan_cell(cell, matrix.project, answers, tox_envs.get(cell.name), platform)
        for cell in matrix.cells
    )
    return Plan(matrix_digest=matrix.digest, cells=cells)


def _plan_cell(
    cell: Cell, project: Project, answers: Mapping[PythonRequest, Answer], tox_env: ToxEnv | None, platform: str
) -> Planned:
    if tox_env is not None and (reason := _tox_refuses(tox_env, platform)):
        return Blocked(cell=cell, reasons=(reason,))
    request = request_for(cell, project, tox_env)
    answer = answers[request]
    chosen = next((candidate for candidate in answer.candidates if not candidate.refused), None)
    reasons = [_finding_reason(finding) for finding in answer.findings if finding.status != "ok"]
    if chosen is not None and not reasons:
        return Runnable(
            cell=cell,
            interpreter=chosen.interpreter,
            system_site_packages=request.system_site_packages,
            findings=answer.findings + chosen.findings,
            considered=answer.candidates,
            depends=tox_env.depends if tox_env is not None else (),
        )
    if chosen is None:
        reasons += _missed_in_all(answer)
    return Blocked(cell=cell, reasons=tuple(reasons), findings=answer.findings, considered=answer.candidates)


def _tox_refuses(tox_env: ToxEnv, platform: str) -> Reason | None:
    if tox_env.problem:
        named = "not found in configuration" in tox_env.problem
        remedy = "see `envmatrix list --tox` for the names" if named else "correct it in the tox file; see `tox config`"
        return Reason(code="unknown_environment", message=tox_env.problem, remedy=remedy)
    if tox_env.platform and not _is_match(tox_env.platform, platform):
        return Reason(
            code="platform",
            message=f"its tox setting platform = {tox_env.platform} does not match this host's {platform}",
            remedy="run it on a host of that platform",
        )
    return None


def _is_match(pattern: str, platform: str) -> bool:
    # tox compares with re.fullmatch
    import re

    try:
        return re.fullmatch(pattern, platform) is not None
    except re.error:
        return False


def _finding_reason(finding: Finding) -> Reason:
    code = "no_interpreter" if finding.capability.startswith(("python", "pypy")) else finding.status
    return Reason(code=code, capability=finding.capability, message=finding.message, remedy=finding.remedy)


def _missed_in_all(answer: Answer) -> list[Reason]:
    """Explain by capability what kept every candidate from being chosen."""
    by_capability: dict[str, list[Finding]] = {}
    for candidate in answer.candidates:
        for finding in candidate.findings:
            if finding.status != "ok":
                by_capability.setdefault(finding.capability, []).append(finding)
    return [_in_no_interpreter(findings) for findings in by_capability.values()]


def _in_no_interpreter(findings: list[Finding]) -> Reason:
    # A binding that is there and does not work says more than the interpreters that never had it.
    facts = next((finding for finding in findings if finding.status == "broken"), findings[0])
    others = [finding.interpreter for finding in findings if finding is not facts and finding.interpreter]
    message = facts.message
    if others:  # `explain` lists them; a dozen of paths here would hide the sentence
        named = others[0] if len(others) == 1 else f"{len(others)} other interpreters"
        message = f"{message.rstrip('.')}. Nor does it import in {named}."
    return Reason(code=facts.status, capability=facts.capability, message=message, remedy=facts.remedy)
