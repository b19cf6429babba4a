"""A host's capabilities as labels, in the ways that CI systems take them.

What ``envmatrix doctor`` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.inheritance import TOX
from envmatrix.config.load import load
from envmatrix.config.matrix import NothingToRunError, load_matrix
from envmatrix.config.model import Capability, Project
from envmatrix.config.project import find_project
from envmatrix.config.select import UnknownNameError, find
from envmatrix.engine.planning.planner import plan_cells
from envmatrix.errors import EnvmatrixError
from envmatrix.host.inventory import probe_all
from envmatrix.host.model import Finding, HostFacts
from envmatrix.host.platform import host_facts, installer
from envmatrix.host.remedies import remedies
from envmatrix.plan import Blocked, Plan, Reason, Runnable
from envmatrix.report import host as report
from envmatrix.util.text import hint

PREFIX: Final = "cap-"

# jenkins: a node's label field; labels-file: the swarm client's -labelsFile, one line; github: `config.sh --labels`;
# gitlab: `gitlab-runner register --tag-list`; dask: `dask worker --resources`.
STYLES: Final[Mapping[str, Callable[[list[str]], str]]] = {
    "dask": lambda names: " ".join(f"{name}=1" for name in names),
    "github": ",".join,
    "gitlab": ",".join,
    "jenkins": " ".join,
    "labels-file": lambda names: " ".join(names) + "\n",
}


def make_labels(findings: Iterable[Finding], style: str = "jenkins") -> str:
    """What the host can do, as labels ``cap-NAME``; sorted, each once, capabilities that are ok only.

    :param style: a key of ``STYLES``
    :raises KeyError: for another style
    """
    return STYLES[style](sorted({f"{PREFIX}{finding.capability}" for finding in findings if finding.status == "ok"}))


_LISTED = "`envmatrix list` and `envmatrix doctor` show them all"


class UnknownStyleError(EnvmatrixError):
    """A style of labels that there is none of."""

    hint = "`envmatrix doctor --labels jenkins` prints the labels of a node"


class HostExamination(msgspec.Struct, frozen=True, kw_only=True):
    """What this host has, what each lack blocks, and what would change that."""

    facts: HostFacts
    findings: tuple[Finding, ...]
    plan: Plan | None
    commands: Mapping[str, str]  # by package manager
    own: str = ""  # this host's package manager
    lacking: tuple[str, ...] = ()  # of the capabilities asked for

    @property
    def list_blocked(self) -> tuple[Blocked, ...]:
        """The cells asked for that cannot run here."""
        return tuple(item for item in self.plan.cells if isinstance(item, Blocked)) if self.plan is not None else ()

    def make_labels(self, style: str) -> str:
        """Return as labels of a CI system what is ok, and the services that runs here start for themselves."""
        runnable = (
            [element.cell for element in self.plan.cells if isinstance(element, Runnable)]
            if self.plan is not None
            else []
        )
        started = [Finding(capability=name, status="ok") for cell in runnable for name in cell.services]
        return make_labels([*self.findings, *started], style)

    def render_json(self) -> str:
        """Return the document ``envmatrix/host/1``."""
        blocks: dict[str, list[str]] = {}
        for reason, cells in self._group_reasons().items():
            blocks.setdefault(reason.capability or reason.code, []).extend(cells)
        return report.render_json(self.findings, self.facts, blocks, tuple(self.commands.values()))

    def render_text(self, *, everything: bool, width: int, color: bool) -> str:
        """Return the findings as text for a terminal; ``everything`` also of what nothing asked for."""
        local = [self.commands[name] for name in (self.own, "pip") if name in self.commands]
        return report.render_text(
            self.findings,
            self.facts,
            self._group_reasons(),
            local if local and not everything else tuple(self.commands.values()),
            shown=self.lacking,
            everything=everything,
            width=width,
            color=color,
        )

    def _group_reasons(self) -> dict[Reason, list[str]]:
        """Return what keeps cells from running here, with their names."""
        reasons: dict[Reason, list[str]] = {}
        for entry in self.list_blocked:
            for reason in entry.reasons:
                reasons.setdefault(reason, []).append(entry.cell.name)
        return reasons


def check_style(style: str | None) -> None:
    """Raise UnknownStyleError for labels that no CI system takes; None asks for no labels."""
    if style is not None and style not in STYLES:
        known = ", ".join(STYLES)
        raise UnknownStyleError(f"there is no style of labels {style!r}; choose one of {known}")


def examine_host(start: Path, names: Sequence[str], environ: Mapping[str, str]) -> HostExamination:
    """Probe what is built in or declared, and plan the profiles; where there is no project, probe the host alone."""
    project = find_project(start)
    root = Path(project.root)
    capabilities: Mapping[str, Capability] = BUILTIN
    plan = None
    if only := _capabilities_among(project, names):
        return _examine_only(project, only, environ)
    try:
        matrix = load_matrix(start, names)
        capabilities = matrix.capabilities
        plan = plan_cells(matrix, environ)
    except NothingToRunError:
        if names:
            raise
        capabilities = load(project).capabilities
    findings = _merge_findings(probe_all(capabilities, environ=environ), plan)
    expected = [result for result in findings if _is_needed(result, plan)]
    return HostExamination(
        facts=host_facts(environ),
        findings=findings,
        plan=plan,
        commands=remedies(expected, capabilities, root),
        own=installer(environ),
    )


def _capabilities_among(project: Project, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, if all of them are capabilities and none is a profile or cell; else nothing.

    Raises UnknownNameError for what is neither, and where both are named.
    """
    loaded = load(project)
    matches = tuple(name for name in names if name in loaded.capabilities and find(loaded, name) is None)
    others = [name for name in dict.fromkeys(names) if name not in matches]
    known = [*loaded.profiles, *loaded.capabilities]
    answer = [
        f"{name}: no profile, no cell and no capability has this name{hint(name, known, otherwise=_LISTED)}"
        for name in others
        if find(loaded, name) is None and not name.startswith(TOX)
    ]
    if not answer and matches and others:
        answer = [f"{matches[0]} is a capability and {others[0]} a profile or cell; ask for one kind at a time"]
    if answer:
        raise UnknownNameError("\n".join(answer))
    return matches if len(matches) == len(names) else ()


def _examine_only(project: Project, names: Sequence[str], environ: Mapping[str, str]) -> HostExamination:
    capabilities = load(project).capabilities
    findings = [item_value for item_value in probe_all(capabilities, environ=environ) if item_value.capability in names]
    there = {finding_value.capability for finding_value in findings if finding_value.status == "ok"}
    missing = [found for found in findings if found.capability not in there]
    return HostExamination(
        facts=host_facts(environ),
        findings=tuple(findings),
        plan=None,
        commands=remedies(missing, capabilities, Path(project.root)),
        own=installer(environ),
        lacking=tuple(name for name in names if name not in there),
    )


def _merge_findings(findings: Sequence[Finding], plan: Plan | None) -> tuple[Finding, ...]:
    """Add what only the plan asked for: requirements with versions, in the interpreters of cells."""
    details = {(found.capability, found.interpreter): found for found in findings}
    for one in plan.cells if plan is not None else ():
        if isinstance(one, Blocked):
            for found in (*one.findings, *(found for candidate in one.considered for found in candidate.findings)):
                details.setdefault((found.capability, found.interpreter), found)
    return tuple(details.values())


def _is_needed(finding: Finding, plan: Plan | None) -> bool:
    if finding.status == "ok":
        return False
    if plan is None:
        return True
    return any(
        reason.capability == finding.capability
        for cell_value in plan.cells
        if isinstance(cell_value, Blocked)
        for reason in cell_value.reasons
    )
