"""What a cell is doing, read while it runs from the files that it writes: tox's events and the recorders' lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.evidence.model import FAILING

MOST_BYTES = 4_000_000  # of one file at one look: a look is short, the rest is for the next one
# A quote inside of a test's id is escaped, so this finds the outcome and nothing that an id only looks like.
_OUTCOME = re.compile(rb'(?<!\\)"o":"([a-z]+)"')
_PHASES = {
    "install_requires": "installing the build's requirements",
    "install_package": "installing the project",
    "install_package_deps": "installing the project's dependencies",
}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a running cell: the phase it is in, and its tests so far. ``total`` is 0 where unknown."""

    phase: str = ""
    done: int = 0
    failed: int = 0
    skipped: int = 0
    total: int = 0


class Follower:
    """Follows one cell's folder; each ``read_progress`` reads only the lines that were added. Raises nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._phase, self._total = "", 0
        self._outcomes: dict[str, int] = {}

    def read_progress(self) -> Seen:
        """Return what is known by now."""
        for line in self._read_new_lines(self._folder / "events.jsonl"):
            self._phase = _find_phase(line) or self._phase
        for path in self._list_recordings():
            for line in self._read_new_lines(path):
                self._take_line(line)
        outcomes = self._outcomes
        return Seen(
            phase=self._phase,
            done=sum(outcomes.values()),
            failed=sum(outcomes.get(outcome, 0) for outcome in FAILING),
            skipped=outcomes.get("skipped", 0),
            total=self._total,
        )

    def _take_line(self, line: bytes) -> None:
        if line.endswith(b'"t":"collected"}'):
            self._total += _count_ids(line)
        elif (match := _OUTCOME.search(line)) is not None:
            outcome = match[1].decode()
            self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1

    def _list_recordings(self) -> list[Path]:
        try:
            return sorted((self._folder / "record").glob("*.jsonl"))
        except OSError:
            return []

    def _read_new_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the whole lines that were added to a file."""
        try:
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                added = file.read(MOST_BYTES)
        except OSError:
            return
        end = added.rfind(b"\n") + 1
        self._read[path] = self._read.get(path, 0) + end
        yield from added[:end].splitlines()


def _parse_object(line: bytes) -> dict[str, Any]:
    import json  # which reads lone surrogates too; many runs end before the first look

    try:
        result = json.loads(line)
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}


def _count_ids(line: bytes) -> int:
    ids = _parse_object(line).get("ids")
    return len(ids) if isinstance(ids, list) else 0


def _find_phase(line: bytes) -> str:
    """Return what an event says of where the cell is, "" where it says nothing of that."""
    event = _parse_object(line)
    kind = event.get("event")
    if kind == "begin":
        return "creating the environment"
    if kind == "command_start":
        return _describe_command(event)
    return ""


def _describe_command(event: dict[str, Any]) -> str:
    run_id, argv = str(event.get("run_id", "")), event.get("argv") or []
    phase, _, index = run_id.partition("[")
    words = [str(word) for word in argv]
    if phase in {"commands_pre", "commands", "commands_post"}:
        output = {"commands_pre": "preparing", "commands": "running", "commands_post": "cleaning up"}[phase]
        return f"{output}: {' '.join([Path(words[0]).name, *filter(None, words[1:])]) if words else index.rstrip(']')}"
    if phase == "install_deps":
        return f"installing {_list_installed(words)}"
    return _PHASES.get(phase, "building the project" if "build" in phase or phase.startswith("_") else "")


def _list_installed(words: list[str]) -> str:
    """Return what an installer's command line names, without the installer and its options."""
    after = words[words.index("install") + 1 :] if "install" in words else words
    named = (Path(word).name if word.startswith("/") else word for word in after if not word.startswith("-"))
    return ", ".join(named) or "dependencies"
