"""How the command starts: which modules it does not load, what it says where nothing is asked, and early interrupts."""

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


@pytest.mark.parametrize("argv", [["-q", "run", "-j", "2", "nothing"], ["run", "--jbs", "2"], ["plan"], ["--help"]])
def test_the_command_loads_neither_tox_nor_rich_to_begin_with(tmp_path, clean_env, argv):
    names, done = loaded(tmp_path, clean_env, *argv)
    assert done.returncode == (0 if argv == ["--help"] else 2), done.stderr
    assert "click" in names
    assert not names & {"tox", "rich", "asyncio", "fsspec"}


@pytest.mark.parametrize("argv", [(), ("evidence",)])
def test_help_is_shown_once_where_nothing_is_asked(envmatrix, tmp_path, argv):
    result = envmatrix(*argv, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Usage: {' '.join(('envmatrix', *argv))} [OPTIONS] COMMAND [ARGS]...\n")
    assert (result.stderr.count("Usage:"), "Error:" in result.stderr) == (1, False)


EARLY = """\
import os, signal
os.kill(os.getpid(), signal.{signal})
for _ in range(100_000):
    pass
done = True
"""
WAITS = """\
import sys, time
sys.path.insert(0, {folder!r})
from envmatrix.console.signals import raise_on_signals
raise_on_signals()
try:
    import early
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted", sys.modules["early"].done)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_waits_for_the_end_of_an_import(tmp_path, clean_env, name):
    (tmp_path / "early.py").write_text(EARLY.format(signal=name))
    code = WAITS.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, capture_output=True, text=True, check=False)
    assert done.stdout == "interrupted True\n", done


# The command, interrupted when it begins to load one of its modules.
LOADS = """\
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Finder())
sys.argv[1:] = ["run", "nothing"]
from envmatrix.cli.entry import main
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("module", ["click", "msgspec", "envmatrix.commands.run", "envmatrix.engine.run.cell"])
def test_an_interrupt_while_modules_load_is_told_in_a_sentence(tmp_path, clean_env, name, module):
    command = [sys.executable, "-c", LOADS.format(module=module, signal=name)]
    done = subprocess.run(command, cwd=tmp_path, env=clean_env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "envmatrix: interrupted")
