"""Runs real suites in every Python found here and holds each count against the runner's own; prints a table.

``python benchmarks/counts.py [PROJECT[@PYTHON]…]``, such as ``packaging@3.8``: needs what the suites need (Debian: see
bindep.txt) and an index. The exit code is 1 where any number differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "acceptance"))

from counting import compare, evidence_of
from suites import SUITES, Suite


def run(suite: Suite, pythons: Sequence[str], work: Path) -> bool:
    """Run one suite in these Pythons and print a line for each; whether everything was equal."""
    root = suite.prepare(work / "archives", work / "source", pythons)
    constraints = work / "constraints.txt"
    constraints.touch()
    environ = {**os.environ, **suite.environ(str(constraints))}
    command = [str(Path(sys.executable).with_name("envmatrix")), "run", "counts", "--json"]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    equal = True
    for cell in json.loads(done.stdout)["cells"]:
        if not cell["evidence"]:
            print(f"{suite.requirement:22}  {cell['name']:12}  {cell['state']}: {cell['reasons'][0]['message']}")
            continue
        record = evidence_of(root, cell["evidence"])
        found = compare(root, record)
        equal = equal and found.tests > 0 and not found.differences
        outcomes = ", ".join(f"{count} {word}" for word, count in sorted(found.totals.items()))
        version = record.interpreter.version if record.interpreter else ""
        print(
            f"{suite.requirement:22}  {version:8}  {found.tests:6}  {len(found.differences):5}  {cell['state']}"
            f"  {outcomes}"
        )
        for difference in found.differences[:10]:
            print(f"    {difference}")
    sys.stdout.flush()
    return equal


def main(names: list[str]) -> int:
    """Run the suites named, or all; 0 where every count is the runner's own."""
    print(f"{'project':22}  {'python':8}  {'tests':>6}  {'differ':>5}  state  outcomes")
    with tempfile.TemporaryDirectory(prefix="envmatrix-counts-") as work:
        equal = []
        for wanted in names or list(SUITES):
            name, _, python = wanted.partition("@")
            folder = Path(work) / wanted
            folder.mkdir()
            equal.append(run(SUITES[name], [python] if python else SUITES[name].pythons, folder))
    return int(not all(equal))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
