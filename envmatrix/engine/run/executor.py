"""Runs the runnable cells of a plan, one thread each for as many as may run at once, and gives back their evidence."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from envmatrix.engine.run.cell import RunContext, Watcher
from envmatrix.engine.run.retries import run_attempts
from envmatrix.engine.run.scheduler import (
    CellQueue,
    Memory,
    exclusive_resources,
    find_predecessors,
    keep_durations,
    known_durations,
    order_cells,
)
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Plan, Runnable
from envmatrix.util.state_dir import state_path

LOOK_S = 0.5  # how often an interrupt or freed memory is looked for while all cells are busy


class Interrupt:
    """Whether somebody asked this run to stop: SIGINT, SIGTERM and SIGHUP are noted, cells are then ended in order.

    A second signal asks not to wait for them.
    """

    def __init__(self) -> None:
        self.number = 0
        self.times = 0

    def __call__(self) -> bool:
        """Tell whether the run is to stop."""
        return self.number != 0

    def at_once(self) -> bool:
        """Tell whether the run is to stop without waiting for what runs."""
        return self.times > 1

    @contextmanager
    def listen_for_signals(self) -> Iterator[None]:
        """Note signals instead of dying of them, for as long as the context lasts.

        One that whoever started this process chose to ignore (nohup, a job in the background) stays ignored.
        """
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        numbers = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._note_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self.times += 1


class _EndedAttempt:
    """How an attempt ended: with evidence, or with an error that nobody expected; ``last`` where its thread did too."""

    def __init__(self, name: str, evidence: Evidence | None, error: BaseException | None, last: bool = True) -> None:
        self.name, self.evidence, self.error, self.last = name, evidence, error, last


def run_plan(
    context: RunContext,
    plan: Plan,
    watcher: Watcher,
    *,
    attempt_ended: Callable[[Evidence], None],
    finished: Callable[[Evidence], None],
    jobs: int = 1,
    fail_fast: bool = False,
    stops_at: Callable[[Evidence], bool] = lambda evidence: False,
) -> tuple[Evidence, ...]:
    """Run every runnable cell, ``jobs`` at once, and give each attempt's record as it comes to two functions.

    ``said`` is called in this thread; ``finished`` in the cell's, after the next cell was let start: it may wait for a
    disk, and is called for several cells at the same time.

    With one job the order is the plan's; with several the cells that took longest go first; in both, tox's ``depends``
    comes before that. With ``fail_fast`` none is
    started after the first for which ``stops_at`` is true; those that run then end as they would. Cells that were never
    started, for that or for an interrupt, have no evidence.
    """
    cells = {planned.cell.name: planned for planned in plan.cells if isinstance(planned, Runnable)}
    cache = state_path(Path(context.matrix.project.root), "cache")
    profiles, capabilities = context.matrix.profiles, context.matrix.capabilities
    waiting = list(cells) if jobs == 1 else order_cells(list(cells), known_durations(cache, cells))
    holds = {
        name: exclusive_resources(cell.cell, profiles[cell.cell.profile], capabilities) for name, cell in cells.items()
    }
    todo, memory = CellQueue(waiting, holds, jobs=jobs, before=find_predecessors(cells)), Memory()
    ended: queue.SimpleQueue[_EndedAttempt] = queue.SimpleQueue()
    records: list[Evidence] = []
    with _Threads(finished) as threads:

        def start() -> None:
            if watcher.interrupted():
                todo.drop_waiting()
            while (name := todo.take_next(memory_mb=memory.available_mb() if jobs > 1 else None)) is not None:
                watcher.said(name, "starts")
                threads.start_thread(context, cells[name], watcher, ended)

        start()
        while todo.running:
            item = _wait_for_next(ended, todo)
            evidence = item.evidence if item is not None else None
            if evidence is not None:
                attempt_ended(evidence)
                if fail_fast and item is not None and item.last and stops_at(evidence):
                    todo.drop_waiting()
                records.append(evidence)
            start()
    threads.raise_failure()
    keep_durations(cache, {record.cell: record.duration_s for record in records if record.state == "finished"})
    return tuple(records)


def _wait_for_next(ended: queue.SimpleQueue[_EndedAttempt], todo: CellQueue) -> _EndedAttempt | None:
    """Wait a little for an attempt at a cell to end; raise what its thread raised."""
    with contextlib.suppress(queue.Empty):
        element = ended.get(timeout=LOOK_S)
        if element.last:
            todo.mark_ended(element.name)
        if element.error is not None:
            raise element.error
        return element
    return None


class _Threads:
    """The threads of the cells that run; leaving the context waits for them, so that nothing is left in their care."""

    def __init__(self, finished: Callable[[Evidence], None]) -> None:
        self._threads: list[threading.Thread] = []
        self._finished = finished
        self._errors: list[BaseException] = []
        self._leaving = False

    def __enter__(self) -> _Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving = True
        for thread in self._threads:
            thread.join()

    def raise_failure(self) -> None:
        """Raise what ``finished`` raised, after the threads have ended."""
        for error in self._errors:
            raise error

    def start_thread(
        self, context: RunContext, planned: Runnable, watcher: Watcher, ended: queue.SimpleQueue[_EndedAttempt]
    ) -> None:
        local = Watcher(
            output=watcher.output,
            said=watcher.said,
            interrupted=lambda: self._leaving or watcher.interrupted(),
            killed=watcher.killed,
        )

        name = planned.cell.name

        def kept(evidence: Evidence) -> None:
            ended.put(_EndedAttempt(name, evidence, None, last=False))
            self._finished(evidence)

        def work() -> None:
            try:
                evidence = run_attempts(context, planned, local, kept)
            except BaseException as error:
                ended.put(_EndedAttempt(name, None, error))
                return
            ended.put(_EndedAttempt(name, evidence, None))
            try:
                if evidence is not None:
                    self._finished(evidence)
            except BaseException as error:
                self._errors.append(error)

        thread = threading.Thread(target=work, name=f"cell {planned.cell.name}")
        self._threads.append(thread)
        thread.start()
