"""Other runners than pytest that run nothing, die or swallow what they saw, and stay green: none ends in exit 0."""

import pytest
from traps import BAD, CASE, GOOD

WRONG = CASE.replace("pass\n", "self.fail('wrong')\n")
MAIN = "\n\nif __name__ == '__main__':\n    unittest.main({})\n"
THREE = "import os, sys, unittest\n\n\nclass Case(unittest.TestCase):\n    def test_a(self):\n        pass\n\n"
THREE += "    def test_b(self):\n        {}\n\n    def test_c(self):\n        self.fail('wrong')\n"
JUNIT = '<testsuite name="s" tests="1"><testcase classname="s" name="one" time="0.1"/></testsuite>'
RESULTS = 'results = ["out/*.xml"]\n'
STESTR = "[DEFAULT]\ntest_path=tests\n"


@pytest.mark.parametrize(
    ("commands", "files"),
    [
        ("python -m unittest discover -s empty", {"empty/notes.py": "", "test_it.py": CASE}),
        ("python -m unittest", {"tests/test_it.py": CASE}),
        ("python -m unittest discover -p 'check_*.py'", {"test_it.py": CASE}),
        ("python -m unittest -k nothing test_it", {"test_it.py": CASE}),
        ("python -m unittest", {"test_it.py": CASE + "\n\ndef load_tests(*_):\n    return unittest.TestSuite()\n"}),
        ("python -m unittest test_it test_other", {"test_it.py": CASE, "test_other.py": "import sys\n\nsys.exit(0)\n"}),
        ("python test_it.py", {"test_it.py": CASE}),
        ("python check.py", {"check.py": "try:\n    assert False\nexcept AssertionError:\n    print('OK')\n"}),
    ],
    ids=["empty", "no package", "pattern", "selection", "load_tests", "exit at import", "no main", "own runner"],
)
def test_nothing_is_found(trap, commands, files, request):
    green_before = "selection" not in request.node.name and "no_tests" not in request.node.name
    case = trap(commands, files)
    assert case.stock() == 0 or not green_before
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


@pytest.mark.parametrize(
    "skip",
    ["@unittest.skip('later')\nclass Case", "raise unittest.SkipTest('later')\n\n\nclass Case"],
    ids=["class", "module"],
)
def test_everything_is_skipped(trap, skip):
    case = trap("python -m unittest discover -v", {"test_it.py": CASE.replace("class Case", skip)})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "later" in found.messages


def test_a_class_that_skips_itself_when_it_is_set_up(trap):
    setup = "    @classmethod\n    def setUpClass(cls):\n        raise unittest.SkipTest('later')\n\n    def test_one"
    files = {"test_it.py": CASE, "test_other.py": WRONG.replace("    def test_one", setup)}
    case = trap("python -m unittest -v", files, 'must_run = ["test_other.*"]\n')
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"must_run"}), found


@pytest.mark.parametrize(
    ("commands", "files"),
    [
        ("python test_it.py", {"test_it.py": WRONG + MAIN.format("exit=False")}),
        ("python all.py", {"test_it.py": WRONG, "all.py": "import unittest\n\nunittest.main('test_it', exit=False)\n"}),
        (
            "python all.py",
            {
                "test_it.py": WRONG,
                "all.py": "import unittest\n\nsuite = unittest.defaultTestLoader.discover('.')\n"
                "unittest.TextTestRunner().run(suite)\n",
            },
        ),
        (
            "python all.py",
            {
                "test_it.py": WRONG,
                "all.py": "import subprocess, sys\n\nsubprocess.call([sys.executable, '-m', 'pytest'])\n",
            },
        ),
        ("sh -c 'python -m unittest test_it; true'", {"test_it.py": WRONG}),
        ("- python -m unittest test_it", {"test_it.py": WRONG}),
        (
            "python all.py",
            {
                "test_it.py": WRONG,
                "all.py": "import unittest\n\nresult = unittest.TestResult()\n"
                "unittest.defaultTestLoader.discover('.').run(result)\nprint('done')\n",
            },
        ),
    ],
    ids=["exit=False", "main", "runner", "child", "sh", "dash", "suite"],
)
def test_a_failure_that_the_runner_hides(trap, commands, files):
    case = trap(commands, files)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(failed=1)


@pytest.mark.parametrize(
    ("dies", "commands", "stock"),
    [
        ("os._exit(0)", "python -m unittest test_it", 0),
        ("os.kill(os.getpid(), 11)", "- python -m unittest test_it", 0),
    ],
)
def test_a_test_that_ends_the_process(trap, dies, commands, stock):
    case = trap(commands, {"test_it.py": THREE.format(dies)})
    assert case.stock() == stock
    found = case.run()
    assert found.exit != 0, found
    assert found.cell["tests"]["passed"] == 1
    assert "crashed" in found.codes


def test_a_junit_file_of_an_earlier_run(trap):
    case = trap("python -c pass", {".gitignore": "out\n"}, RESULTS)
    (case.root / "out").mkdir()
    (case.root / "out" / "report.xml").write_text(JUNIT)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert found.counts()
    assert "left over from an earlier run" in found.messages


def test_a_junit_file_that_the_commands_write(trap):
    write = f"from pathlib import Path\n\nPath('out').mkdir(exist_ok=True)\nPath('out/a.xml').write_text({JUNIT!r})\n"
    case = trap("python write.py", {"write.py": write, ".gitignore": "out\n"}, RESULTS)
    found = case.run()
    assert found.exit == 0, found
    assert found.counts(passed=1)


def test_a_pattern_for_junit_files_that_meets_none_although_other_tests_ran(trap):
    case = trap("pytest", {"test_it.py": GOOD}, 'results = ["reports/*.xml"]\n')
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 3, found
    assert "reports/*.xml" in found.messages


@pytest.mark.parametrize("commands", ["sh -c 'stestr run || true'", "- stestr run"])
def test_stestr_with_a_failure_that_is_hidden(trap, commands):
    case = trap(commands, {".stestr.conf": STESTR, "tests/__init__.py": "", "tests/test_it.py": WRONG})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(failed=1)


def test_stestr_that_shows_an_earlier_run(trap):
    files = {".stestr.conf": STESTR, "tests/__init__.py": "", "tests/test_it.py": CASE, ".gitignore": ".stestr\n"}
    assert trap("stestr run", files, name="first").stock() == 0
    case = trap("sh -c 'test -e .stestr || stestr run; stestr last'", files)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


@pytest.mark.parametrize("dies", ["os._exit(0)", "os.kill(os.getpid(), 11)"])
def test_stestr_with_a_worker_that_dies(trap, dies):
    case = trap(
        "- stestr run", {".stestr.conf": STESTR, "tests/__init__.py": "", "tests/test_it.py": THREE.format(dies)}
    )
    assert case.stock() == 0
    found = case.run()
    assert found.exit != 0, found


def test_commands_of_a_wrong_folder(trap):
    case = trap("python -m unittest", {"test_it.py": CASE, "docs/index.md": ""}, more="change_dir = docs\n")
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


def test_one_of_two_runs_that_finds_nothing(trap):
    case = trap("pytest\npython -m unittest discover -s empty", {"test_it.py": GOOD, "empty/notes.py": ""})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


def test_failing_commands_before_and_after_that_tox_ignores(trap):
    case = trap("pytest\n- pytest bad.py", {"test_it.py": GOOD, "bad.py": BAD})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found


DEAF = "        import signal, time\n        signal.signal(signal.SIGINT, signal.SIG_IGN)\n        time.sleep(300)\n"
HANGS = "        import time\n        time.sleep(300)\n"


@pytest.mark.parametrize("body", [HANGS, DEAF], ids=["hangs", "hangs and is deaf"])
@pytest.mark.parametrize("commands", ["python -m unittest -v test_it", "pytest test_it.py", "stestr run"])
def test_a_test_that_is_stopped_for_its_time_has_not_failed(trap, commands, body):
    tests = CASE + "\n    def test_three(self):\n        pass\n\n    def test_two(self):\n" + body
    case = trap(commands, {"test_it.py": tests, ".stestr.conf": STESTR.replace("tests", ".")}, "timeout_s = 7\n")
    found = case.run()
    assert (found.exit, found.codes) == (3, {"timed_out"}), found
    assert found.cell["state"] == "inconclusive", found
    counts = found.cell["tests"]
    assert (counts["failed"], counts["error"]) == (0, 0), found
    assert counts["passed"] >= 1, found
