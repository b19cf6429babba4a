"""What reading a tree's evidence costs, by the number of records: ``python benchmarks/gate.py [RECORDS…]``.

Each size is measured in a process of its own (time and peak memory of the best of three), over records of 1,000 tests
that look like real ones: long ids, most passed, a tenth skipped with a reason.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from envmatrix.evidence.model import Distribution, Evidence, HostRecord
from envmatrix.evidence.model import TestResult as Result
from envmatrix.evidence.store import Store

TREE = "a" * 40
TESTS = 1000
CELLS = 50
KEPT = 3000  # keeping more would measure the machine's memory


def record(number: int) -> Evidence:
    """One record of 1,000 tests."""
    tests = tuple(
        Result(
            id=f"project.tests.unit.virt.libvirt.test_driver.LibvirtDriverTestCase.test_something_{test}",
            outcome="skipped" if test % 10 == 0 else "passed",
            duration_s=test / 1000,
            reason="libvirt is not present on this host" if test % 10 == 0 else "",
            runner="subunit",
            skip_class="capability" if test % 10 == 0 else "",
            capability="libvirt" if test % 10 == 0 else "",
        )
        for test in range(TESTS)
    )
    return Evidence(
        id=f"host-{number % 7}-20260101T000000Z-{number:08x}",
        run_id=f"run-{number}",
        project="project",
        tree=TREE,
        commit="c" * 40,
        dirty=False,
        matrix_digest="sha256:" + "d" * 64,
        cell=f"full-py3{number % CELLS}",
        profile="full",
        axes={"python": "3.11"},
        state="finished",
        host=HostRecord(name=f"host-{number % 7}"),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        duration_s=60.0,
        distributions=tuple(Distribution(name=f"package-{i}", version="1.2.3", owner="env") for i in range(60)),
        tests=tests,
    )


def fill(folder: Path, records: int) -> Store:
    """A store of that many records, each encoded and written as a run does it."""
    store = Store(str(folder), folder)
    for number in range(records):
        store.put(record(number))
    return store


def measure(folder: Path) -> dict[str, float]:
    """Seconds to list, to read one by one, and to read and keep everything; MB at the end of each."""
    store = Store(str(folder), folder)
    start = time.perf_counter()
    names = len(store.list(TREE))
    listed = time.perf_counter()
    tests = sum(len(item.tests) for item in store.iterate(TREE) if isinstance(item, Evidence))
    streamed = time.perf_counter()
    streamed_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert tests == names * TESTS
    kept = list(store.iterate(TREE)) if names <= KEPT else []
    done = time.perf_counter()
    return {
        "list_s": listed - start,
        "stream_s": streamed - listed,
        "stream_mb": streamed_mb,
        "keep_s": done - streamed if kept else float("nan"),
        "keep_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(sizes: list[int]) -> None:
    """Print one line a size."""
    print(f"{'records':>8} {'list s':>8} {'stream s':>9} {'MB':>6} {'keep s':>8} {'MB':>6}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), size)
            command = [sys.executable, __file__, "--measure", folder]
            runs = [json.loads(subprocess.check_output(command)) for _ in range(3)]
        best = {key: min(run[key] for run in runs) for key in runs[0]}
        print(
            f"{size:>8} {best['list_s']:>8.3f} {best['stream_s']:>9.2f} {best['stream_mb']:>6.0f}"
            f" {best['keep_s']:>8.2f} {best['keep_mb']:>6.0f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main([int(size) for size in sys.argv[1:]] or [100, 1000])
