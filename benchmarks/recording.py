"""What recording costs: one suite in one environment, without and with the recorders, and with pytest's JUnit XML.

    python benchmarks/recording.py [--tests 5000] [--rounds 5] [--python PATH] [--pytest "pytest>=9"]

The rounds are interleaved, so that a machine that gets busy does so for all. Printed per kind: median wall time and
median processor time of all its processes, in seconds, and the difference to the plain run. Judge by the processor
time on a machine that is not quiet. The promise is at most 5 %, and less than --junit-xml costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import uv

from envmatrix.evidence import recorders
from envmatrix.evidence.recordings import read_recordings

PER_MODULE = 100


def main() -> int:
    """Run the benchmark; the exit code is 1 where recording costs more than 5 % of processor time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pytest", default="pytest>=9")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        python = _environment(root / "env", options.python, options.pytest)
        _suite(root / "suite", options.tests)
        times = _measure(root, python, options.rounds, options.tests)
    return _report(times)


def _environment(root: Path, python: str, requirement: str) -> Path:
    tool = uv.find_uv_bin()
    subprocess.run([tool, "venv", "-q", "-p", python, root], check=True)
    subprocess.run([tool, "pip", "install", "-q", "-p", root / "bin" / "python", requirement], check=True)
    recorders.install_recorders(next(root.glob("lib/python3*/site-packages")))
    return root / "bin" / "python"


def _suite(root: Path, tests: int) -> None:
    root.mkdir()
    for start in range(0, tests, PER_MODULE):
        numbers = range(start, min(start + PER_MODULE, tests))
        code = "".join(f"def test_{number}():\n    assert {number} == {number}\n\n" for number in numbers)
        (root / f"test_{start:06}.py").write_text(code)


def _measure(root: Path, python: Path, rounds: int, tests: int) -> dict[str, list[tuple[float, float]]]:
    base = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "ENVMATRIX_"))
    }
    times: dict[str, list[tuple[float, float]]] = {"plain": [], "recorded": [], "junit-xml": []}
    _run(python, root / "suite", base)  # compiles
    for number in range(rounds):
        record = root / f"record-{number}"
        times["plain"].append(_run(python, root / "suite", base))
        times["recorded"].append(_run(python, root / "suite", base | recorders.recorder_environment(record, base=base)))
        times["junit-xml"].append(_run(python, root / "suite", base, f"--junit-xml={root / 'results.xml'}"))
        recorded = read_recordings(record, project=root / "suite")
        assert len(recorded.tests) == tests, f"{len(recorded.tests)} of {tests} tests were recorded"
    return times


def _run(python: Path, cwd: Path, env: Mapping[str, str], *args: str) -> tuple[float, float]:
    wall, before = time.perf_counter(), os.times()
    command = (str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *args)
    subprocess.run(command, cwd=cwd, env=dict(env), stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - wall, used


def _report(times: Mapping[str, list[tuple[float, float]]]) -> int:
    plain = statistics.median(used for _, used in times["plain"])
    over = {}
    for kind, rounds in times.items():
        wall, used = (statistics.median(values) for values in zip(*rounds, strict=True))
        over[kind] = used / plain - 1
        least = min(used for _, used in rounds)
        print(f"{kind:10} wall {wall:7.3f} s   cpu {used:7.3f} s ({over[kind]:+6.1%})   least cpu {least:7.3f} s")
    return 0 if over["recorded"] <= 0.05 and over["recorded"] < over["junit-xml"] else 1


if __name__ == "__main__":
    sys.exit(main())
