"""Watches one tox session from inside and writes what happens as events.

tox's hooks tell neither the reason of a skip or failure nor the code of an installation, and its journal runs
`pip freeze` in every environment; so the two functions through which everything passes are wrapped instead.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from tox.config.main import Config
from tox.session.cmd.run import common
from tox.tox_env.api import ToxEnv

from envmatrix.engine.install import pip, readiness
from envmatrix.engine.job.model import PHASES, EventLog, Job, utc_now

TAIL_CHARACTERS = 6000
_RUN_LOGGER = "tox.session.cmd.run.single"
_argument_uses: list[Any] = []  # one for each {posargs} that tox has replaced in this session


def observe_session(job: Job, overrides: Sequence[Any] = ()) -> None:
    """Make this tox session write its events to the job's file; ``overrides`` are those of its caller (TOX_OVERRIDE,
    the user's own settings of tox), by which it is no longer the matrix's.
    """
    events = EventLog(job.events)
    if overrides:
        events.write_event(
            "overrides", message=f"overrides of tox settings: {', '.join(map(_format_override, overrides))}"
        )
    _watch_results(events, job)
    _watch_commands(events, job)
    if job.arguments:
        _watch_arguments()
    logger = logging.getLogger(_RUN_LOGGER)
    logger.setLevel(logging.DEBUG)  # `tox -q` would hide the reasons from the handler
    for handler in [handler for handler in logger.handlers if isinstance(handler, _ReasonHandler)]:
        logger.removeHandler(handler)
    logger.addHandler(_ReasonHandler(events))
    events.write_event("session")


def _format_override(override: Any) -> str:
    sign = "+=" if override.append else "="
    return f"{override.namespace}.{override.key}{sign}{override.value}".lstrip(".")


class _ReasonHandler(logging.Handler):
    """Keeps why tox skipped or failed an environment: the exception is the record's only argument."""

    def __init__(self, events: EventLog) -> None:
        super().__init__(logging.DEBUG)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        cause: Any = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if record.exc_info and record.exc_info[1] is not None:
            cause = record.exc_info[1]
        self._events.write_event(
            "reason",
            kind=type(cause).__name__ if cause is not None else "",
            message=record.getMessage(),
            detail=str(cause or ""),
        )


def _watch_results(events: EventLog, job: Job) -> None:
    current = vars(common)["run_one"]
    plain = getattr(current, "__wrapped__", current)

    @wraps(plain)
    def run_one(tox_env: Any, *args: Any, **kwargs: Any) -> Any:
        events.write_event("begin", cell=tox_env.conf.name)
        result = plain(tox_env, *args, **kwargs)
        unused = _list_unused_keys(tox_env) if result.name == job.cell else []
        events.write_event(
            "result",
            cell=result.name,
            skipped=result.skipped,
            code=result.code,
            duration_s=result.duration,
            ignore_outcome=bool(result.ignore_outcome),
            unused=unused,
        )
        return result

    common.run_one = run_one  # type: ignore[attr-defined]


def _list_unused_keys(tox_env: Any) -> list[str]:
    try:
        return sorted(tox_env.conf.unused())
    except Exception:
        return []  # an environment that could not be configured has said so already


def _watch_commands(events: EventLog, job: Job) -> None:
    plain = getattr(ToxEnv.execute, "__wrapped__", ToxEnv.execute)
    log = Path(job.events).with_name("pip.log")

    @wraps(plain)
    def execute(
        self: Any, cmd: Any, stdin: Any, show: Any = None, cwd: Any = None, run_id: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        started, begun, argv = utc_now(), time.monotonic(), [str(part) for part in cmd]
        events.write_event("command_start", cell=self.conf.name, run_id=run_id, argv=argv)
        builds, variables = run_id.startswith(readiness.INSTALLS), self.environment_variables
        mark = readiness.take_mark(self.env_dir) if builds else None
        if builds or pip.is_install_command(argv):
            quick = pip.disable_compiling(variables) if builds else contextlib.nullcontext()
            afresh = readiness.disable_uv_cache(variables, needed=getattr(self, "envmatrix_damaged", False))
            with pip.capture_pip_log(variables, log) as unfetched, quick, afresh:
                outcome = plain(self, cmd, stdin, show, cwd, run_id, *args, **kwargs)
                pages = unfetched() if outcome.exit_code != 0 else None
        else:
            outcome, pages = plain(self, cmd, stdin, show, cwd, run_id, *args, **kwargs), None
        failed = outcome.exit_code != 0
        if builds and not failed:
            readiness.write_mark(self.env_dir, mark or readiness.READY)
        events.write_event(
            "command",
            cell=self.conf.name,
            run_id=run_id,
            argv=argv,
            cwd=str(cwd or ""),
            code=outcome.exit_code,
            started=started,
            duration_s=time.monotonic() - begun,
            **_exit_code_meaning(self, run_id),
            not_started=str(getattr(outcome, "start_error", None) or ""),
            out=outcome.out[-TAIL_CHARACTERS:] if failed else "",
            err=outcome.err[-TAIL_CHARACTERS:] if failed else "",
            unfetched=pages,
        )
        return outcome

    ToxEnv.execute = execute  # type: ignore[method-assign]


def _watch_arguments() -> None:
    plain = getattr(Config.pos_args, "__wrapped__", Config.pos_args)
    _argument_uses.clear()

    @wraps(plain)
    def pos_args(self: Any, *args: Any, **kwargs: Any) -> Any:
        _argument_uses.append(args)
        return plain(self, *args, **kwargs)

    Config.pos_args = pos_args  # type: ignore[method-assign]


def has_used_arguments() -> bool:
    """Whether a setting that was read so far has put the arguments after ``--`` somewhere."""
    return bool(_argument_uses)


def _exit_code_meaning(tox_env: Any, run_id: str) -> dict[str, bool]:
    """Return what the exit code of a command means to tox: nothing, or its contrary."""
    phase, _, index = run_id.partition("[")
    if phase not in PHASES or not index:
        return {"ignored": False, "inverted": False}
    command = tox_env.conf[phase][int(index.rstrip("]"))]
    return {"ignored": bool(command.ignore_exit_code), "inverted": bool(command.invert_exit_code)}
