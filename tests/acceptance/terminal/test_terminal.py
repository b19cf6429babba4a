"""What a person sees: envmatrix in a real terminal of 80 x 24 (tmux), and in the consoles of CI systems."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import screen

__all__ = ["screen"]
COMMAND = Path(sys.executable).with_name("envmatrix")
QUEUE = 'extends = "restricted"\nrequires = ["rabbitmq"]\n'


@pytest.fixture
def quick(project):
    """A project of two cells whose tests need nothing but Python, and take a moment."""
    tests = (
        "import time, unittest\n"
        "class Tests(unittest.TestCase):\n"
        "    def test_a(self): pass\n"
        "    def test_b(self): time.sleep({seconds}); self.{method}(1, 2)\n"
        "    def test_c(self): self.skipTest('redis is not installed')\n"
    )

    def make(method="assertNotEqual", seconds=1.5):
        files = {
            "tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n",
            "test_it.py": tests.format(method=method, seconds=seconds),
            "profiles/one.toml": 'extends = "restricted"\n',
            "profiles/two.toml": 'extends = "restricted"\n',
        }
        return project(files)

    return make


def test_a_passing_run_is_a_table_that_the_report_replaces(screen, quick):
    terminal = screen(quick())
    terminal.type("envmatrix run")
    table = terminal.wait(r"^one +running: python -m unit.* [123]/3 ")
    assert re.search(r"^cell +time +tests +failed +skipped$", table, re.MULTILINE)
    assert re.search(r"^two +waiting", table, re.MULTILINE)
    assert re.search(r"^0 of 2 cells ended, 1 running; 0:\d\d", table, re.MULTILINE)
    report = terminal.wait(r"exit [03]$")
    assert "cells ended" not in report
    assert re.search(r"^  two +passed", report, re.MULTILINE)
    terminal.type("envmatrix run")
    terminal.wait(r"^one .* 0:\d\d of ~0:\d\d")  # the run before says how long it takes
    terminal.wait(r"exit [03]$")


def test_a_failing_run_shows_the_output_when_the_cell_ends_and_the_failure_at_the_end(screen, quick):
    terminal = screen(quick("assertEqual"))
    terminal.type("envmatrix run")
    during = terminal.wait(r"^two +(starting tox|creating|running)")
    assert re.search(r"^one: its output is in$|^one: its output is in \.envmatrix", during, re.MULTILINE)
    assert "  | AssertionError: 1 != 2" in during
    assert re.search(r"^one +failed +0:\d\d +3 +1 +1$", during, re.MULTILINE)
    report = terminal.wait(r"exit 1$")
    assert re.search(r"^  one +failed +1 +1 +1 ", report, re.MULTILINE)
    assert "Traceback" not in report.partition("CELLS")[2]


def test_a_blocked_cell_is_in_the_table_and_its_remedy_in_the_report(screen, quick):
    project = quick()
    (project / "profiles" / "queue.toml").write_text(QUEUE)
    terminal = screen(project)
    terminal.type("envmatrix run one queue")
    terminal.wait(r"^queue +blocked: rabbitmq: ")
    report = terminal.wait(r"exit\s+3$")
    assert "remedy: Install it: apt-get install rabbitmq-server." in report  # on one line, to be copied
    assert "1 blocked (rabbitmq)" in report


def test_ctrl_c_is_acknowledged_at_once_and_leaves_the_terminal_as_it_was(screen, quick):
    root = quick(seconds=60)
    slow = "import signal\ndef slow(*_): time.sleep(2); raise KeyboardInterrupt\nsignal.signal(signal.SIGINT, slow)\n"
    (root / "test_it.py").write_text((root / "test_it.py").read_text() + slow)
    with (root / "tox.ini").open("a") as settings:
        settings.write("interrupt_timeout = 10\n")
    terminal = screen(root)
    terminal.type("envmatrix run; echo code=$?")
    terminal.wait(r"^one +running: ")
    terminal.press("C-c")
    terminal.wait("interrupted: what runs is ended and its evidence kept", 10)
    report = terminal.wait(r"^code=130$", 30)
    assert "interrupted" in report
    assert re.search(r"^incomplete: 0 of 2 cells passed, 2 inconclusive", report, re.MULTILINE)
    terminal.type("echo still $((20 + 3))")
    terminal.wait("^still 23$")
    assert terminal._tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"


def test_plain_lines_on_a_terminal_that_asks_for_them(screen, quick):
    terminal = screen(quick())
    for way in ("TERM=dumb envmatrix", "NO_COLOR=1 ENVMATRIX_PROGRESS=plain envmatrix"):
        terminal.type(f"{way} run one two 2>&1 | head -3; {way} run one two >/dev/null; echo end=$?")
        shown = terminal.wait(r"^end=\d$")
        assert re.search(r"^\[ +[\d.]+ s\] one: starts", shown, re.MULTILINE)
        assert "cells ended" not in shown


def script(command, environ, folder):
    """Run a command on a pseudo terminal and return all bytes that it wrote there."""
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.stdout


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(clean_env, quick, more):
    environ = {**clean_env, "TERM": "xterm-256color", **more}
    written = script(f"{shlex.quote(str(COMMAND))} run one", environ, quick("assertEqual"))
    assert not re.search(rb"\x1b\[(\d+;)*(3[0-7]|4[0-7]|9[0-7])m", written)
    if "TERM" in more:
        assert b"\x1b" not in written


def test_a_ci_console_gets_lines_and_a_part_that_folds(envmatrix, quick):
    project = quick("assertEqual")
    github = envmatrix("run", cwd=project, env={"CI": "true", "GITHUB_ACTIONS": "true"})
    assert github.returncode == 1
    assert github.stderr.count("::group::output of ") == github.stderr.count("::endgroup::") == 2
    assert "  | AssertionError: 1 != 2" in github.stderr
    jenkins = envmatrix("run", cwd=project, env={"CI": "true", "JENKINS_URL": "http://ci.example.org/"})
    assert "::" not in jenkins.stderr
    assert re.search(r"^\[ +[\d.]+ s\] one: finished in [\d.]+ s: 2 tests ran, 1 failed", jenkins.stderr, re.MULTILINE)
    assert jenkins.stdout == github.stdout or "failed" in jenkins.stdout  # what is judged is the same
    assert "\x1b" not in jenkins.output


def test_a_quiet_run_that_passed_is_one_line(envmatrix, project):
    files = {
        "tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n",
        "test_it.py": "import unittest\nclass Tests(unittest.TestCase):\n    def test_a(self): pass\n",
    }
    result = envmatrix("run", "restricted", "-q", cwd=project(files))
    assert (result.returncode, result.stderr) == (0, ""), result
    assert result.stdout == "passed: 1 of 1 cell passed - exit 0\n"


def test_long_error(screen, project):  # a short name, for the path of its project has to fit a line
    terminal = screen(project({}))
    terminal.type("envmatrix run; echo code=$?")
    shown = terminal.wait("^code=2$")
    assert "`envmatrix init`" in shown
    assert "  next:" not in shown  # the sentence names the command itself
    lines = shown.partition("code=2")[0].splitlines()
    assert len(lines) > 2
    assert all(line.startswith(("envmatrix:", "  ", "$ ")) for line in lines if line), shown
