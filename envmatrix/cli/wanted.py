"""How ``envmatrix run`` begins: what loads or answers slowly is started first, and waits for nothing else."""

from __future__ import annotations

import importlib
import os
import shlex
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from envmatrix.cli.interrupts import interruptible
from envmatrix.cli.planner import EndedError, beside
from envmatrix.engine import helper
from envmatrix.engine.launch import Launcher, launcher
from envmatrix.errors import EnvmatrixError
from envmatrix.util.files import is_there
from envmatrix.util.state_dir import state_path

if TYPE_CHECKING:
    from envmatrix.cli.progress import Mode
    from envmatrix.config.model import Matrix
    from envmatrix.evidence.identity import Identity
    from envmatrix.plan import Plan

T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller of ``run`` asked for."""

    names: tuple[str, ...] = ()
    posargs: tuple[str, ...] = ()
    format: str = "text"
    allow_blocked: bool = False
    since: str | None = None
    staged: bool = False
    fail_fast: bool = False
    recreate: bool = False
    jobs: str = "1"
    warm: bool = True
    retries: int = 2
    reruns: int = 0
    reuse: bool = False
    store: str | None = None
    progress: Mode = "auto"


def run(start: Path, wanted: Wanted, environ: Mapping[str, str]) -> int:
    """Plan and run what is wanted, and return the exit code; see ``running.run``.

    Raises EnvmatrixError for a format or a number of jobs that cannot be.
    """
    _refuse(wanted)
    perhaps = bool(wanted.staged or wanted.since is not None or wanted.reuse)  # it may be that nothing has to run
    seen: dict[str, Callable[[], Identity]] = {}  # by project
    with launcher(environ) as starts:
        forked = not perhaps and _get_ready(starts, start, wanted) and helper.forked()

        def plan_all() -> tuple[Matrix, Plan]:
            from envmatrix.cli.planned import planned

            return planned(start, wanted.names, environ, since=wanted.since, staged=wanted.staged, starts=starts)

        def get_ready() -> None:
            importlib.import_module("envmatrix.cli.running")
            if forked:  # with a processor of its own
                _load_more()
                seen.update(_looking(start))

        try:
            with interruptible():
                matrix, plan = plan_all() if perhaps else beside(plan_all, get_ready, forked=forked)
        except EndedError as ended:
            return ended.code
        from envmatrix.cli.running import run as run_plan

        return run_plan(matrix, plan, wanted, environ, starts, looked=seen.get(matrix.project.root))


def _refuse(wanted: Wanted) -> None:
    if wanted.jobs != "auto" and not (wanted.jobs.isdecimal() and int(wanted.jobs)):
        raise EnvmatrixError(f"--jobs {wanted.jobs}: give a number of cells from 1 on, or auto")
    try:
        " ".join(wanted.posargs).encode()
    except UnicodeEncodeError:
        told = os.fsencode(shlex.join(wanted.posargs)).decode("utf-8", "backslashreplace")
        raise EnvmatrixError(
            f"-- {told}: not text in UTF-8, which tox and every record need; say it in UTF-8"
        ) from None
    if wanted.format in ("text", "json"):
        return
    from envmatrix.report import FORMATS, UnknownFormatError

    if wanted.format not in FORMATS:
        raise UnknownFormatError(f"there is no format {wanted.format!r}; choose one of {', '.join(sorted(FORMATS))}")


def later(work: Callable[[], T]) -> Callable[[], T]:
    """Begin work in a thread, and return a function that waits for it and gives its result, or raises its error."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> T:
        thread.join()
        for error in failed:
            raise error
        return done[0]

    return result


def _load_more() -> None:
    """Load what judges, and let what runs cells get ready."""
    for name in ("envmatrix.cli.ending", "envmatrix.verdict.classes"):
        importlib.import_module(name)
    from envmatrix.engine.session import get_ready

    get_ready()


def _looking(start: Path) -> dict[str, Callable[[], Identity]]:
    """Begin to look at what will be tested, and return how that is got, by the project's folder."""
    from envmatrix.config.project import find_project
    from envmatrix.evidence.identity import identify

    root = find_project(start).root
    return {root: later(lambda: identify(Path(root)))}


def _get_ready(starts: Launcher, start: Path, wanted: Wanted) -> bool:
    """Let the helper load while the plan is made, with tox where that will be needed; tell whether it has little to do.

    Loading tox takes a processor longer than everything else does, and is what the run will wait for.
    """
    if wanted.warm and not wanted.recreate and is_there(state_path(start, "cache", "warm")):
        starts.begin()
        return True
    starts.preload()
    return False
