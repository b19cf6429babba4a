"""How the command starts: what a plain run does not load, what is said where nothing is asked, and early interrupts."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded(cwd, env, *argv):
    """Return the modules that the command loads, and how it ends."""
    command = [sys.executable, "-X", "importtime", "-m", "envmatrix", *argv]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done


HEAVY = {"click", "inspect", "tox", "rich", "asyncio", "json"}


def test_a_plain_run_loads_nothing_heavy_to_begin_with(tmp_path, clean_env):
    names, done = loaded(tmp_path, clean_env, "-q", "run", "-j", "2", "nothing")
    assert (done.returncode, "profiles" in done.stderr) == (2, True), done.stderr
    assert "msgspec" in names
    assert not names & HEAVY


@pytest.mark.parametrize("argv", [["run", "--jbs", "2"], ["plan"], ["--help"]])
def test_the_command_line_is_otherwise_click_s(tmp_path, clean_env, argv):
    names, _ = loaded(tmp_path, clean_env, *argv)
    assert "click" in names
    assert not names & {"tox", "rich"}


@pytest.mark.parametrize("argv", [(), ("evidence",)])
def test_help_is_shown_once_where_nothing_is_asked(envmatrix, tmp_path, argv):
    result = envmatrix(*argv, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Usage: {' '.join(('envmatrix', *argv))} [OPTIONS] COMMAND [ARGS]...\n")
    assert (result.stderr.count("Usage:"), "Error:" in result.stderr) == (1, False)


EARLY = """\
import os, signal
os.kill(os.getpid(), signal.SIGINT)
for _ in range(100_000):
    pass
done = True
"""
WAITS = """\
import sys, time
sys.path.insert(0, {folder!r})
from envmatrix.cli.interrupts import raise_on_signals
raise_on_signals()
{with_}:
    try:
        import early
        print("loaded", early.done)
        time.sleep(20)
    except KeyboardInterrupt:
        print("interrupted", "early" in sys.modules)
"""


@pytest.mark.parametrize("with_", ["if True", "with interruptible()"])
def test_an_interrupt_waits_for_the_end_of_an_import(tmp_path, clean_env, with_):
    (tmp_path / "early.py").write_text(EARLY)
    code = WAITS.format(folder=str(tmp_path), with_=with_)
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[-1] == "interrupted True", done
    assert lines[:-1] in ([], ["loaded True"])
