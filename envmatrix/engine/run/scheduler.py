"""Which cell to start next: several at once, the longest first, exclusive resources one at a time, memory in mind."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from envmatrix.config.model import Capability, Cell, Profile
from envmatrix.errors import EnvmatrixError
from envmatrix.host.requirements import parse
from envmatrix.plan import Runnable
from envmatrix.util.files import write_atomically
from envmatrix.util.json import decode

MEMORY_PER_CELL_MB = 512
MEMORY_LOOK_S = 0.2
_CGROUP = Path("/sys/fs/cgroup")


def order_cells(names: Sequence[str], durations: Mapping[str, float]) -> list[str]:
    """Return the names with the longest first, by what is known; unknown ones before all, as they came.

    Longest first ends at most a third later than the best order would (Graham 1969); a cell that nobody has timed may
    be the longest.
    """
    return sorted(names, key=lambda name: -durations.get(name, float("inf")))


def exclusive_resources(cell: Cell, profile: Profile, capabilities: Mapping[str, Capability]) -> frozenset[str]:
    """Return the resources that the cell must have for itself: exclusive capabilities and services, results files.

    Two cells that write the same results file would each read what the other wrote.
    """
    named = {item.name for item in parse(cell.requires)} | set(cell.services)
    held = {name for name in named if name in capabilities and capabilities[name].exclusive}
    return frozenset(held | {f"results {pattern}" for pattern in profile.results})


class CircularDependsError(EnvmatrixError):
    """Environments that tox would run only after each other; ``str()`` names them."""

    hint = "`tox depends` shows what waits for what"


def find_predecessors(cells: Mapping[str, Runnable]) -> dict[str, frozenset[str]]:
    """Return for each cell those of the others that its tox setting ``depends`` has run before it.

    A cell is meant by its own name, and by that of the project's environment that it extends. Raises
    CircularDependsError where cells would wait for each other.
    """
    before = {
        name: frozenset(
            other
            for other, candidate in cells.items()
            if other != name and _is_meant(candidate.cell, planned.depends, by=planned.cell)
        )
        for name, planned in cells.items()
    }
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        names = ", ".join(dict.fromkeys(error.args[1]))
        raise CircularDependsError(f"depends: {names} wait for each other. Correct depends in the tox file.") from None
    return before


def _is_meant(cell: Cell, patterns: Sequence[str], *, by: Cell) -> bool:
    names = {cell.name, cell.tox_env if cell.tox_env != by.tox_env else ""} - {""}
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class CellQueue:
    """The cells of a run that wait, in the order in which they are wanted, and what those that run hold.

    ``before`` names for a cell those that have to end before it starts.
    """

    def __init__(
        self,
        waiting: Sequence[str],
        holds: Mapping[str, frozenset[str]],
        *,
        jobs: int,
        before: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.waiting = list(waiting)
        self.running: set[str] = set()
        self._holds = dict(holds)
        self._before = dict(before or {})
        self._jobs = jobs

    def take_next(self, *, memory_mb: float | None = None) -> str | None:
        """Return the next cell to start now and count it as running; None where none may start.

        ``memory_mb`` is what is available: where that is little, nothing is started beside what runs.
        """
        scarce = memory_mb is not None and memory_mb < MEMORY_PER_CELL_MB
        if len(self.running) >= self._jobs or (scarce and self.running):
            return None
        held: set[str] = set().union(*(self._holds.get(name, frozenset()) for name in self.running))
        pending = {*self.waiting, *self.running}
        for name in self.waiting:
            if not held & self._holds.get(name, frozenset()) and not pending & self._before.get(name, frozenset()):
                self.waiting.remove(name)
                self.running.add(name)
                return name
        return None

    def mark_ended(self, name: str) -> None:
        """Count a cell as ended, and free what it held."""
        self.running.discard(name)

    def drop_waiting(self) -> tuple[str, ...]:
        """Give up everything that waits, and return it."""
        dropped, self.waiting = tuple(self.waiting), []
        return dropped


def automatic_jobs(*, cpus: int | None = None, memory_mb: float | None = None) -> int:
    """Return how many cells at once suit this machine: one a processor, each with 512 MB of what is available."""
    cpus = cpus if cpus is not None else usable_cpus()
    memory_mb = memory_mb if memory_mb is not None else available_memory_mb()
    by_memory = int(memory_mb // MEMORY_PER_CELL_MB) if memory_mb is not None else cpus
    return max(1, min(cpus, by_memory))


def usable_cpus() -> int:
    """Return the number of processors that this process may use: its affinity, and the control group's quota."""
    try:
        result = len(os.sched_getaffinity(0))
    except AttributeError:
        result = os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        if quota != "max":
            result = min(result, max(1, round(int(quota) / int(period))))
    return result


def available_memory_mb() -> float | None:
    """Return the memory that can be had without swapping, in MB: the machine's and the control group's. None: unknown.

    proc(5) for MemAvailable, the kernel's cgroup-v2 document for memory.max and memory.current.
    """
    amounts = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next((line for line in lines if line.startswith("MemAvailable:")), "")
        amounts.append(int(line.split()[1]) / 1024)
    with contextlib.suppress(OSError, ValueError):
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit != "max":
            amounts.append((int(limit) - int((_CGROUP / "memory.current").read_text())) / 2**20)
    return min(amounts, default=None)


class Memory:
    """What is available, looked up at most a few times a second: what was just started has not taken its share yet."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._available_mb: float | None = None

    def available_mb(self) -> float | None:
        """Return what ``available_memory_mb`` said last."""
        moment = time.monotonic()
        if moment - self._looked_at > MEMORY_LOOK_S:
            self._looked_at, self._available_mb = moment, available_memory_mb()
        return self._available_mb


def known_durations(folder: Path, cells: Collection[str]) -> dict[str, float]:
    """Return how long each of the cells took when it last ran to its end, in seconds, from ``durations.json``."""
    import msgspec

    try:
        matches = decode((folder / "durations.json").read_bytes(), dict[str, float])
    except (OSError, msgspec.DecodeError):
        return {}
    return {name: duration for name, duration in matches.items() if name in cells}


def keep_durations(folder: Path, durations: Mapping[str, float]) -> None:
    """Add ``durations`` to what is known. Where that cannot be written the next run has a worse order, no more."""
    import msgspec

    place = folder / "durations.json"
    with contextlib.suppress(OSError, msgspec.DecodeError):
        known: dict[str, float] = {}
        with contextlib.suppress(OSError, msgspec.DecodeError):
            known = decode(place.read_bytes(), dict[str, float])
        write_atomically(place, msgspec.json.encode(known | dict(durations)))
