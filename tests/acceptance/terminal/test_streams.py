"""A run whose standard streams lead nowhere ends as its verdict says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = str(Path(sys.executable).with_name("envmatrix"))
FILES = {
    "tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest -q test_it\n",
    "test_it.py": "import unittest\nclass It(unittest.TestCase):\n    def test_it(self): self.assertTrue({})\n",
}


@pytest.fixture(params=[(1, 0), (0, 1)], ids=["passing", "failing"])
def outcome(request, project, clean_env):
    """A project, the exit code that its run has, and a function that runs the tool in it through a shell's words."""
    truth, code = request.param
    root = project({name: text.format(truth) for name, text in FILES.items()})

    def shell(words: str, *args: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-c", words, "sh", TOOL, *args]
        return subprocess.run(command, cwd=root, env=clean_env, capture_output=True, text=True, check=False)

    return code, shell


@pytest.mark.parametrize("streams", ["2>&1", "2>/dev/null", ""])
def test_a_reader_that_went_away_changes_no_verdict(outcome, streams):
    code, shell = outcome
    done = shell(f'"$@" {streams} | true; exit "${{PIPESTATUS[0]}}"', "run", "tox:py")
    assert done.returncode == code, done
    assert "envmatrix: " not in done.stderr


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("how", ["run", "run --no-warm"])
def test_closed_streams_change_no_verdict(outcome, streams, how):
    code, shell = outcome
    done = shell(f'"$@" {streams}', *how.split(), "tox:py")
    assert done.returncode == code, done
    assert "envmatrix: " not in done.stderr


def test_a_full_disk_behind_standard_output_is_told(outcome):
    _, shell = outcome
    done = shell('"$@" >/dev/full', "run", "tox:py")
    told = "envmatrix: standard output cannot be written: No space left on device; make room or send it elsewhere"
    assert (done.returncode, done.stderr.splitlines()[-1].partition("; `")[0]) == (4, told)


def test_nothing_is_told_of_a_full_disk_behind_standard_error(outcome):
    code, shell = outcome
    assert shell('"$@" 2>/dev/full', "run", "tox:py").returncode == code
    assert shell('"$@" 2>/dev/full', "run", "tox:nothing").returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_takes_a_name_in_any_alphabet(project, clean_env, encoding):
    test = "import unittest\nclass It(unittest.TestCase):\n    def test_naïve_試驗(self): self.fail('\\x1b[31m☃')\n"
    root = project({**FILES, "test_it.py": test})
    env = {**clean_env, "PYTHONIOENCODING": encoding}
    for argv in [["run", "tox:py"], ["report"], ["--color", "report"]]:
        done = subprocess.run([TOOL, *argv], cwd=root, env=env, capture_output=True, check=False)
        assert (done.returncode, b"bug in envmatrix" in done.stderr) == (1, False), done
        name = "test_naïve_試驗".encode(encoding, "backslashreplace")
        assert name in done.stdout
        assert (b"\x1b[" in done.stdout) == ("--color" in argv)
