"""The unittest recorder against unittest's own word, with the runners that are built on it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from recorders_lab import THIS, Lab, Run, interpreters, lab, pytest_for, write

SUITE = """
import io, subprocess, sys, unittest
class TestA(unittest.TestCase):
    def test_ok(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    def test_error(self): raise RuntimeError("broken")
    def test_skip(self): self.skipTest("no thing")
    @unittest.skip("decorated")
    def test_skip_decorated(self): pass
    @unittest.expectedFailure
    def test_xfail(self): self.fail()
    @unittest.expectedFailure
    def test_xpass(self): pass
    def test_subtests(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
    def test_subtests_ok(self):
        for i in range(3):
            with self.subTest(i=i): pass
    def test_subtests_skip(self):
        with self.subTest(i=0): self.skipTest("one of them")
    def test_cleanup(self): self.addCleanup(lambda: 1 / 0)
    def test_runs_inside(self):
        class Inner(unittest.TestCase):
            def test_inner(self): self.fail()
        result = unittest.TextTestRunner(stream=io.StringIO()).run(Inner("test_inner"))
        other = unittest.TestResult()
        Inner("test_inner").run(other)
        assert result.failures and other.failures
    def test_run_beside(self):
        subprocess.call([sys.executable, "-m", "unittest", "nothing"], stderr=subprocess.DEVNULL)
class TestSkippedByClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("class skip")
    def test_a(self): pass
class TestBrokenClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("no class")
    def test_a(self): pass
class TestBrokenEnd(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise RuntimeError("no end")
    def test_a(self): pass
@unittest.skip("decorated class")
class TestDecorated(unittest.TestCase):
    def test_a(self): pass
"""
LOADED = """
import unittest
def tearDownModule(): raise RuntimeError("module's end")
class Loaded(unittest.TestCase):
    def runTest(self): pass
def load_tests(loader, tests, pattern): return unittest.TestSuite([Loaded()])
"""
WANTED = {
    "test_broken": "error",
    "test_loaded.Loaded.runTest": "passed",
    "test_loaded.tearDownModule": "error",
    "test_skipped": "skipped",
    "test_suite.TestA.test_cleanup": "error",
    "test_suite.TestA.test_error": "error",
    "test_suite.TestA.test_fail": "failed",
    "test_suite.TestA.test_ok": "passed",
    "test_suite.TestA.test_run_beside": "passed",
    "test_suite.TestA.test_runs_inside": "passed",
    "test_suite.TestA.test_skip": "skipped",
    "test_suite.TestA.test_skip_decorated": "skipped",
    "test_suite.TestA.test_subtests": "failed",
    "test_suite.TestA.test_subtests_ok": "passed",
    "test_suite.TestA.test_subtests_skip": "skipped",
    "test_suite.TestA.test_xfail": "xfailed",
    "test_suite.TestA.test_xpass": "xpassed",
    "test_suite.TestBrokenClass": "error",
    "test_suite.TestBrokenClass.test_a": "deselected",
    "test_suite.TestBrokenEnd.tearDownClass": "error",
    "test_suite.TestBrokenEnd.test_a": "passed",
    "test_suite.TestDecorated.test_a": "skipped",
    "test_suite.TestSkippedByClass": "skipped",
    "test_suite.TestSkippedByClass.test_a": "deselected",
}
WORDS = {"failures": "failed", "errors": "error", "skipped": "skipped"}
WORDS |= {"expected failures": "xfailed", "unexpected successes": "xpassed"}


def summary(run: Run) -> Counter[str]:
    """unittest's own last line in the words of the record; it does not say how many passed."""
    found = re.findall(r"((?:un)?(?:expected )?\w+)=(\d+)", run.output.splitlines()[-1])
    return Counter({WORDS[word]: int(number) for word, number in found})


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    skipped = "import unittest\nraise unittest.SkipTest('module skip')\n"
    broken = "import nonexistent_module\n"
    return write(tmp_path / "suite", test_suite=SUITE, test_loaded=LOADED, test_skipped=skipped, test_broken=broken)


@pytest.mark.parametrize("version", interpreters())
@pytest.mark.parametrize("isolated", [(), ("-I",)], ids=["plain", "isolated"])
def test_counts_are_unittests_own_on_every_interpreter(lab: Lab, suite, version, isolated):
    run = lab(version).run("python", *isolated, "-m", "unittest", "discover", "-s", str(suite), cwd=suite)
    assert run.outcomes == WANTED
    counts = run.counts
    assert summary(run) == {name: counts[name] for name in WORDS.values()}
    outer, inner = sorted(run.recorded.sessions, key=lambda session: session.nested)
    assert (outer.finished, outer.exit_code, inner.nested, run.recorded.notes) == (True, 1, True, ())


@pytest.mark.parametrize("version", interpreters())
@pytest.mark.parametrize("runner", ["unittest", "pytest"])
def test_tracebacks_are_those_of_the_test_and_hold_nothing_of_the_recorder(lab, suite, version, runner):
    with_runner = lab(version, pytest_for(version)) if runner == "pytest" else lab(version)
    run = with_runner.run("python", "-m", runner, "test_suite.py", cwd=suite)
    assert "_envmatrix" not in run.output
    assert "def test_fail(self): self.assertEqual(1, 2)" in run.output
    assert 'def test_error(self): raise RuntimeError("broken")' in run.output


def test_reasons_and_what_stands_for_more(lab, suite):
    run = lab(THIS).run("python", "-m", "unittest", cwd=suite)
    assert run.reasons["test_suite.TestA.test_skip"] == "no thing"
    assert run.reasons["test_suite.TestA.test_error"] == "RuntimeError: broken"
    assert run.reasons["test_suite.TestSkippedByClass.test_a"] == "not run: class skip"
    assert "No module named 'nonexistent_module'" in run.reasons["test_broken"]
    standing = {test.id for test in run.recorded.tests if test.stands_for_module}
    assert standing == {"test_broken", "test_skipped", "test_suite.TestBrokenClass", "test_suite.TestSkippedByClass"}


@pytest.mark.parametrize("version", interpreters())
def test_a_discovery_that_finds_nothing_is_a_session_without_tests(lab, tmp_path, version):
    run = lab(version).run("python", "-m", "unittest", "discover", cwd=write(tmp_path / "p"))
    (session,) = run.recorded.sessions
    assert (session.runner, session.finished, session.tests, run.recorded.tests) == ("unittest", True, 0, ())


def test_a_crash_keeps_what_ran_and_names_the_test(lab, tmp_path):
    code = (
        "import os, unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n"
        "    def test_b(self): os._exit(0)\n    def test_c(self): pass\n"
    )
    run = lab(THIS).run("python", "-m", "unittest", cwd=write(tmp_path / "p", test_a=code))
    assert run.returncode == 0
    assert list(run.outcomes.values()) == ["passed", "error", "deselected"]
    assert [session.finished for session in run.recorded.sessions] == [False]


@pytest.mark.parametrize("taken", ["_envmatrix", "_envmatrix.writer"])
def test_what_takes_modules_and_variables_away_before_its_tests_is_recorded(lab, tmp_path, taken):
    code = (
        "import os, sys\nfor name in list(sys.modules):\n    if name.startswith('%s'): del sys.modules[name]\n"
        "os.environ.clear()\nimport unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n"
        "unittest.main()\n"
    )
    project = write(tmp_path / "p", mine=code % taken)
    run = lab(THIS).run("python", "mine.py", cwd=project)
    assert run.outcomes == {"__main__.TestA.test_a": "passed"}
    assert [path.name for path in project.iterdir() if path.suffix != ".py"] == []


def test_a_recorder_that_cannot_be_read_any_more_stops_no_import(lab, tmp_path):
    code = "import sys\nsys.modules['_envmatrix.writer'] = None\nimport unittest\nprint('imported')\n"
    run = lab(THIS).run("python", "mine.py", cwd=write(tmp_path / "p", mine=code))
    assert (run.returncode, run.output) == (0, "imported")


def test_what_takes_modules_away_after_its_tests_has_said_what_it_used(lab, tmp_path):
    code = (
        "import sys, unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n"
        "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(TestA))\n"
        "sys.modules['stub'] = type(sys)('stub')\ndel sys.modules['_envmatrix.writer']\n"
    )
    run = lab(THIS).run("python", "mine.py", cwd=write(tmp_path / "p", mine=code), watch=["stub"])
    assert run.outcomes == {"__main__.TestA.test_a": "passed"}
    assert run.recorded.imports == {"stub": ""}


def test_a_run_that_stops_early_says_what_did_not_run(lab, tmp_path):
    code = (
        "import unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): self.fail()\n"
        "    def test_b(self): pass\n"
    )
    run = lab(THIS).run("python", "-m", "unittest", "-f", cwd=write(tmp_path / "p", test_a=code))
    assert run.reasons["test_a.TestA.test_b"] == "not run: stopped after the first failure"


def test_unittest_tests_under_pytest_are_counted_once(lab, tmp_path):
    code = "import unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n"
    run = lab(THIS, "pytest>=9").pytest(cwd=write(tmp_path / "p", test_a=code))
    assert run.outcomes == {"test_a.py::TestA::test_a": "passed"}
    assert [session.runner for session in run.recorded.sessions] == ["pytest"]


def test_a_result_of_ones_own_that_reports_to_nobody_is_recorded(lab, tmp_path):
    code = """
import unittest
class Result:
    failfast, shouldStop, buffer, tb_locals = False, False, False, False
    def wasSuccessful(self): return True
for name in "startTest stopTest addSuccess addFailure addError addSkip startTestRun stopTestRun".split():
    setattr(Result, name, lambda self, *args: None)
class TestA(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): self.fail()
if __name__ == "__main__":
    unittest.defaultTestLoader.loadTestsFromTestCase(TestA).run(Result())
"""
    run = lab(THIS).run("python", "mine.py", cwd=write(tmp_path / "p", mine=code))
    assert run.outcomes == {"__main__.TestA.test_a": "passed", "__main__.TestA.test_b": "failed"}
    assert [session.finished for session in run.recorded.sessions] == [True]


def test_nose2(lab, tmp_path):
    project = write(tmp_path / "suite", test_suite=SUITE)
    run = lab(THIS, "nose2").run("python", "-m", "nose2", cwd=project)
    assert run.outcomes == {name: outcome for name, outcome in WANTED.items() if name.startswith("test_suite")}
    outer = next(session for session in run.recorded.sessions if not session.nested)
    assert (outer.runner, outer.finished) == ("nose2", True)


def test_testtools(lab, tmp_path):
    project = write(tmp_path / "suite", test_suite=SUITE)
    run = lab(THIS, "testtools").run("python", "-m", "testtools.run", "test_suite", cwd=project)
    ran = {
        name: outcome for name, outcome in WANTED.items() if name.startswith("test_suite") and outcome != "deselected"
    }
    assert run.outcomes == ran


OTHERS = """
import unittest
class TestA(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): self.fail("wrong")
    def test_c(self): raise KeyError("broken")
    def test_d(self): self.skipTest("no thing")
    @unittest.expectedFailure
    def test_e(self): self.fail()
    @unittest.expectedFailure
    def test_f(self): pass
    @unittest.skip("never")
    def test_g(self): pass
"""
OTHERS_WANTED = {
    "a": "passed",
    "b": "failed",
    "c": "error",
    "d": "skipped",
    "e": "xfailed",
    "f": "xpassed",
    "g": "skipped",
}
TRIAL = """
from twisted.internet import defer
from twisted.trial import unittest
class Sync(unittest.SynchronousTestCase):
    def test_a(self): pass
    def test_b(self): self.fail("wrong")
    def test_c(self): raise KeyError("broken")
    def test_d(self): raise unittest.SkipTest("no thing")
    def test_e(self): self.fail()
    test_e.todo = "some day"
    def test_f(self): pass
    test_f.todo = "today"
    def test_g(self): pass
    test_g.skip = "never"
class Later(unittest.TestCase):
    def test_a(self): return defer.succeed(1)
    def test_b(self): return defer.fail(KeyError("wrong"))
"""


def test_trial(lab, tmp_path):
    shorter = OTHERS.replace("def test_e", "def left_out_e").replace(
        "def test_f", "def left_out_f"
    )  # trial breaks on them
    project = write(tmp_path / "suite", test_plain=shorter, test_trial=TRIAL)
    run = lab(THIS, "twisted").run("trial", "test_plain", "test_trial", cwd=project, env={"PYTHONPATH": str(project)})
    plain = {f"test_plain.TestA.test_{letter}": OTHERS_WANTED[letter] for letter in "abcdg"}
    sync = {f"test_trial.Sync.test_{letter}": outcome for letter, outcome in OTHERS_WANTED.items()}
    assert run.outcomes == plain | sync | {"test_trial.Later.test_a": "passed", "test_trial.Later.test_b": "error"}
    assert run.reasons["test_trial.Sync.test_b"] == "wrong"
    assert "Ran 14 tests" in run.output
    assert [session.finished for session in run.recorded.sessions] == [True]


def test_zope_testrunner(lab, tmp_path):
    project = write(
        tmp_path / "suite", ["pack/__init__.py", "pack/tests/__init__.py"], **{"pack/tests/test_plain": OTHERS}
    )
    run = lab(THIS, "zope.testrunner").run("zope-testrunner", f"--path={project}", cwd=project)
    assert run.outcomes == {
        f"pack.tests.test_plain.TestA.test_{letter}": outcome for letter, outcome in OTHERS_WANTED.items()
    }, run.output
    assert "Ran 7 tests" in run.output, run.output
    assert [session.finished for session in run.recorded.sessions] == [True]


DJANGO = """
from django.test import TestCase, skipUnlessDBFeature
class TestA(TestCase):
    def test_a(self): pass
    def test_b(self): self.fail()
    @skipUnlessDBFeature("nonexistent")
    def test_c(self): pass
class TestB(TestCase):
    def test_a(self): self.skipTest("no thing")
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""


@pytest.mark.parametrize("parallel", [(), ("--parallel", "2")], ids=["one", "parallel"])
def test_django(lab, tmp_path, parallel):
    database = '{"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}'
    settings = f"SECRET_KEY = 'x'\nINSTALLED_APPS = ['app']\nDATABASES = {database}\n"
    project = write(
        tmp_path / "p", ["app/__init__.py"], **{"app/tests": DJANGO, "settings": settings, "manage": MANAGE}
    )
    run = lab(THIS, "django==5.2.*", "tblib").run("python", "manage.py", "test", *parallel, cwd=project)
    assert run.outcomes == {
        "app.tests.TestA.test_a": "passed",
        "app.tests.TestA.test_b": "failed",
        "app.tests.TestA.test_c": "skipped",
        "app.tests.TestB.test_a": "skipped",
    }
    assert "Ran 4 tests" in run.output
