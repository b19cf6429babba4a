"""What there is to use: memory, disk and processors, as versions that a requirement compares (``memory>=4096``)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.facts import cpus as cpu_count
from envmatrix.host.facts import memory_mb
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, broken, ok


def memory(capability: Capability, context: Context) -> Finding:
    """The memory in MiB that processes can still have; the version is that number."""
    available, limit = _available_mb(), _limit_mb()
    free = min(available, limit) if limit else available
    if not free:
        return broken(
            capability, f"{capability.name}: the system does not say how much there is.", "Require it elsewhere."
        )
    return ok(capability, f"{capability.name}: {free} MiB can be used.", version=str(free))


def disk(capability: Capability, context: Context) -> Finding:
    """The space in MiB that is free where ``capability.value`` says, else in the current folder and the temporary one;
    a file is written there and removed.
    """
    folders = (
        [Path(capability.value)] if capability.value else [Path.cwd(), Path(context.environ.get("TMPDIR", "/tmp"))]
    )
    free: dict[int, Path] = {}
    for folder in folders:
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".envmatrix-") as file:
                file.write(b"1")
                file.flush()
            facts = os.statvfs(folder)
        except OSError as error:
            message = f"{capability.name}: nothing can be written in {folder}: {error.strerror}."
            return broken(capability, message, f"Make {folder} writable, and make room on it.", where=str(folder))
        free[facts.f_bavail * facts.f_frsize // 2**20] = folder
    least = min(free)
    return ok(
        capability,
        f"{capability.name}: {least} MiB are free in {free[least]}.",
        version=str(least),
        where=str(free[least]),
    )


def cpus(capability: Capability, context: Context) -> Finding:
    """The processors that this process may use; the version is their number."""
    return ok(capability, f"{capability.name}: {cpu_count()} can be used.", version=str(cpu_count()))


def _available_mb() -> int:
    """Linux's own estimate of what can be had without swapping (proc(5), MemAvailable), elsewhere all there is."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return memory_mb()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:")), memory_mb())


def _limit_mb() -> int:
    """What the control group leaves, 0 where it sets no limit (kernel documentation, cgroup-v2, memory.max)."""
    try:
        group = Path("/proc/self/cgroup").read_text("ascii").strip().rpartition("::")[2]
        folder = Path(f"/sys/fs/cgroup{group}")
        limit, used = ((folder / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        return max(1, (int(limit) - int(used)) // 2**20) if limit.isdigit() else 0
    except (OSError, ValueError):
        return 0
