"""Signals at random moments to any of a run's processes: nothing is left, nothing is broken, nothing false is said.

``SIGNAL_RUNS=500 pytest tests/acceptance/test_signals.py`` is the long form.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

RUNS = int(os.environ.get("SIGNAL_RUNS", "60"))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
TOOL = str(Path(sys.executable).with_name("envmatrix"))
TOX_INI = """\
[tox]
env_list = one, two
[testenv]
skip_install = true
pass_env = HOLD_S
commands = python -m unittest -q test_hold
"""
# a child, a grandchild, and one that left the session and its parents
TEST = """
import os, subprocess, sys, time, unittest

SLEEP = "import time; time.sleep(300)"
CHILD = "import subprocess, sys; subprocess.call([sys.executable, '-c', %r, sys.argv[1]])" % SLEEP

class Hold(unittest.TestCase):
    def test_one(self):
        seconds = float(os.environ.get("HOLD_S", "0"))
        if seconds:
            here = os.getcwd()
            subprocess.Popen([sys.executable, "-c", CHILD, here])
            if os.fork() == 0:
                os.setsid()
                os.execv(sys.executable, [sys.executable, "-c", SLEEP, here])
            time.sleep(seconds)

    def test_two(self):
        pass
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two environments that are built; each worker of the test run has its own."""
    root = tmp_path_factory.mktemp("signals")
    (root / "tox.ini").write_text(TOX_INI)
    (root / "test_hold.py").write_text(TEST)
    (root / ".gitignore").write_text("__pycache__\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def here(root: Path) -> list[psutil.Process]:
    """Every living process that works in the checkout or names it, but for this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if str(root) in process.cwd() or any(str(root) in part for part in process.cmdline()):
                found.append(process)
    return found


def records(root: Path) -> list[Any]:
    return [json.loads(path.read_bytes()) for path in (root / ".envmatrix" / "evidence").glob("*/*/*.json")]


def hurt(process: subprocess.Popen[bytes], chance: random.Random, root: Path) -> str:
    """Send one random signal to one random process of the run, or two to the tool; return what was done."""
    number = chance.choice(SIGNALS)
    tool = psutil.Process(process.pid)
    family = tool.children(recursive=True) + [one for one in here(root) if one.pid != process.pid]
    target = tool if not family or chance.random() < 0.5 else chance.choice(family)
    with contextlib.suppress(psutil.Error):
        what = f"{number.name} to {' '.join(target.cmdline())[:120]}"
        target.send_signal(number)
        if target is tool and chance.random() < 0.3:
            time.sleep(chance.uniform(0, 0.3))
            target.send_signal(number)
            what += " twice"
        return what
    return "nothing, it had gone"


def assert_nothing_left(root: Path, what: str) -> None:
    deadline = time.monotonic() + 2
    while (left := here(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, (what, [(one.pid, one.cmdline()) for one in left])
    for path in (root / ".envmatrix" / "locks").glob("*.lock"):
        with FileLock(path, timeout=0):
            pass


def assert_true(record: Any, what: str) -> None:
    """A record that looks like a pass is one: both tests ran, and the command ended with 0."""
    outcomes = [test["outcome"] for test in record.get("tests", ())]
    good = record["state"] == "finished" and not any(command.get("exit_code") for command in record["commands"])
    assert not good or outcomes == ["passed", "passed"], (what, record)


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_signal_leaves_no_trace(seed: int, checkout: Path, clean_env: dict[str, str]) -> None:
    chance = random.Random(seed)
    args = ["-q", "run", "-j", "2", "tox:one", "tox:two", *chance.choice([[], [], ["--no-warm"], ["--recreate"]])]
    before = {record["id"] for record in records(checkout)} if (checkout / ".envmatrix").exists() else set()
    environ = {**clean_env, "HOLD_S": "2"}
    with (checkout.parent / f"{seed}.log").open("wb") as log:
        process = subprocess.Popen([TOOL, *args], cwd=checkout, env=environ, stdout=log, stderr=log)
        time.sleep(chance.uniform(0, 3.5))
        what = f"{hurt(process, chance, checkout)} of {' '.join(args)}" if process.poll() is None else "nothing"
        code = process.wait(timeout=60)
    assert_nothing_left(checkout, what)
    for record in records(checkout):
        if record["id"] not in before:
            assert_true(record, what)
    lines = (checkout.parent / f"{seed}.log").read_text(errors="replace").splitlines()
    said = "\n".join(line for line in lines if not re.match(r" *\| ", line))  # without what the commands wrote
    # an interrupt before the first line of ours ran is Python's to report
    assert "Traceback" not in said or said.rstrip().endswith("KeyboardInterrupt"), (what, said)
    assert code not in (2, 4), (what, said)
    after = subprocess.run(
        [TOOL, "run", "--json", "-j", "2", "tox:one", "tox:two"],
        cwd=checkout,
        env=clean_env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert after.returncode == 0, (what, after.stdout, after.stderr)
    assert_nothing_left(checkout, what)


def test_a_second_interrupt_does_not_wait(checkout: Path, clean_env: dict[str, str]) -> None:
    stubborn = "import signal, time\nfor number in (signal.SIGINT, signal.SIGTERM):\n"
    stubborn += "    signal.signal(number, signal.SIG_IGN)\nopen('ready', 'w').close()\ntime.sleep(300)\n"
    (checkout / "stubborn.py").write_text(stubborn)
    (checkout / "tox.ini").write_text(
        TOX_INI + "[testenv:stubborn]\nskip_install = true\ncommands = python stubborn.py\n"
    )
    process = subprocess.Popen(
        [TOOL, "run", "tox:stubborn"], cwd=checkout, env=clean_env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (checkout / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert_nothing_left(checkout, "two interrupts")
    (checkout / "tox.ini").write_text(TOX_INI)
