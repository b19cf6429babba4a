"""The middle of ``envmatrix run``: from the plan to the records."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from envmatrix.cli.progress import Progress
from envmatrix.cli.reusing import reused, without
from envmatrix.cli.taken import Taken, classed
from envmatrix.cli.terminal import use_color, verbosity
from envmatrix.cli.wanted import Wanted, later
from envmatrix.config.model import Matrix
from envmatrix.engine.folders import fresh_folder, new_run_id
from envmatrix.engine.launch import Launcher, Process
from envmatrix.engine.request import Request
from envmatrix.engine.run import Interrupt, run_plan
from envmatrix.engine.scheduler import automatic_jobs, known_durations
from envmatrix.engine.session import RunContext, Watcher
from envmatrix.evidence.earlier import Earlier
from envmatrix.evidence.identity import Identity, identify
from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.store import Store
from envmatrix.host.facts import host_facts
from envmatrix.plan import Plan
from envmatrix.util.json import convert
from envmatrix.util.state_dir import state_path


class _LoadingLast:
    """A launcher that has what comes at the end loaded once the first process runs: earlier, that would delay it."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher, self._begun = launcher, False
        self.begin, self.preload, self.clear = launcher.begin, launcher.preload, launcher.clear

    def start(self, request: Request) -> Process:
        process = self._launcher.start(request)
        if not self._begun:
            self._begun = True
            later(lambda: importlib.import_module("envmatrix.cli.ending"))  # whoever needs it says what is wrong
        return process


def run(
    matrix: Matrix,
    plan: Plan,
    wanted: Wanted,
    environ: Mapping[str, str],
    starts: Launcher,
    *,
    looked: Callable[[], Identity] | None = None,
) -> int:
    """Run what was planned with progress on stderr, and return the exit code to which that comes (``ending.end``).

    ``looked`` gives the identity of what is tested, where somebody has begun to look.
    """
    root = Path(matrix.project.root)
    identity = looked() if looked is not None else identify(root)
    store = Store(wanted.store, root)
    store.check()
    known = Earlier(store, tree=identity.tree)
    context = _context(matrix, identity, wanted, environ, starts)
    try:
        return _run(context, plan, wanted, store, known)
    finally:
        if not context.folder.is_relative_to(root):  # nobody would find what it holds
            shutil.rmtree(context.folder, ignore_errors=True)


def _run(context: RunContext, plan: Plan, wanted: Wanted, store: Store, known: Earlier) -> int:
    matrix, interrupt = context.matrix, Interrupt()
    progress = _progress(context, plan, wanted, interrupt)
    again = _passed_before(context, plan, wanted, store)
    taken = Taken(context, store, again)
    known.begin()
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
            jobs=automatic_jobs() if wanted.jobs == "auto" else int(wanted.jobs),
            fail_fast=wanted.fail_fast,
            stops_at=progress.went_wrong,
        )
    from envmatrix.cli.ending import Run, end

    return end(
        Run(
            matrix=matrix,
            plan=plan,
            wanted=wanted,
            context=context,
            known=known.records(),
            again=again,
            interrupted=bool(interrupt()),
        ),
        taken,
    )


def _context(
    matrix: Matrix, identity: Identity, wanted: Wanted, environ: Mapping[str, str], starts: Launcher
) -> RunContext:
    run_id = new_run_id()
    return RunContext(
        matrix=matrix,
        identity=identity,
        host=convert(msgspec.to_builtins(host_facts(environ)), HostRecord),
        run_id=run_id,
        folder=fresh_folder(Path(matrix.project.root), run_id),
        environ=dict(environ),  # os.environ decodes each value whenever it is looked at
        posargs=wanted.posargs,
        recreate=wanted.recreate,
        warm=wanted.warm,
        retries=wanted.retries,
        reruns=wanted.reruns,
        launcher=_LoadingLast(starts),
    )


def _progress(context: RunContext, plan: Plan, wanted: Wanted, interrupt: Interrupt) -> Progress:
    cache = state_path(Path(context.matrix.project.root), "cache")
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
    return {name: classed(evidence, matrix) for name, evidence in found.items()}
