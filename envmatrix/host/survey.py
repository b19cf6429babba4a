"""Asks a host what cells need of it: interpreters that will do, and everything else that can be probed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envmatrix.config.capabilities import find, kind
from envmatrix.config.model import Capability
from envmatrix.host.interpreters.cache import InterpreterCache
from envmatrix.host.interpreters.candidates import (
    InterpreterQueries,
    explain_unusable,
    make_candidate,
    search_candidates,
)
from envmatrix.host.interpreters.finder import Place, hint_of, system_python
from envmatrix.host.interpreters.query import InterpreterAnswer
from envmatrix.host.interpreters.spec import parse_specs
from envmatrix.host.model import Answer, Candidate, Finding, PythonRequest
from envmatrix.host.probes import module, probe_of
from envmatrix.host.probes.base import Context
from envmatrix.host.probes.python import missing
from envmatrix.host.requirements import applies, held, marker_environment, parse
from envmatrix.util.subprocess import together

WORKERS = 8  # probes wait for processes and sockets, not for this process


def survey(
    requests: Iterable[PythonRequest],
    capabilities: Mapping[str, Capability],
    *,
    environ: Mapping[str, str],
    timeout_s: float = 10.0,
    memory: Path | None = None,
) -> dict[PythonRequest, Answer]:
    """The host's answer to each request, in the order given.

    Interpreters are started only until one will do, and each at most once for all modules of all requests. A module
    that a request without system site-packages requires gives no finding: it will be installed, and is proved in the
    finished environment. Everything else is probed side by side.

    :param capabilities: what the project declares; the built-in ones are known
    :param environ: the environment of the run: PATH, HOME and what services and variables are looked up in
    :param timeout_s: of each probe, where its capability does not set a limit of its own
    :param memory: a file for what interpreters say of themselves, until they change on disk
    """
    asking = tuple(dict.fromkeys(requests))
    earlier = InterpreterCache(memory) if memory is not None else None
    requested = InterpreterQueries(_modules(asking, capabilities), environ, timeout_s, earlier)
    chosen, result = _side_by_side(asking, _others(asking, capabilities), capabilities, requested)
    if earlier is not None:
        earlier.keep()
    return {request: _answer(request, *chosen[request], capabilities, result, requested) for request in asking}


def _side_by_side(
    requests: Sequence[PythonRequest],
    others: Sequence[tuple[str, bool]],
    capabilities: Mapping[str, Capability],
    queries: InterpreterQueries,
) -> tuple[dict[PythonRequest, tuple[tuple[Candidate, ...], InterpreterAnswer]], dict[tuple[str, bool], Finding]]:
    """What was chosen for each request, and what was found of everything else."""
    if len(requests) == 1 and not others:  # one question needs no threads, and loading them takes longer than it
        return {requests[0]: _choose(requests[0], capabilities, queries)}, {}
    with together(WORKERS) as pool:
        probes = {key: pool.submit(_probe, *key, capabilities, queries) for key in others}
        chosen: dict[PythonRequest, tuple[tuple[Candidate, ...], InterpreterAnswer]] = {}
        for system in (True, False):  # an interpreter that was asked for modules need not be started for its version
            some = [request for request in requests if request.system_site_packages is system]
            chosen.update(zip(some, pool.map(lambda one: _choose(one, capabilities, queries), some), strict=True))
        return chosen, {key: future.result() for key, future in probes.items()}


def _modules(requests: Iterable[PythonRequest], capabilities: Mapping[str, Capability]) -> tuple[Capability, ...]:
    """The module capabilities that have to be there in a base interpreter, each once."""
    names = {item.name for element in requests if element.system_site_packages for item in parse(element.requires)}
    known = (find(name, capabilities) for name in sorted(names))
    return tuple(entry for entry in known if entry and kind(entry) == "module")


def _others(requests: Iterable[PythonRequest], capabilities: Mapping[str, Capability]) -> list[tuple[str, bool]]:
    """What is to be probed beside modules: names, and whether the run starts that service itself."""
    keys = set()
    for request in requests:
        names = {item.name for item in parse(request.requires)} | set(request.services)
        keys |= {(name, name in request.services) for name in names}
    return sorted(key for key in keys if not _is_module(key[0], capabilities))


def _is_module(name: str, capabilities: Mapping[str, Capability]) -> bool:
    capability = find(name, capabilities)
    return capability is not None and kind(capability) == "module"


def _probe(name: str, started: bool, capabilities: Mapping[str, Capability], queries: InterpreterQueries) -> Finding:
    capability = find(name, capabilities) or Capability(name=name)
    context = Context(
        environ=queries.environ,
        timeout_s=queries.timeout_s,
        asked=queries,
        started=frozenset({name}) if started else frozenset(),
    )
    return probe_of(kind(capability))(capability, context)


def _choose(
    request: PythonRequest, capabilities: Mapping[str, Capability], queries: InterpreterQueries
) -> tuple[tuple[Candidate, ...], InterpreterAnswer]:
    """The candidates up to the first that will do, and what that one told."""
    candidates: list[Candidate] = []
    for candidate, answer in search_candidates(request, queries):
        judged = candidate if candidate.refused else _judged(request, candidate, answer, capabilities, queries)
        candidates.append(judged)
        if not judged.refused:
            return tuple(candidates), answer
    if any(candidate.findings for candidate in candidates):
        candidates.extend(_elsewhere(request, candidates, capabilities, queries))
    return tuple(candidates), InterpreterAnswer()


def _judged(
    request: PythonRequest,
    candidate: Candidate,
    answer: InterpreterAnswer,
    capabilities: Mapping[str, Capability],
    queries: InterpreterQueries,
) -> Candidate:
    """The candidate with what was found of the required modules in it, refused where one of them will not do."""
    if not request.system_site_packages:
        return candidate
    environment = _environment(answer) if request.requires else None
    findings, problems = [], []
    for requirement in parse(request.requires):
        capability = find(requirement.name, capabilities)
        if capability is None or kind(capability) != "module" or not applies(requirement, environment):
            continue
        context = Context(
            environ=queries.environ,
            timeout_s=queries.timeout_s,
            asked=queries,
            interpreter=candidate.interpreter,
            told=answer,
        )
        first = module.probe(capability, context)
        finding = held(first, requirement)
        findings.append(finding)
        if finding.status != "ok":
            limit = context.limit_s(capability)
            why = (
                module.problem(capability, answer.modules[capability.name], limit)
                if finding is first
                else finding.message
            )
            problems.append(why.rstrip("."))
    item_value = candidate.interpreter
    why = f"{item_value.path} ({item_value.version}): {'; '.join(problems)}" if problems else ""
    return Candidate(interpreter=item_value, findings=tuple(findings), refused=why)


def _elsewhere(
    request: PythonRequest,
    candidates: list[Candidate],
    capabilities: Mapping[str, Capability],
    queries: InterpreterQueries,
) -> list[Candidate]:
    """The operating system's own interpreter, where it is of another version and has the modules that were missed."""
    local = system_python()
    if not local or local in {candidate.interpreter.path for candidate in candidates}:
        return []
    place = Place(path=local, origin="system", hint=hint_of(local))
    facts = queries.told(local, importing=True)
    if explain_unusable(facts):
        return []
    there = _judged(request, make_candidate(place, facts, ""), facts, capabilities, queries)
    names = " and ".join(finding.capability for finding in there.findings if finding.status == "ok")
    if not names:
        return []
    asks = " or ".join(one.says for one in parse_specs(request))
    why = f"has {names}, but the profile asks for {asks}"
    return [
        Candidate(
            interpreter=there.interpreter, findings=there.findings, refused=make_candidate(place, facts, why).refused
        )
    ]


def _answer(
    request: PythonRequest,
    candidates: tuple[Candidate, ...],
    answer: InterpreterAnswer,
    capabilities: Mapping[str, Capability],
    matches: Mapping[tuple[str, bool], Finding],
    queries: InterpreterQueries,
) -> Answer:
    environment = _environment(answer) if answer.version and request.requires else None
    findings = {}
    for requirement in parse(request.requires):
        key = (requirement.name, requirement.name in request.services)
        if key in matches and applies(requirement, environment):
            findings[str(requirement)] = held(matches[key], requirement)
    named = {finding.capability for finding in findings.values()}
    findings.update(
        {name: matches[name, True] for name in request.services if name not in named and (name, True) in matches}
    )
    if not answer.version and not any(candidate.findings for candidate in candidates):
        findings["python"] = _no_interpreter(request, candidates, queries)
    return Answer(
        request=request,
        candidates=candidates,
        findings=tuple(sorted(findings.values(), key=lambda finding: (finding.capability, finding.message))),
    )


def _no_interpreter(request: PythonRequest, candidates: tuple[Candidate, ...], queries: InterpreterQueries) -> Finding:
    """The finding that no interpreter of the version asked for is to be had."""
    version = request.python or ", ".join(request.spec) or request.requires_python
    name = f"python{request.python}" if request.python[:1].isdigit() else request.python or "python"
    reasons = "; ".join(candidate.refused for candidate in candidates)
    tail = f": {reasons}" if reasons else " on this host: not in PATH, nor with pyenv, uv, Homebrew or the system"
    context = Context(environ=queries.environ, timeout_s=queries.timeout_s, asked=queries)
    return Finding(
        capability=name,
        status="broken" if reasons else "absent",
        message=f"{name}: no Python {version or 'from 3.7 on'} that works{tail}.",
        remedy=missing(request.python or "3", context),
    )


def _environment(answer: InterpreterAnswer) -> dict[str, str]:
    return marker_environment(answer.version, answer.implementation, answer.implementation_version)
