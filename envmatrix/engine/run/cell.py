"""One cell's session: its folder, lock and services, the process that runs tox for it, and the record of all that."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from envmatrix.config.model import Cell, Matrix, Profile
from envmatrix.engine.incremental import fingerprint, system_packages
from envmatrix.engine.incremental.replay import run_warm
from envmatrix.engine.install import readiness
from envmatrix.engine.job.build import make_planned_overlay, promised_capabilities, required_modules
from envmatrix.engine.job.environ import LEAKS, PIP_LEAKS, make_tox_environ
from envmatrix.engine.job.model import EVENTS, JOB, JOB_VARIABLE, Job, utc_now, write_job
from envmatrix.engine.launcher.client import Launcher, Spawner, request_mark
from envmatrix.engine.launcher.request import ProcessRequest
from envmatrix.engine.launcher.runner import EndedProcess, Stopper, run_process
from envmatrix.engine.run.content_watch import ContentWatch, make_look, moved_reason
from envmatrix.engine.run.events import CellRun, sort_events
from envmatrix.engine.run.evidence_builder import make_evidence
from envmatrix.engine.run.run_dir import cell_lock
from envmatrix.engine.toxplugin.resolved import ResolvedEnvironment, find_program
from envmatrix.engine.toxplugin.resolved import read_resolved as read_resolved
from envmatrix.errors import ServiceError
from envmatrix.evidence import subunit
from envmatrix.evidence.model import Evidence, HostRecord, RanReason
from envmatrix.plan import Runnable
from envmatrix.util.state_dir import state_path
from envmatrix.vcs.identity import Identity

if TYPE_CHECKING:
    from envmatrix.engine.services import Running, ServiceInfo

SERVICE_TIMEOUT_S = 60.0
_INTERNAL_ERROR = 3  # pytest.ExitCode


class RunContext(msgspec.Struct, frozen=True, kw_only=True):
    """What all cells of one run share. ``folder`` is the run's own, for jobs, recordings and logs.

    ``retries`` and ``reruns`` are how many further attempts a cell gets where the infrastructure failed, and where
    tests did. ``watch`` sees whether the content stays what ``identity`` says.
    """

    matrix: Matrix
    identity: Identity
    host: HostRecord
    run_id: str
    folder: Path
    environ: Mapping[str, str]
    posargs: tuple[str, ...] = ()
    recreate: bool = False
    warm: bool = True
    retries: int = 0
    reruns: int = 0
    launcher: Launcher = msgspec.field(default_factory=Spawner)
    watch: ContentWatch = msgspec.field(default_factory=ContentWatch)


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to know: ``output`` gets what a cell writes, ``said`` a line about it; ``interrupted`` asks to stop,
    ``killed`` not to wait for those who were asked. All are called from several threads.
    """

    output: Callable[[str, bytes], None]
    said: Callable[[str, str], None]
    interrupted: Callable[[], bool]
    killed: Callable[[], bool] = lambda: False


def run_cell(context: RunContext, planned: Runnable, watcher: Watcher, *, attempt: int = 1, why: str = "") -> Evidence:
    """Run one cell to its end and return its evidence; whatever goes wrong is in the evidence, not raised."""
    cell, root = planned.cell, Path(context.matrix.project.root)
    profile = context.matrix.profiles[cell.profile]
    folder = context.folder / (f"{cell.name}~{attempt}" if attempt > 1 else cell.name)
    record_dir = f"{folder}/record"
    os.makedirs(record_dir, exist_ok=True)  # noqa: PTH103 - half as long as pathlib's, and done for each cell
    _write_ignored_files(context.identity, root, Path(record_dir))
    run = CellRun(
        planned=planned,
        profile=profile,
        folder=folder,
        started=utc_now(),
        attempt=attempt,
        attempt_reason=why,
        partial=f"arguments after --: {' '.join(context.posargs)}" if context.posargs else "",
    )
    begun = time.monotonic()

    def without_run(reason: RanReason) -> Evidence:
        return make_evidence(context, run, reasons=(reason,), duration_s=time.monotonic() - begun)

    try:
        with cell_lock(root, cell.name, say_line=watcher.said, interrupted=watcher.interrupted) as locked:
            if not locked:
                return without_run(
                    RanReason(code="interrupted", message="interrupted while it waited for another envmatrix")
                )
            with _run_services(context, cell, profile) as running:
                before, moved = context.watch.look_before(root, context.identity)
                if moved:
                    return without_run(moved_reason(moved, before=True))
                looked = utc_now()
                ended, mark = _run_commands(context, run, running, watcher)
                content = None
                if before is not None:
                    content = make_look(len(before.names), looked, context.watch.look_after(before))
                used = _count_connections(running)
            evidence = make_evidence(
                context,
                run,
                ended=ended,
                mark=mark,
                connections=used,
                content=content,
                duration_s=time.monotonic() - begun,
            )
            _note_readiness(context, run, evidence)
            return evidence
    except ServiceError as error:
        return without_run(
            RanReason(
                # what will not be over in a moment is no noise, and no reason to try again
                code="service_failed" if error.code in ("not_started", "unreachable") else error.code,
                capability=error.service,
                message=error.message,
                remedy=error.remedy,
                detail=error.detail,
            )
        )
    except OSError as error:
        return without_run(_explain_system_error(error))


def _note_readiness(context: RunContext, run: CellRun, evidence: Evidence) -> None:
    """Have the next run rebuild an environment that no longer starts its test runner, or that a full disk cut short."""
    root, facts = Path(context.matrix.project.root), sort_events(run)
    places = {str(root), *facts.env_dirs.values()}
    if any(reason.code == "disk_full" for reason in evidence.reasons) or any(map(readiness.is_disk_full, places)):
        readiness.invalidate_environments(facts.env_dirs.values(), root, since=run.started_at)
        return
    failed = evidence.state == "not_built" or (
        evidence.state == "finished" and not evidence.tests and any(command.has_failed for command in evidence.commands)
    )
    worked = any(session.finished and session.exit_code != _INTERNAL_ERROR for session in evidence.sessions)
    if run.planned.cell.name in facts.env_dirs:
        readiness.note_outcome(facts.env_dirs[run.planned.cell.name], worked=worked, failed=failed and not worked)


def _write_ignored_files(identity: Identity, root: Path, record_dir: Path) -> None:
    """Let the recorders know of which files that tests may import no commit can tell: those that git ignores."""
    files = [path for path in (*identity.ignored, *identity.ignored_folders) if path.endswith(("/", ".py"))]
    top = root.parents[len(Path(identity.folder).parts) - 1] if identity.folder else root
    if files:
        with contextlib.suppress(OSError):  # a full disk is told by whatever else it refuses
            (record_dir / "ignored").write_text("".join(f"{top}/{path}\n" for path in files), errors="surrogateescape")


def _explain_system_error(error: OSError) -> RanReason:
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RanReason(code="disk_full", message=f"the disk is full ({what})", remedy="free some space and run again")
    return RanReason(code="refused_by_system", message=f"the system refused what the run needs ({what})")


@contextlib.contextmanager
def _run_services(context: RunContext, cell: Cell, profile: Profile) -> Iterator[Running | None]:
    if not cell.services:
        yield None
        return
    from envmatrix.engine import services  # what drives daemons loads slowly, and few cells have any

    declared = {name: capability.url for name, capability in context.matrix.capabilities.items() if capability.url}
    with services.start(
        cell.services,
        cell=cell.name,
        work_dir=state_path(Path(context.matrix.project.root)),
        environ=context.environ,
        service_env=profile.service_env,
        urls=services.pointed_to(cell.services, context.environ, declared),
        timeout_s=SERVICE_TIMEOUT_S,
    ) as running:
        yield running


def _count_connections(running: Running | None) -> dict[str, int | None]:
    if running is None:
        return {}
    from envmatrix.engine import services

    return {info.name: services.connections(info) for info in running.services}


def _run_commands(
    context: RunContext, run: CellRun, running: Running | None, watcher: Watcher
) -> tuple[EndedProcess, subunit.StreamSizes]:
    """Run the cell, through tox or without; return how it ended and where its test stream begins."""
    root, cell = Path(context.matrix.project.root), run.planned.cell
    cache = state_path(root, "cache")
    inputs = fingerprint.collect_inputs(
        context.matrix, run.planned, context.environ, posargs=context.posargs, recreate=context.recreate
    )
    job = _make_job(context, run, running)
    write_job(job, run.folder / JOB)
    decision = fingerprint.decide_replay(inputs, cache)
    if not context.warm:
        decision = fingerprint.ReplayDecision(reason="--no-warm was given", recreate=decision.recreate)
    limit = run.profile.timeout_s
    stopper = Stopper(
        interrupted=watcher.interrupted,
        killed=watcher.killed,
        deadline=time.monotonic() + limit if limit is not None else None,
    )
    mark = subunit.mark_streams(root)
    with (run.folder / "output.log").open("wb", buffering=0) as log:

        def output(chunk: bytes) -> None:
            log.write(chunk)
            watcher.output(cell.name, chunk)

        if decision.record is not None and (programs := _find_moved_programs(decision.record.resolved)):
            decision = fingerprint.ReplayDecision(reason=f"{', '.join(programs)} is another program now")
        if decision.record is not None:
            ended = run_warm(
                job,
                decision.record,
                caller=_tox_environ(context, job),
                launcher=context.launcher,
                stopper=stopper,
                mark=request_mark(Path(job.record_dir)),
                output=output,
            )
        else:
            if decision.recreate and not context.recreate:
                output(f"{cell.name}: built anew: {decision.reason}\n".encode())
            ended = _run_tox(context, run, job, inputs, anew=decision.recreate, output=output, stopper=stopper)
    return ended, mark


def _find_moved_programs(resolved: ResolvedEnvironment) -> list[str]:
    assert resolved.variables is not None
    path = {"PATH": resolved.variables.fixed["PATH"]}
    return [
        step.argv[0] for step in resolved.steps if find_program(step.argv[0], path, resolved.change_dir) != step.program
    ]


def _tox_environ(context: RunContext, job: Job) -> dict[str, str]:
    environ = make_tox_environ(context.environ)
    if job.overlays[0].isolated:
        environ = {name: value for name, value in environ.items() if name not in (*LEAKS, *PIP_LEAKS)}
    return environ | {JOB_VARIABLE: f"{job.events.removesuffix(EVENTS)}{JOB}"}


def _run_tox(
    context: RunContext,
    run: CellRun,
    job: Job,
    inputs: fingerprint.ReplayInputs,
    *,
    anew: bool,
    output: Callable[[bytes], None],
    stopper: Stopper,
) -> EndedProcess:
    """Run the cell through tox, and keep what tox made of it for the next run."""
    root, cell = Path(context.matrix.project.root), run.planned.cell
    argv = [str(run.folder / JOB), "run", "-e", cell.name]
    argv += ["--skip-missing-interpreters", "false"]
    if anew:
        argv.append("--recreate")
    if context.posargs:
        argv += ["--", *context.posargs]
    before = fingerprint.compute_digests(inputs, None)
    request = ProcessRequest(
        kind="tox",
        argv=tuple(argv),
        cwd=str(root),
        environ=_tox_environ(context, job),
        mark=request_mark(Path(job.record_dir)),
    )
    ended = run_process(context.launcher, request, output=output, stopper=stopper)
    answer = sort_events(run)
    if answer.ready:
        system_packages.save_system_packages(state_path(root, "cache"), cell.name, answer.proof)
    resolved = read_resolved(run.folder)
    if not ended.cause and resolved is not None and answer.ready and answer.result is not None:
        fingerprint.save_replay_record(
            inputs,
            state_path(root, "cache"),
            before if isinstance(before, dict) else {},
            resolved,
            unused=answer.result["unused"],
            proof=fingerprint.lasting_proof(answer.proof, inputs, resolved),
        )
    return ended


def _make_job(context: RunContext, run: CellRun, running: Running | None) -> Job:
    cell, planned = run.planned.cell, run.planned
    overlay = make_planned_overlay(planned, run.profile)
    variables = dict(running.env) if running is not None else {}
    addresses = tuple(address for info in running.services for address in _list_addresses(info)) if running else ()
    return Job(
        mode="run",
        overlays=(overlay,),
        events=f"{run.folder}/{EVENTS}",
        cell=cell.name,
        profile=cell.profile,
        project=context.matrix.project.root,
        record_dir=f"{run.folder}/record",
        variables=variables,
        modules=required_modules(planned, context.matrix.capabilities, isolated=overlay.isolated),
        promised=promised_capabilities(cell),
        addresses=addresses,
        results=run.profile.results,
        arguments=bool(context.posargs),
        python_version=planned.interpreter.version,
        host_prefix=sys.prefix,
        packages=f"{context.folder}/packages",
    )


def _list_addresses(info: ServiceInfo) -> list[str]:
    result = [info.socket] if info.socket else []
    if info.host and info.port:
        result.append(f"{info.host}:{info.port}")
    return result
