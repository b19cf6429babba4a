"""The process that starts cells' processes goes with the tool, also where it is busy."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

# A tool whose helper takes long over loading tox, and which ends in the middle of it; it tells the helper's pid.
TOOL = """
import os, signal, sys, time
from envmatrix.engine import forkserver, helper

def load(name):
    open(sys.argv[1], "a").write(name + "\\n")
    time.sleep(60)

forkserver.load = load
helper.fork_early(os.environ)
from envmatrix.engine.launch import ForkServer
from envmatrix.engine.request import Request

server = ForkServer(os.environ)
if sys.argv[2] == "busy":
    server.start(Request(kind="exec", argv=("/bin/sleep", "60"), cwd="/", environ={"A": "1"}))
server.preload()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
print(helper._early[0][0]._pid if helper._early else server._helper._pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(pid: int, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def helper(tmp_path: Path):
    """``helper(state)``: the pid of the helper of a tool that was killed while the helper was loading."""
    pids = []

    def start(state: str) -> int:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "ENVMATRIX"))}
        command = [sys.executable, "-c", TOOL, str(tmp_path / "loading"), state]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == -9, done
        pids.append(int(done.stdout))
        return pids[-1]

    yield start
    for pid in pids:
        if not gone(pid, 0):
            for process in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
                process.kill()


def test_a_helper_that_is_loading_ends_with_its_owner(helper):
    assert gone(helper("idle"), 2)


def test_one_with_something_to_end_stays_to_end_it(helper):
    assert not gone(helper("busy"), 0.5)
