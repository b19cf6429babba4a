"""The process that starts cells' processes goes with the tool, also where it is busy."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from envmatrix.engine.launcher.client import ForkServer
from envmatrix.engine.launcher.request import ProcessRequest

SLEEP = ["/bin/sleep", "60.25"]
# A tool whose helper reads no socket, as while it loads tox, and which is killed then; it prints the watcher's pid.
TOOL = """
import os, signal, sys, time
import psutil
from envmatrix.engine.launcher.client import ForkServer
from envmatrix.engine.launcher.request import ProcessRequest

server = ForkServer(os.environ)
server.start_helper()
if sys.argv[1] == "busy":
    server.start_process(ProcessRequest(kind="exec", argv=("/bin/sleep", "60.25"), cwd="/", environ={"A": "1"}))
watcher = psutil.Process(server._helper.pid)
while watcher.name() != "watcher" or not watcher.children():
    time.sleep(0.01)
watcher.children()[0].suspend()
print(watcher.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(pid: int, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
    return True


@pytest.fixture
def helper():
    """``helper(state)``: the pid of the helper of a tool that was killed while the helper read no socket."""
    pids = []

    def start(state: str) -> int:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "ENVMATRIX"))}
        command = [sys.executable, "-c", TOOL, state]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == -9, done
        pids.append(int(done.stdout))
        return pids[-1]

    yield start
    for pid in pids:
        if not gone(pid, 0):
            for process in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
                process.kill()


def test_a_helper_that_reads_nothing_ends_with_its_owner(helper):
    assert gone(helper("idle"), 2)


def test_one_that_reads_nothing_ends_with_its_owner_and_with_what_it_started(helper):
    watcher = helper("busy")
    assert gone(watcher, 2)
    assert [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == SLEEP] == []


# What a command has of the process that started it: its descriptors, the signals it ignores, its folder and session.
SHOWN = """
import os, signal
print(sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")))
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(status["SigIgn"], status["SigBlk"], os.getcwd(), os.getsid(0) == os.getpid(), os.readlink("/proc/self/fd/0"))
"""


@pytest.fixture
def server():
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "ENVMATRIX"))}
    with ForkServer(environ) as started:
        yield started


def start(server: ForkServer, *argv: str, folder: Path = Path("/")):
    return server.start_process(
        ProcessRequest(kind="exec", argv=argv, cwd=str(folder), environ={"PATH": os.environ["PATH"]})
    )


def ended(process) -> tuple[int, str]:
    code = process.wait_for_exit()
    return code, os.read(process.out, 100_000).decode()


def test_a_command_has_nothing_of_the_helper(server, tmp_path):
    process = start(server, sys.executable, "-S", "-c", SHOWN, folder=tmp_path)
    code, said = ended(process)
    descriptors, rest = said.splitlines()
    ignored, blocked, folder, leads, stdin = rest.split()
    assert (code, descriptors) == (0, "[0, 1, 2]")
    # Python itself ignores SIGPIPE and SIGXFSZ; 32 and 33 are the C library's own. A job in the background has SIGQUIT
    # ignored by its shell, which is the caller's affair.
    own = {number for number in range(1, 65) if int(ignored, 16) >> (number - 1) & 1} - {32, 33, signal.SIGQUIT}
    assert (own, int(blocked, 16)) == ({signal.SIGPIPE, signal.SIGXFSZ}, 0)
    assert (folder, leads, stdin) == (str(tmp_path), "True", os.devnull)


def test_what_cannot_be_run_says_why(server, tmp_path):
    text = tmp_path / "text"
    text.write_text("no program")
    assert ended(start(server, str(tmp_path / "nothing"))) == (127, f"{tmp_path}/nothing: No such file or directory\n")
    assert ended(start(server, str(text))) == (126, f"{text}: Permission denied\n")
    text.chmod(0o755)
    assert ended(start(server, str(text))) == (126, f"{text}: Exec format error\n")


# A tool with three commands that have children, and one that has ended; it tells the watcher's pid, theirs and those.
BUSY = """
import os, sys, time
from envmatrix.engine.launcher.client import ForkServer
from envmatrix.engine.launcher.request import ProcessRequest
server = ForkServer(os.environ)
one = ProcessRequest(kind="exec", argv=("/bin/sh", "-c", "sleep 60 & echo $!; wait"), cwd="/", environ={"A": "1"})
processes = [server.start_process(one) for _ in range(3)]
over = server.start_process(ProcessRequest(kind="exec", argv=("/bin/true",), cwd="/", environ={}))
over.wait_for_exit()
print(server._helper.pid, *(p.pid for p in processes), *(os.read(p.out, 100).decode().strip() for p in processes))
sys.stdout.flush()
time.sleep(60)
"""


@pytest.fixture
def busy():
    """The pids of a busy tool: itself, watcher, helper, and those of its commands and of their children."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "ENVMATRIX"))}
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True, env=env) as owner:
        watcher, *pids = map(int, owner.stdout.readline().split())
        helper = psutil.Process(pids[0]).ppid()
        assert psutil.Process(helper).ppid() == watcher
        yield {"owner": owner.pid, "watcher": watcher, "helper": helper}, pids[:3], pids[3:]
        owner.kill()


@pytest.mark.parametrize("killed", [("owner",), ("helper",), ("owner", "helper"), ("helper", "owner")])
def test_commands_and_their_children_end_with_the_tool_or_its_helper(busy, killed):
    pids, commands, children = busy
    for name in killed:
        os.kill(pids[name], signal.SIGKILL)
    assert all(gone(pid, 2) for pid in (*commands, *children, pids["helper"], pids["watcher"]))


def test_commands_end_with_the_watcher(busy):
    pids, commands, children = busy
    os.kill(pids["watcher"], signal.SIGKILL)
    assert all(gone(pid, 2) for pid in (*commands, pids["helper"]))
    for pid in children:  # which the tool finds by the variable that they bear
        os.kill(pid, signal.SIGKILL)


def test_the_watcher_has_another_name_than_the_tool(busy):
    pids, _, _ = busy
    assert psutil.Process(pids["watcher"]).name() == "watcher"
