"""The steps of ``envmatrix run`` after the plan: run, record, judge, show."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from envmatrix.cli.common import use_color, verbosity, width
from envmatrix.cli.kept import keep
from envmatrix.cli.progress import Progress
from envmatrix.cli.reusing import remember_passes, reused, say_reused, without
from envmatrix.cli.wanted import Wanted
from envmatrix.config.model import Matrix
from envmatrix.engine.folders import fresh_folder, new_run_id
from envmatrix.engine.launch import Launcher
from envmatrix.engine.run import Interrupt, run_plan
from envmatrix.engine.scheduler import automatic_jobs, known_durations
from envmatrix.engine.session import RunContext, Watcher
from envmatrix.errors import EnvmatrixError, ExitCode
from envmatrix.evidence.earlier import earlier
from envmatrix.evidence.identity import Identity, identify
from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.names import name_of
from envmatrix.evidence.store import Store
from envmatrix.host.facts import host_facts
from envmatrix.plan import Plan
from envmatrix.report import FORMATS, Report, UnknownFormatError, render
from envmatrix.report.words import summary
from envmatrix.verdict.classes import classify
from envmatrix.verdict.judge import judge
from envmatrix.verdict.model import Verdict

LOG_TAIL_BYTES = 20_000
_UNKEPT = "the evidence could not be kept, so there is nothing to show that this passed"


def run(matrix: Matrix, plan: Plan, wanted: Wanted, environ: Mapping[str, str], starts: Launcher) -> int:
    """Run what was planned, print the report to stdout and progress to stderr, and return the exit code.

    Raises EnvmatrixError for a format or a number of jobs that cannot be.
    """
    if wanted.format not in FORMATS:
        raise UnknownFormatError(f"there is no format {wanted.format!r}; choose one of {', '.join(sorted(FORMATS))}")
    jobs = _number_of_jobs(wanted.jobs)
    root = Path(matrix.project.root)
    identity = identify(root)
    store = Store(wanted.store, root)
    interrupt = Interrupt()
    known = earlier(store, tree=identity.tree)
    context = _context(matrix, identity, wanted, environ, starts)
    progress = _progress(context, plan, wanted, interrupt)
    again = _passed_before(context, plan, wanted, store)
    taken = _Taken(context, store, again)
    watcher = Watcher(output=progress.output, said=progress.said, interrupted=interrupt, killed=interrupt.at_once)
    with interrupt.listening(), progress:
        for name, evidence in again.items():
            progress.said(name, f"not run again, it passed with everything as it is now: evidence {evidence.id}")
        run_plan(
            context,
            without(plan, again),
            watcher,
            said=progress.finished,
            finished=taken.take,
            jobs=jobs,
            fail_fast=wanted.fail_fast,
            stops_at=progress.went_wrong,
        )
    verdict = _judge(matrix, plan, identity, taken.records, wanted, known, interrupted=bool(interrupt()))
    changed = _changed_meanwhile(identity, root)
    verdict = say_reused(msgspec.structs.replace(verdict, notes=verdict.notes + changed), again)
    if not changed and not wanted.posargs:
        remember_passes(matrix, plan, identity, environ, verdict, taken.kept, host=context.host.name)
    report = Report(
        verdict=verdict,
        evidence=tuple(taken.records),
        profiles=matrix.profiles,
        planned=plan,
        color=use_color(),
        width=width(),
        logs=_logs(root, taken.records),
    )
    forgotten = taken.remember(report)
    if taken.unwritten and verdict.exit_code == 0:
        verdict = msgspec.structs.replace(verdict, exit_code=ExitCode.INTERNAL, notes=(*verdict.notes, _UNKEPT))
        report = msgspec.structs.replace(report, verdict=verdict)
    click.echo(_shown(wanted, report), nl=False)
    for sentence in dict.fromkeys(taken.unwritten):
        click.echo(f"envmatrix: this evidence was not kept: {sentence}", err=True)
    if forgotten and not taken.unwritten:
        click.echo(f"envmatrix: `envmatrix report` will not know this run: {forgotten}", err=True)
    return ExitCode.INTERRUPTED if interrupt() else verdict.exit_code


def _number_of_jobs(text: str) -> int:
    if text == "auto":
        return automatic_jobs()
    if not text.isdecimal() or int(text) < 1:
        raise EnvmatrixError(f"--jobs {text}: give a number of cells from 1 on, or auto")
    return int(text)


def _context(
    matrix: Matrix, identity: Identity, wanted: Wanted, environ: Mapping[str, str], starts: Launcher
) -> RunContext:
    run_id = new_run_id()
    return RunContext(
        matrix=matrix,
        identity=identity,
        host=msgspec.convert(msgspec.to_builtins(host_facts(environ)), HostRecord),
        run_id=run_id,
        folder=fresh_folder(Path(matrix.project.root), run_id),
        environ=environ,
        posargs=wanted.posargs,
        recreate=wanted.recreate,
        warm=wanted.warm,
        retries=wanted.retries,
        reruns=wanted.reruns,
        launcher=starts,
    )


def _progress(context: RunContext, plan: Plan, wanted: Wanted, interrupt: Interrupt) -> Progress:
    cache = Path(context.matrix.project.root) / ".envmatrix" / "cache"
    return Progress(
        sys.stderr,
        plan,
        verbosity=verbosity(),
        folder=context.folder,
        expected=known_durations(cache, [planned.cell.name for planned in plan.cells]),
        environ=context.environ,
        mode=wanted.progress,
        color=use_color(sys.stderr),
        interrupted=interrupt,
    )


def _passed_before(context: RunContext, plan: Plan, wanted: Wanted, store: Store) -> dict[str, Evidence]:
    """Return the evidence that stands for cells which need not run again, by cell; none unless it was asked for."""
    if not wanted.reuse or wanted.posargs or wanted.recreate:
        return {}
    matrix = context.matrix
    found = reused(matrix, plan, context.identity, context.environ, store, host=context.host.name)
    return {name: _classed(evidence, matrix) for name, evidence in found.items()}


class _Taken:
    """The records of a run as they come: classified and kept, with a sentence for each that could not be kept."""

    def __init__(self, context: RunContext, store: Store, again: Mapping[str, Evidence]) -> None:
        self._context, self._store = context, store
        self.records = list(again.values())
        self._names = [name_of(evidence) for evidence in self.records]
        self.kept: dict[str, tuple[Evidence, str]] = {}
        self.unwritten: list[str] = []

    def take(self, evidence: Evidence) -> None:
        classed = _classed(evidence, self._context.matrix)
        self.records.append(classed)
        try:
            name = self._store.put(classed)
            self._names.append(name)
            self._store.put_log(classed, _output(Path(self._context.matrix.project.root), classed))
            self.kept[classed.cell] = (classed, name)
        except EnvmatrixError as error:
            self.unwritten.append(str(error))

    def remember(self, report: Report) -> str:
        """Note that this was the last run, in the project whatever the store; return why that was not possible."""
        try:
            keep(report, self._context.folder)
            self._store.record_last_run(self._context.run_id, self._context.identity.tree, self._names)
        except EnvmatrixError as error:
            return str(error)
        return ""


def _classed(evidence: Evidence, matrix: Matrix) -> Evidence:
    profile = matrix.profiles[evidence.profile]
    tests = classify(evidence.tests, profile=profile, capabilities=matrix.capabilities, today=_today())
    return msgspec.structs.replace(evidence, tests=tests)


def _shown(wanted: Wanted, report: Report) -> str:
    if verbosity() < 0 and wanted.format == "text" and report.verdict.exit_code == 0:
        return f"{summary(report.verdict)}\n"
    return render(wanted.format, report)


def _judge(
    matrix: Matrix,
    plan: Plan,
    identity: Identity,
    records: list[Evidence],
    wanted: Wanted,
    known: Sequence[Evidence],
    *,
    interrupted: bool,
) -> Verdict:
    return judge(
        planned=plan.cells,
        profiles=matrix.profiles,
        capabilities=matrix.capabilities,
        evidence={evidence.cell: evidence for evidence in records},
        earlier=_earlier(records),
        tree=identity.tree,
        commit=identity.commit,
        dirty=identity.dirty,
        matrix_digest=matrix.digest,
        today=_today(),
        allow_blocked=wanted.allow_blocked,
        counts_partial=True,
        known=known,
        interrupted=interrupted,
    )


def _earlier(records: Sequence[Evidence]) -> dict[str, list[Evidence]]:
    """Return the attempts of each cell before its newest, oldest first."""
    attempts: dict[str, list[Evidence]] = {}
    for record in records:
        attempts.setdefault(record.cell, []).append(record)
    return {cell: made[:-1] for cell, made in attempts.items()}


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _changed_meanwhile(before: Identity, root: Path) -> tuple[str, ...]:
    # Evidence belongs to the content tested; a file edited meanwhile makes it evidence of neither state.
    if before.vcs != "git":
        return ()  # without a list of what is ignored, every file that the tests leave behind would be a change
    after = identify(root)
    if after.tree == before.tree:
        return ()
    return (f"the project's files changed during the run: tree {before.tree} became {after.tree}",)


def _logs(root: Path, records: list[Evidence]) -> dict[str, str]:
    return {one.id: _output(root, one)[-LOG_TAIL_BYTES:].decode("utf-8", "replace") for one in records if one.log}


def _output(root: Path, evidence: Evidence) -> bytes:
    """Return what the cell wrote; nothing where that is gone."""
    try:
        return (root / evidence.log).read_bytes() if evidence.log else b""
    except OSError:
        return b""
