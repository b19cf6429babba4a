"""A run that is killed at any moment leaves nothing that a gate would believe and that is not true."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from gate_lab import states

from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.store import Store

KILLS = int(os.environ.get("GATE_KILLS", "60"))  # GATE_KILLS=200 for more of them
TESTS = """import os, time, unittest

class Good(unittest.TestCase):
    def test_a(self): time.sleep(0.01)
    def test_b(self): time.sleep(0.01)

class Bad(unittest.TestCase):
    def test_a(self): time.sleep(0.01)
    def test_z(self): time.sleep(0.01); self.fail("always")
"""
INI = "[tox]\nskipsdist = true\n[testenv]\ncommands =\n    good: python -m unittest -v test_it.Good\n"
INI += "    bad: python -m unittest -v test_it.Bad\n"
PROFILE = 'extends = "restricted"\n[axes]\nkind = ["bad", "good"]\n'
TRUTH = {
    "unit-good": {"test_it.Good.test_a": "passed", "test_it.Good.test_b": "passed"},
    "unit-bad": {"test_it.Bad.test_a": "passed", "test_it.Bad.test_z": "failed"},
}
ONLY = {"unit-good": {"passed"}, "unit-bad": {"failed"}}  # what a cell may be judged, besides not having an answer
NO_ANSWER = {"inconclusive", "owed", "stale"}


def kill_at(seconds: float, root: Path, store: Path, env: dict[str, str]) -> bool:
    """Start a run and kill it after that long; whether it was still alive."""
    command = [str(Path(sys.executable).with_name("envmatrix")), "-q", "run", "--store", str(store)]
    process = subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def test_a_run_that_is_killed_leaves_nothing_untrue(project, envmatrix, clean_env, tmp_path):
    root = project({"tox.ini": INI, "profiles/unit.toml": PROFILE, "test_it.py": TESTS})
    assert envmatrix("run", cwd=root).returncode == 1
    begun = time.monotonic()
    assert envmatrix("run", cwd=root).returncode == 1
    lasts = time.monotonic() - begun
    chance = random.Random(20120601)
    killed = whole = part = 0
    for number in range(KILLS):
        store = tmp_path / f"store-{number}"
        killed += kill_at(chance.uniform(0, 1.1 * lasts), root, store, clean_env)
        found = [
            item
            for tree in Store(str(store), root).list_trees()
            for item in Store(str(store), root).iterate_records(tree)
        ]
        for record in found:
            assert isinstance(record, Evidence), record
            if record.state == "finished":
                assert {test.id: test.outcome for test in record.tests} == TRUTH[record.cell]
            else:
                part += 1
        whole += len(found)
        if found:
            gate = envmatrix("gate", "HEAD", "--json", "--store", str(store), cwd=root)
            assert gate.returncode in (1, 3), gate
            for cell in gate.json["cells"]:
                assert cell["state"] in ONLY[cell["name"]] | NO_ANSWER, gate
    assert killed > KILLS / 2, "too few runs were killed before their end"
    assert whole > KILLS / 10, "too few records were ever written"
    after = envmatrix("run", "--json", cwd=root)
    assert after.returncode == 1, after
    assert states(after.json) == {"unit-good": "passed", "unit-bad": "failed"}
    print(f"{KILLS} runs of {lasts:.1f} s, {killed} killed; {whole} records believed, {part} of them of no whole run")
