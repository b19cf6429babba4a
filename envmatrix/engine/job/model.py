"""What the parent tells the process that runs tox, and what that process tells back: two files, no shared memory.

Files survive what memory does not: a provisioned tox is another process, and a killed one leaves what it had written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from envmatrix.config.model import Setting
from envmatrix.util.json import decode

JOB_VARIABLE = "ENVMATRIX_JOB"
PHASES = ("commands_pre", "commands", "commands_post")  # of a tox environment's commands, in their order
JOB, EVENTS = "job.json", "events.jsonl"  # the two files, in the folder of a cell's run


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile lays over one tox environment.

    ``tox_env`` is the environment of the project's own whose section it stands on, "" for the base environment;
    ``python`` is the absolute path of the base interpreter, "" where tox is to choose, ``python_version`` its version;
    ``isolated`` keeps the system's and the user's packages out whatever the caller's environment variables say;
    ``user_site`` leaves the user's own packages in, as tox does. ``sees_system`` is false where the
    environment is known to have none of the system's packages, by the profile or the project.
    """

    name: str
    settings: tuple[Setting, ...] = ()
    tox_env: str = ""
    python: str = ""
    python_version: str = ""
    isolated: bool = False
    sees_system: bool = True
    user_site: bool = False


class RequiredModule(msgspec.Struct, frozen=True, kw_only=True):
    """A module that has to import inside the environment; ``origin`` is the file that the plan saw, "" for any.

    ``version`` is an expression over the module, ``distribution`` names the metadata that gives the version,
    ``specifier`` is the profile's.
    """

    capability: str
    module: str
    origin: str = ""
    version: str = ""
    distribution: str = ""
    specifier: str = ""
    remedy: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One task for a tox process: run one cell, or describe environments.

    ``events`` is the file that is answered to; ``record_dir`` receives the recorders' files; ``variables`` are set for
    the commands on top of everything else; ``promised`` maps the capabilities of the profile to their specifiers;
    ``host_prefix`` is the sys.prefix of the tool; ``packages`` is the folder in which cells of a run leave packages for
    each other; ``arguments`` says that the caller gave some after ``--``.
    """

    mode: Literal["run", "describe"]
    overlays: tuple[Overlay, ...]
    events: str
    cell: str = ""
    profile: str = ""
    project: str = ""
    record_dir: str = ""
    variables: dict[str, str] = {}
    modules: tuple[RequiredModule, ...] = ()
    promised: dict[str, str] = {}
    addresses: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    arguments: bool = False
    python_version: str = ""
    host_prefix: str = ""
    packages: str = ""


def current_job() -> Job | None:
    """Return the job that this process was started for, or None in a tox that a user started.

    Raises RuntimeError where the job's file cannot be read: a broken hand-over must never look like a plain run.
    """
    path = os.environ.get(JOB_VARIABLE)
    if not path:
        return None
    try:
        return decode(Path(path).read_bytes(), Job)
    except (OSError, msgspec.DecodeError) as error:
        raise RuntimeError(f"{JOB_VARIABLE}={path} cannot be read: {error}") from error


def write_job(job: Job, path: Path) -> None:
    """Write ``job`` where a child will read it."""
    path.write_bytes(msgspec.json.encode(job))


def utc_now() -> str:
    """Return the time of the wall clock, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventLog:
    """Appends events to a file, one JSON object a line, each in one write so that writers do not interleave.

    Within its context the file stays open between them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle: int | None = None

    def __enter__(self) -> EventLog:
        self._handle = self._open_file()
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def write_event(self, event: str, **fields: Any) -> None:
        """Append one event with the time it happened."""
        record = {"event": event, "time": utc_now(), "monotonic": time.monotonic(), **fields}
        try:
            line = msgspec.json.encode(record, enc_hook=str)
        except UnicodeEncodeError:  # what was no UTF-8, in arguments and output, and JSON can only write escaped
            import json

            line = json.dumps(record, default=str).encode()
        handle = self._handle if self._handle is not None else self._open_file()
        try:
            os.write(handle, line + b"\n")
        finally:
            if handle != self._handle:
                os.close(handle)

    def _open_file(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a file in order; a last line that a killed process left half-written is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in filter(None, lines):
        try:
            event = decode(line, dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            import json

            try:  # which reads lone surrogates too
                event = json.loads(line)
            except ValueError:
                continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event
