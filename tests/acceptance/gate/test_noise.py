"""Noise is told from failures: an index that cannot be reached and a killed session are tried again and prove nothing
against the change; a failed test is run again only when that is asked for, and every attempt stays to be seen.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
from gate_lab import only_index

INI = "[tox]\nskipsdist = true\n[testenv]\ncommands = python -m unittest -v test_it\n"
UNSTEADY = """import os, pathlib, unittest

class Case(unittest.TestCase):
    def test_steady(self):
        pass

    def test_unsteady(self):
        seen = pathlib.Path(os.environ["SEEN"])
        times = len(seen.read_text()) if seen.exists() else 0
        seen.write_text("x" * (times + 1))
        self.assertGreaterEqual(times, int(os.environ["FAILS"]))
"""
PROFILE = 'extends = "restricted"\n[env]\npass_env = { append = ["SEEN", "FAILS"] }\n'
RULE = '[[flaky]]\ntests = ["*test_unsteady"]\nowner = "net team"\nexpires = %s\n'


@pytest.fixture
def closed_port():
    """A port of loopback on which nobody listens: bound, and never listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def records(root: Path) -> list[dict]:
    found = [json.loads(path.read_bytes()) for path in (root / ".envmatrix/evidence").glob("*/*/*.json")]
    return sorted(found, key=lambda record: record["attempt"])


def test_an_index_that_cannot_be_reached_is_tried_again_and_never_a_vote_against_the_change(
    envmatrix, project, closed_port
):
    ini = INI.replace("commands", "deps = six\ncommands")
    root = project({"tox.ini": ini, "profiles/unit.toml": PROFILE, "test_it.py": "import unittest\n"})
    broken = only_index(f"http://127.0.0.1:{closed_port}/simple", PIP_RETRIES="1")
    result = envmatrix("run", "--json", "--retries", "1", cwd=root, env=broken)
    assert result.returncode == 3, result
    cell = result.json["cells"][0]
    assert (cell["state"], cell["reasons"][0]["code"]) == ("inconclusive", "index_unreachable")
    assert "attempt 2 follows in" in result.stderr
    first, second = records(root)
    assert [first["attempt"], second["attempt"]] == [1, 2]
    assert second["attempt_reason"] == "the package index could not be reached"
    assert first["run_id"] == second["run_id"]
    vote = envmatrix("gate", "--format", "gerrit", cwd=root)
    assert vote.returncode == 3, vote
    assert vote.json["labels"] == {"Verified": 0}
    assert vote.json["message"].startswith("Not run: 1 of 1 cell: ")
    alone = envmatrix("run", "--json", "--retries", "0", cwd=root, env=broken)
    assert alone.returncode == 3, alone
    assert len(records(root)) == 3


def test_a_tox_that_something_kills_is_tried_again(envmatrix, project, tmp_path):
    """As the kernel does it where memory runs out: without a word, and not to the test itself."""
    kill = (
        "import os, pathlib, signal, psutil; seen = pathlib.Path(os.environ['SEEN']); again = seen.exists();"
        " seen.touch(); again or psutil.Process().parent().kill(); again or __import__('time').sleep(60)"
    )
    ini = f'[tox]\nskipsdist = true\n[testenv]\nallowlist_externals = *\ncommands_pre = {sys.executable} -c "{kill}"\n'
    root = project(
        {
            "tox.ini": ini + "commands = python -m unittest -v test_it\n",
            "profiles/unit.toml": PROFILE,
            "test_it.py": "import unittest\nclass C(unittest.TestCase):\n    def test_it(self): pass\n",
        }
    )
    result = envmatrix("run", "--json", cwd=root, env={"SEEN": str(tmp_path / "seen")})
    assert result.returncode == 0, result
    first, second = records(root)
    assert (first["state"], first["reasons"][0]["code"]) == ("crashed", "killed")
    assert second["attempt_reason"] == "the process that ran tox ended with signal 9"


@pytest.mark.parametrize(
    ("rule", "fails", "reruns", "code", "attempts"),
    [
        ("", 1, 0, 1, 1),
        ("", 1, 1, 1, 2),
        (RULE % "2999-01-01", 1, 2, 0, 2),
        (RULE % "2020-01-01", 1, 1, 1, 2),
        (RULE % "2999-01-01", 2, 1, 1, 2),
        (RULE % "2999-01-01", 2, 2, 0, 3),
    ],
    ids=["never-silently", "refused", "accepted", "expired", "fails-again", "third-time"],
)
def test_a_test_that_fails_and_then_passes_is_flaky_and_passes_by_choice_alone(
    envmatrix, project, tmp_path, rule, fails, reruns, code, attempts
):
    root = project({"tox.ini": INI, "profiles/unit.toml": PROFILE + rule, "test_it.py": UNSTEADY})
    env = {"SEEN": str(tmp_path / "seen"), "FAILS": str(fails)}
    result = envmatrix("run", "--json", "--rerun-failed", str(reruns), cwd=root, env=env)
    assert result.returncode == code, result
    kept = records(root)
    assert [record["attempt"] for record in kept] == list(range(1, attempts + 1))
    judged = envmatrix("gate", "--json", cwd=root)
    assert judged.returncode == code, judged
    for verdict in (result.json, judged.json):
        (cell,) = verdict["cells"]
        told = " ".join([reason["message"] for reason in cell["reasons"]] + cell["notes"])
        assert ("failed and then passed when run again" in told) == (attempts > fails)
        assert "test_unsteady" in told
    if attempts > fails:
        (again,) = [test for test in kept[-1]["tests"] if test["id"].endswith("test_unsteady")]
        assert again["attempts"] == ["failed"] * fails + ["passed"]
