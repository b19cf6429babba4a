"""Interrupts while the host is still probed: who asked goes at once, and so does what was asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

TOOL = str(Path(sys.executable).with_name("envmatrix"))
# The check waits for a process in a group of its own, as those do that jobs of a shell start.
CHECK = 'check = ["sh", "-c", "set -m; sleep {seconds} & wait; exit 0"]'
SLOW = {
    "tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n",
    "test_it.py": "import unittest\nclass It(unittest.TestCase):\n    def test_it(self):\n        pass\n",
    "profiles/slow.toml": 'description = "Waits for its host"\nrequires = ["cluster"]\n',
    "profiles/capabilities.toml": f"[cluster]\n{CHECK}\ntimeout_s = 100\n",
}


@pytest.fixture
def asking(project, clean_env):
    """``asking(verb, seconds)``: the tool, started and waiting for a check, and the processes that are its own."""
    started = []

    def start(verb: str, seconds: int) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        files = {name: text.replace("{seconds}", str(seconds)) for name, text in SLOW.items()}
        root = project(files)
        process = subprocess.Popen(
            [TOOL, verb, "slow"],
            cwd=root,
            env=clean_env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        limit = time.monotonic() + 20
        while not any(f"sleep {seconds}" in shown(one) for one in below(process.pid)):
            assert time.monotonic() < limit and process.poll() is None, process.communicate()
            time.sleep(0.05)
        own = below(process.pid)
        started.extend(own)
        return process, own

    yield start
    for process in started:
        with contextlib.suppress(psutil.Error):
            process.kill()


def below(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def shown(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def left(processes: list[psutil.Process]) -> list[str]:
    """What of these is there after at most two seconds."""
    limit = time.monotonic() + 2
    while there := [one for one in processes if living(one)]:
        if time.monotonic() > limit:
            return [shown(one) for one in there]
        time.sleep(0.05)
    return []


def living(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


VERBS = ["run", "plan", "explain", "doctor"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", VERBS)
def test_an_interrupt_ends_the_tool_and_what_it_asked(asking, verb, number):
    process, own = asking(verb, 90)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err.strip()) == (130, "", "envmatrix: interrupted")
    assert left(own) == []


@pytest.mark.parametrize("verb", VERBS[:2])
def test_a_terminal_interrupts_everything_at_once(asking, verb):
    process, own = asking(verb, 90)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=5) == ("", "\nenvmatrix: interrupted\n")
    assert process.returncode == 130
    assert left(own) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_tool_leaves_nothing_that_it_asked(asking, verb):
    process, own = asking(verb, 90)
    process.kill()
    process.communicate(timeout=5)
    assert left(own) == []
