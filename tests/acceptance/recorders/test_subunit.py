"""What stestr keeps, against subunit's own library and stestr's own totals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from archives import extract
from recorders_lab import THIS, Environment, Lab, Run, interpreters, lab, write

from envmatrix.evidence import test_ids

SUITE = """
import unittest, testtools
class TestA(unittest.TestCase):
    def test_ok(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    def test_error(self): raise RuntimeError("x\\n]\\n\\xe9")
    def test_skip(self): self.skipTest("no thing ]\\nsecond \\xe9")
    @unittest.expectedFailure
    def test_xfail(self): self.fail()
    @unittest.expectedFailure
    def test_xpass(self): pass
class TestB(testtools.TestCase):
    def test_skip(self): self.skipTest("testtools' skip")
    def test_detail(self): self.addDetail("x", testtools.content.text_content("a\\n]\\n"))
class TestC(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("class skip")
    def test_a(self): pass
"""
WANTED = {
    "tests.test_a.TestA.test_error": "failed",  # version 1 as stestr writes it has no word of its own for errors
    "tests.test_a.TestA.test_fail": "failed",
    "tests.test_a.TestA.test_ok": "passed",
    "tests.test_a.TestA.test_skip": "skipped",
    "tests.test_a.TestA.test_xfail": "xfailed",
    "tests.test_a.TestA.test_xpass": "xpassed",
    "tests.test_a.TestB.test_detail": "passed",
    "tests.test_a.TestB.test_skip": "skipped",
    "tests.test_a.TestC": "skipped",
    "tests.test_m": "skipped",
}
LIBRARY = """
import json, subunit, sys, testtools
found = []
def on(test):
    reason = test["details"].get("reason")
    found.append((test["id"], test["status"], reason.as_text() if reason else ""))
result = testtools.StreamToDict(on)
result.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(result)
result.stopTestRun()
json.dump(found, sys.stdout)
"""
STATUS = {"success": "passed", "fail": "failed", "skip": "skipped", "xfail": "xfailed", "uxsuccess": "xpassed"}


def project(folder: Path, **modules: str) -> Path:
    root = write(folder, ["tests/__init__.py"], **{f"tests/{name}": code for name, code in modules.items()})
    (root / ".stestr.conf").write_text("[DEFAULT]\ntest_path=./tests\n")
    return root


def library(environment: Environment, cwd: Path) -> list[tuple[str, str, str]]:
    """What subunit's own library reads from the last run: id, outcome and a skip's reason."""
    last = subprocess.run(
        [environment.root / "bin" / "stestr", "last", "--subunit"], cwd=cwd, capture_output=True, check=False
    )
    read = subprocess.run([environment.python, "-c", LIBRARY], input=last.stdout, capture_output=True, check=True)
    return sorted(
        (test_ids.normalise_unittest_id(test, cwd)[0], STATUS[status], reason.strip())
        for test, status, reason in json.loads(read.stdout)
    )


def ours(run: Run) -> list[tuple[str, str, str]]:
    return sorted(
        (test.id, test.outcome, test.reason if test.outcome == "skipped" else "") for test in run.recorded.tests
    )


SUPPORTED = [version for version in interpreters() if int(version[2:]) >= 9]


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_stream_reads_as_subunits_own_library_reads_it(lab: Lab, tmp_path, version):
    environment = lab(version, "stestr", "testtools")
    cwd = project(tmp_path / "p", test_a=SUITE, test_m="import unittest\nraise unittest.SkipTest('module skip')\n")
    for number in (1, 2):  # the second has the first one's stream beside it
        run = environment.run("stestr", "run", cwd=cwd)
        assert run.outcomes == WANTED, number
    assert ours(run) == library(environment, cwd)
    assert f"Ran: {len(run.recorded.tests)} tests" in run.output
    assert [(session.runner, session.finished) for session in run.recorded.sessions] == [("stestr", True)]


def test_a_module_that_cannot_be_imported_is_an_error(lab, tmp_path):
    cwd = project(tmp_path / "p", test_a=SUITE, test_b="import nonexistent_module\n")
    run = lab(THIS, "stestr", "testtools").run("stestr", "run", cwd=cwd)
    (test,) = run.recorded.tests
    assert (test.id, test.outcome, test.stands_for_module) == ("tests.test_b", "error", True)
    assert "nonexistent_module" in test.reason


def test_a_worker_that_dies_is_a_crash_and_an_error(lab, tmp_path):
    code = "import os, unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): os._exit(0)\n"
    run = lab(THIS, "stestr", "testtools").run("stestr", "run", cwd=project(tmp_path / "p", test_a=code))
    assert run.outcomes == {"tests.test_a.TestA.test_a": "error"}
    assert [session.finished for session in run.recorded.sessions] == [False]


KILLS_STESTR = """
import os, signal, time, unittest
def words(pid): return open("/proc/%d/cmdline" % pid).read().split("\\0")
class TestA(unittest.TestCase):
    def test_a(self):
        pid = os.getppid()
        while not any(word.endswith("/bin/stestr") for word in words(pid)):
            pid = int(open("/proc/%d/stat" % pid).read().split()[3])
        os.kill(pid, signal.SIGKILL)
"""


def test_a_stestr_that_dies_is_a_crash(lab, tmp_path):
    cwd = project(tmp_path / "p", test_a=KILLS_STESTR)
    run = lab(THIS, "stestr", "testtools").run("stestr", "run", "--serial", cwd=cwd)
    assert run.returncode == -9
    assert [session.finished for session in run.recorded.sessions] == [False]


def test_a_run_inside_a_test_is_not_counted(lab, tmp_path):
    code = """
import subprocess, sys, unittest
class TestA(unittest.TestCase):
    def test_a(self): subprocess.call([sys.executable, "-m", "unittest", "nothing"], stderr=subprocess.DEVNULL)
"""
    run = lab(THIS, "stestr", "testtools").run("stestr", "run", cwd=project(tmp_path / "p", test_a=code))
    assert run.outcomes == {"tests.test_a.TestA.test_a": "passed"}
    assert sorted(session.runner for session in run.recorded.sessions if not session.nested) == ["stestr"]


def test_what_the_workers_import_is_proof_of_use(lab, tmp_path):
    code = "import unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): import real\n"
    cwd = project(tmp_path / "p", test_a=code)
    write(cwd, real="")
    run = lab(THIS, "stestr", "testtools").run("stestr", "run", cwd=cwd, watch=["real"])
    assert run.recorded.imports == {"real": str(cwd / "real.py")}


def test_two_runs_in_one_folder_are_kept_apart(lab, tmp_path):
    cwd = project(tmp_path / "p", test_a="import os, time, unittest\nclass TestA(unittest.TestCase):\n"
                  "    def test_a(self):\n        time.sleep(float(os.environ['NAP']))\n"
                  "        if os.environ['NAP'] == '1': self.skipTest('slow')\n")  # fmt: skip
    environment = lab(THIS, "stestr", "testtools")
    environment.run("stestr", "init", cwd=cwd)
    runs: dict[str, Run] = {}

    def go(nap: str) -> None:
        runs[nap] = environment.run("stestr", "run", cwd=cwd, env={"NAP": nap}, record=tmp_path / f"record-{nap}")

    threads = [threading.Thread(target=go, args=(nap,)) for nap in ("1", "0")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs["1"].counts == {"skipped": 1}
    assert runs["0"].counts == {"passed": 1}


def unpacked(folder: Path, requirement: str) -> Path:
    """The source distribution of a released project, unpacked."""
    options = ("-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder))
    env = {**os.environ, "PBR_VERSION": requirement.partition("==")[2]}
    subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True, env=env)
    extract(next(folder.glob("*.tar.gz")), folder)
    return folder / requirement.replace("==", "-")


def test_virtualbmc_with_the_systems_bindings(lab, tmp_path):
    """A real project: 66 tests, run by stestr, which need libvirt's bindings from the distribution."""
    cwd = unpacked(tmp_path, "virtualbmc==3.3.0")
    lines = "\n".join((cwd / name).read_text() for name in ("requirements.txt", "test-requirements.txt")).splitlines()
    needs = [line.partition("#")[0].strip() for line in lines]
    packages = [need for need in needs if need and not need.startswith("libvirt")]
    environment = lab(THIS, *packages, python=Path("/usr/bin/python3").resolve(), system=True)
    run = environment.run("stestr", "run", cwd=cwd, watch=["libvirt"])
    assert "Ran: 66 tests" in run.output
    assert run.counts == {"passed": 66}
    assert ours(run) == library(environment, cwd)
    assert run.recorded.imports["libvirt"].endswith("/dist-packages/libvirt.py")
