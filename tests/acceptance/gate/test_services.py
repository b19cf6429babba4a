"""A service that does not start is noise: tried again, and never a vote against the change."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

INI = "[tox]\nskipsdist = true\n[testenv]\ncommands = python -m unittest -v test_it\n"
TESTS = """import os, socket, unittest

class Case(unittest.TestCase):
    def test_it(self):
        {talk}
"""
TALK = {
    "redis": "socket.create_connection(('127.0.0.1', int(os.environ['WHERE'].rpartition(':')[2]))).close()",
    "mysql": "line = socket.socket(socket.AF_UNIX); line.connect(os.environ['WHERE']); line.close()",
}
WHERE = {"redis": "{redis.url}", "mysql": "{mysql.socket}"}
DAEMON = {"redis": "redis-server", "mysql": "mysqld"}
WRAPPER = """#!/bin/sh
case "$*" in *--version*|*--help*|*--initialize*) exec {real} "$@";; esac
echo x >> {folder}/starts
if [ $(wc -l < {folder}/starts) -le {fails} ]; then echo "out of luck today, says the daemon" >&2; exit 1; fi
exec {real} "$@"
"""


@pytest.fixture
def unlucky():
    """``unlucky("redis", 1)``: a PATH whose daemon fails that many times before it starts, and the file of its starts.

    The folder is open to all, because the daemon runs as a user of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="emluck"))
    folder.chmod(0o755)
    (folder / "starts").touch()
    (folder / "starts").chmod(0o666)

    def make(service: str, fails: int) -> tuple[str, Path]:
        real = shutil.which(DAEMON[service], path="/usr/local/sbin:/usr/sbin:/usr/bin")
        wrapper = folder / DAEMON[service]
        wrapper.write_text(WRAPPER.format(real=real, folder=folder, fails=fails))
        wrapper.chmod(0o755)
        return str(folder), folder / "starts"

    yield make
    shutil.rmtree(folder)


@pytest.fixture
def needing(project):
    """``needing("redis")``: a project whose one test talks to that service."""

    def make(service: str) -> Path:
        profile = f'extends = "restricted"\nservices = ["{service}"]\n[service_env]\nWHERE = "{WHERE[service]}"\n'
        files = {"tox.ini": INI, "profiles/data.toml": profile, "test_it.py": TESTS.format(talk=TALK[service])}
        return project(files)

    return make


def records(root: Path) -> list[dict]:
    found = [json.loads(path.read_bytes()) for path in (root / ".envmatrix/evidence").glob("*/*/*.json")]
    return sorted(found, key=lambda record: record["attempt"])


@pytest.mark.parametrize("service", ["redis", "mysql"])
def test_a_service_that_starts_at_the_second_try_is_told_and_the_cell_passes(
    needing, envmatrix, clean_env, unlucky, service
):
    root = needing(service)
    first, starts = unlucky(service, 1)
    result = envmatrix("run", "--json", cwd=root, env={"PATH": f"{first}:{clean_env['PATH']}"})
    assert result.returncode == 0, result
    assert len(starts.read_text().split()) >= 2
    assert "attempt 2 follows in" in result.stderr
    failed, passed = records(root)
    assert (failed["state"], failed["reasons"][0]["code"]) == ("not_started", "service_failed")
    assert "out of luck today, says the daemon" in failed["reasons"][0]["detail"]
    assert (passed["state"], passed["attempt"]) == ("finished", 2)
    gate = envmatrix("gate", "--json", cwd=root)
    assert gate.returncode == 0, gate
    for verdict in (result.json, gate.json):
        (cell,) = verdict["cells"]
        told = [note for note in cell["notes"] if note.startswith("attempt 2, because of the one before: ")]
        assert len(told) == 1, cell
        assert f"{service} could not be started" in told[0]


@pytest.mark.parametrize("service", ["redis", "mysql"])
def test_a_service_that_never_starts_lets_nothing_in_and_is_no_vote_against_the_change(
    needing, envmatrix, clean_env, unlucky, service
):
    root = needing(service)
    first, starts = unlucky(service, 1000)
    path = {"PATH": f"{first}:{clean_env['PATH']}"}
    result = envmatrix("run", "--json", "--retries", "1", cwd=root, env=path)
    assert result.returncode == 3, result
    assert len(starts.read_text().split()) >= 2
    (cell,) = result.json["cells"]
    assert (cell["state"], [reason["code"] for reason in cell["reasons"]]) == ("inconclusive", ["service_failed"])
    assert [record["attempt"] for record in records(root)] == [1, 2]
    text = envmatrix("run", "--retries", "0", cwd=root, env=path)
    assert (text.returncode, "out of luck today, says the daemon" in text.output) == (3, True), text
    for format_, read in {
        "gerrit": lambda vote: vote["labels"]["Verified"] == 0,
        "github-check": lambda vote: vote["conclusion"] == "action_required",
    }.items():
        vote = envmatrix("gate", "--format", format_, cwd=root)
        assert (vote.returncode, read(vote.json)) == (3, True), vote
    junit = envmatrix("gate", "--format", "junit", cwd=root)
    assert 'failures="0"' in junit.stdout
    assert f"{service} could not be started" in envmatrix("gate", cwd=root).stdout
