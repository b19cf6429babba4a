"""What a gate costs by the number of records in its store: ``python benchmarks/gate.py [--tests N] [RECORDS…]``.

A project of 50 cells in a git repository, and a store of records of 1,000 tests each from 7 hosts: long ids, most tests
passed, a tenth skipped with a reason. Each size is measured as a user meets it, ``envmatrix gate HEAD`` in a process of
its own, from its start to its end: seconds on the clock with their spread, seconds of the processor (on a busy machine
the clock says little) and peak memory, medians of five runs. ``--older N`` adds so many trees of 100 records of other
contents, which the gate looks at for stale evidence.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from envmatrix.config.matrix import load_matrix
from envmatrix.evidence.codec import encode_evidence
from envmatrix.evidence.model import CommandRun, Distribution, Evidence, HostRecord, Session
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store.names import make_name
from envmatrix.vcs.revision import resolve_revision

CELLS = 50
HOSTS = 7
RUNS = 5


def project(root: Path) -> None:
    """A committed project whose profile has CELLS cells."""
    values = ", ".join(f'"v{number}"' for number in range(CELLS))
    (root / "profiles").mkdir(parents=True)
    (root / "profiles/unit.toml").write_text(f'extends = "restricted"\n[axes]\nflavour = [{values}]\n')
    (root / "tox.ini").write_text("[testenv]\ncommands = pytest\n")
    person = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*person, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def tests(count: int) -> tuple[Result, ...]:
    """What one record holds."""
    return tuple(
        Result(
            id=f"project/tests/unit/virt/libvirt/test_driver.py::LibvirtDriverTestCase::test_something_{number}",
            outcome="skipped" if number % 10 == 0 else "passed",
            duration_s=number / 1000,
            reason="needs a nested hypervisor on this host" if number % 10 == 0 else "",
            runner="pytest",
        )
        for number in range(count)
    )


def fill(root: Path, records: int, count: int, older: int) -> None:
    """Write records of HEAD's tree, and of ``older`` other trees, where the store keeps them."""
    tree, digest = resolve_revision(root, "HEAD").tree, load_matrix(root).digest
    every = tests(count)
    plain = Evidence(
        id="",
        run_id="run",
        project="project",
        tree=tree,
        commit="c" * 40,
        dirty=False,
        matrix_digest=digest,
        cell="",
        profile="unit",
        axes={},
        state="finished",
        host=HostRecord(name=""),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        duration_s=60.0,
        distributions=tuple(Distribution(name=f"package-{i}", version="1.2.3", owner="env") for i in range(60)),
        commands=(CommandRun(argv=("pytest",)),),
        sessions=(Session(runner="pytest", finished=True, exit_code=0, tests=count),),
        tests=every,
    )
    base = root / ".envmatrix/evidence"
    trees = [(tree, records), *((f"{number:040x}", 100) for number in range(older))]
    for tree_id, many in trees:
        for number in range(many):
            host = f"host-{number % HOSTS}"
            record = msgspec.structs.replace(
                plain,
                id=f"{host}-20260101T000000Z-{number:06x}-{number:08x}",
                run_id=f"run-{number}",
                tree=tree_id,
                cell=f"unit-v{number % CELLS}",
                host=HostRecord(name=host),
            )
            path = base / make_name(record)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_evidence(record))


def measure(root: Path) -> tuple[float, float, float, int]:
    """Seconds, seconds of the processor, MB at the peak, and exit code of one gate."""
    command = [sys.executable, "-m", "envmatrix", "gate", "HEAD"]
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    busy = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - begun, busy, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--older", type=int, default=0)
    options = parser.parse_args()
    print(f"{'records':>8} {'tests':>6} {'median s':>9} {'from':>6} {'to':>6} {'cpu s':>6} {'MB':>6}")
    for size in options.records:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            root.mkdir()
            project(root)
            fill(root, size, options.tests, options.older)
            runs = [measure(root) for _ in range(RUNS)]
        assert all(code == 0 for _, _, _, code in runs), runs
        times = sorted(run[0] for run in runs)
        busy, megabytes = (statistics.median(run[at] for run in runs) for at in (1, 2))
        print(
            f"{size:>8} {options.tests:>6} {statistics.median(times):>9.2f} {times[0]:>6.2f} {times[-1]:>6.2f}"
            f" {busy:>6.2f} {megabytes:>6.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
