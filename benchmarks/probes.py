"""How long it takes to probe everything built in, in every interpreter of this host.

``python benchmarks/probes.py [ROUNDS]`` prints the seconds of each round and their median, and ends with 1 when that is
over the limit. Each round is a process of its own, as ``envmatrix doctor`` is, and imports are counted.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

LIMIT_S = 1.5  # on two cores, with the interpreters that pyenv has
ROUND = "import os; from envmatrix.host.inventory import probe_all; print(len(probe_all({}, os.environ)))"


def main() -> int:
    """Measure; the exit code says whether the limit was kept."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    times, before = [], 0.0
    for _round in range(rounds):
        started = time.monotonic()
        ran = subprocess.run([sys.executable, "-c", ROUND], check=True, capture_output=True, text=True, env=os.environ)
        times.append(time.monotonic() - started)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu, before = used.ru_utime + used.ru_stime - before, used.ru_utime + used.ru_stime
        print(f"{times[-1]:.2f} s, {cpu:.2f} s of processor time, for {ran.stdout.strip()} findings")
    median = statistics.median(times)
    print(f"median {median:.2f} s, limit {LIMIT_S} s")
    return int(median > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
