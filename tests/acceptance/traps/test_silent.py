"""Tests that nobody ran although their runner says that all is well: dropped, passed over, never awaited, unseen."""

import socket

import pytest
from traps import BAD, CASE, GOOD

OTHER = {"test_it.py": GOOD, "test_other.py": BAD}
REFUSE = 'unexpected_skips = "refuse"\n'
ASYNC = "import unittest\n\n\nclass Case(unittest.TestCase):\n    {} test_one(self):\n        {}\n"


@pytest.fixture
def free_port():
    """A port of this host that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_tests_that_a_hook_takes_out_of_the_collection(trap):
    hook = "def pytest_collection_modifyitems(items):\n    items[:] = [one for one in items if 'bad' not in one.name]\n"
    case = trap("pytest", {**OTHER, "conftest.py": hook}, REFUSE)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"unexpected_skip"}), found
    assert found.ran_nowhere == {"test_other.py::test_bad": "deselected"}
    assert "without saying so" in found.messages


@pytest.mark.parametrize("commands", ["pytest", "pytest -n2"])
def test_collected_tests_that_the_run_passes_over(trap, commands):
    hook = "def pytest_runtest_protocol(item):\n    return True if 'bad' in item.name else None\n"
    case = trap(commands, {**OTHER, "conftest.py": hook})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"crashed"}), found
    assert "left out 1 test that it had collected, such as test_other.py::test_bad" in found.messages


@pytest.mark.parametrize(
    "second", ["pytest sub", "sh -c 'pytest --no-such-option || true'", "- pytest sub/absent.py --typo"]
)
def test_a_second_pytest_that_ends_before_its_session(trap, second):
    files = {"test_it.py": GOOD, "sub/test_other.py": BAD, "sub/conftest.py": "import sys\n\nsys.exit(0)\n"}
    case = trap(f"pytest test_it.py\n{second}", files)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 3, found
    assert "a pytest process ended before its session began" in found.messages


@pytest.mark.parametrize("ini", ["filterwarnings =\n  error\n  ignore::no_such_module.Warning", "minversion = 99"])
def test_a_pytest_that_its_configuration_ends_is_no_failure_of_a_test(trap, ini):
    found = trap("pytest", {"test_it.py": GOOD, "pytest.ini": f"[pytest]\n{ini}\n"}).run()
    assert (found.exit, found.codes) == (3, {"crashed", "no_tests"}), found
    assert "no test was executed: pytest ended before its first test" in found.messages


def test_a_runner_that_does_not_even_start_is_named(trap):
    broken = "import sys\n\nsys.exit('this is no pytest')\n"
    found = trap("python -m pytest", {"test_it.py": GOOD, "pytest.py": broken}).run()
    assert found.exit == 1, found
    assert "no test was executed: `python -m pytest` failed before its first test" in found.messages


def test_what_pytest_prints_without_a_session_is_no_crash(trap):
    asks = "\n".join(f"pytest {option}" for option in ("--help", "--version", "--markers", "--fixtures"))
    found = trap(f"{asks}\npytest", {"test_it.py": GOOD}).run()
    assert (found.exit, found.codes) == (0, set()), found


@pytest.mark.parametrize("made", ["__init__(self)", "__new__(cls)"])
def test_a_class_that_pytest_does_not_collect(trap, made):
    tests = f"class TestIt:\n    def {made}:\n        pass\n\n    def test_bad(self):\n        assert False\n"
    case = trap("pytest", {"test_it.py": GOOD, "test_other.py": tests}, REFUSE)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"unexpected_skip"}), found
    assert found.ran_nowhere == {"test_other.py::TestIt::test_bad": "unexpected"}
    assert made[:6] in found.messages


@pytest.mark.parametrize(
    "leaves_out",
    [
        {"conftest.py": "collect_ignore = ['integration']\n"},
        {"pytest.ini": "[pytest]\naddopts = --ignore=integration\n"},
        {"pytest.ini": "[pytest]\nnorecursedirs = integr*\n"},
    ],
    ids=["collect_ignore", "ignore", "norecursedirs"],
)
def test_a_folder_of_tests_that_is_left_out_is_listed(trap, leaves_out):
    files = {"test_it.py": GOOD, "integration/deep/test_other.py": BAD, "vendored/readme.txt": "", **leaves_out}
    case = trap("pytest", files)
    assert case.stock() == 0
    assert case.run().ran_nowhere == {"integration": "deselected"}


@pytest.mark.parametrize(
    ("tests", "word"),
    [
        (ASYNC.format("async def", "self.fail('wrong')"), "coroutine"),
        (ASYNC.format("def", "yield\n        self.fail('wrong')"), "generator"),
    ],
    ids=["coroutine", "generator"],
)
@pytest.mark.parametrize("commands", ["python -m unittest test_it", "pytest", "pytest -n2", "stestr run"])
def test_a_method_that_is_never_awaited(trap, commands, tests, word):
    files = {"test_it.py": tests, "test_other.py": CASE, ".stestr.conf": "[DEFAULT]\ntest_path=.\n"}
    case = trap(commands, files)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.cell["tests"]["error"] == 1, found


def test_a_method_that_is_awaited(trap):
    tests = ASYNC.replace("TestCase", "IsolatedAsyncioTestCase").format("async def", "pass")
    found = trap("python -m unittest test_it\npytest", {"test_it.py": tests}).run()
    assert (found.exit, found.cell["tests"]["passed"]) == (0, 2), found


@pytest.mark.parametrize("commands", ["python -m unittest test_it", "pytest", "stestr run"])
def test_a_method_that_a_test_of_a_runner_runs_on_purpose(trap, commands):
    inside = "class Inner(unittest.TestCase):\n            def test_gen(self):\n                yield\n\n"
    inside += "        Inner('test_gen').run(unittest.TestResult())"
    files = {"test_it.py": CASE.replace("pass", inside), ".stestr.conf": "[DEFAULT]\ntest_path=.\n"}
    found = trap(commands, files).run()
    assert (found.exit, found.codes, found.cell["tests"]["passed"]) == (0, set(), 1), found


@pytest.mark.parametrize("where", ["fixture", "test"])
def test_a_test_that_xfails_itself_where_something_is_missing(trap, where):
    leave = "    pytest.xfail('libvirt is not installed')\n"
    tests = "import pytest\n\n\n@pytest.fixture\ndef it():\n{}\n\n\ndef test_driver(it):\n{}    assert False\n"
    tests = tests.format(leave, "") if where == "fixture" else tests.format("    pass\n", leave)
    case = trap("pytest", {"test_it.py": GOOD, "test_other.py": tests}, 'must_run = ["test_other.py"]\n')
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"must_run"}), found
    assert "libvirt is not installed" in found.messages


def test_an_xfail_that_did_fail_has_run(trap):
    tests = "import pytest\n\n\n@pytest.mark.xfail\ndef test_bug():\n    assert False\n"
    case = trap("pytest", {"test_it.py": GOOD, "test_other.py": tests}, 'must_run = ["test_other.py"]\n')
    assert case.run().exit == 0


AGAIN = """import pytest
from _pytest import runner


def pytest_runtest_protocol(item, nextitem):
    if "flaky" not in item.name:
        return None
    for attempt in range(3):
        reports = runner.runtestprotocol(item, nextitem=nextitem, log=False)
        call = next(report for report in reports if report.when == "call")
        again = call.failed and attempt < 2
        for report in reports:
            if report is call and again:
                {}
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            return True
"""
FLAKY = "count = []\n\n\ndef test_flaky():\n    count.append(1)\n    assert len(count) > {}\n"


@pytest.mark.parametrize("attempt", ["continue", "report.outcome = 'retried'"], ids=["unreported", "own word"])
def test_a_plugin_that_runs_failed_tests_again_in_its_own_way(trap, attempt):
    files = {"test_it.py": GOOD, "test_flaky.py": FLAKY.format(2), "conftest.py": AGAIN.format(attempt)}
    case = trap("sh -c 'pytest || true'", files)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert "failed and then passed when run again" in found.messages
    (case.root / "test_flaky.py").write_text(FLAKY.format(9))
    assert case.run().cell["tests"]["failed"] == 1


@pytest.mark.parametrize("runner", ["pytest -q test_other.py", "unittest -v test_other"])
def test_one_of_two_commands_that_is_kept_from_the_recorder(trap, runner):
    tests = CASE.replace("    def", "    @unittest.skip('not here')\n    def")
    case = trap(f"pytest test_it.py\nenv -i {{env_python}} -m {runner}", {"test_it.py": GOOD, "test_other.py": tests})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "none of its tests is known" in found.messages


def test_a_runner_that_is_not_known_and_whose_failure_tox_ignores(trap):
    behave = "import sys\n\nsys.exit('1 scenario failed')\n"
    case = trap("pytest\n- python -m behave", {"test_it.py": GOOD, "behave.py": behave})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"ignored_outcome"}), found


def test_several_runners_in_one_environment(trap):
    commands = "pytest test_it.py\npython -m unittest -v test_other\npython -m pytest -q\nstestr run\npytest -q -n2"
    files = {"test_it.py": GOOD, "test_other.py": CASE, ".stestr.conf": "[DEFAULT]\ntest_path=.\n"}
    case = trap(commands, files)
    for _ in range(2):  # through tox, and without
        found = case.run()
        assert (found.exit, found.codes) == (0, set()), found


def test_a_command_that_changes_what_is_tested_is_told(trap):
    tests = "import module\n\n\ndef test_value():\n    assert module.VALUE == 1\n"
    files = {"test_it.py": tests, "module.py": "VALUE = 2\n"}
    case = trap("sh -c 'echo VALUE = 1 >module.py'\npytest", files)
    found = case.run()
    (cell,) = found.document["cells"]
    assert (found.exit, [reason["code"] for reason in cell["reasons"]]) == (3, ["content_moved"]), found
    assert any("of what git tracks: module.py" in note for note in found.document["notes"]), found.document["notes"]


def test_a_file_that_the_tests_leave_behind_changes_nothing(trap):
    found = trap("sh -c 'date >left.txt'\npytest", {"test_it.py": GOOD}).run()
    assert (found.exit, found.codes) == (0, set()), found


@pytest.mark.parametrize(
    ("variables", "narrows"),
    [
        ({"TOX_OVERRIDE": "testenv.commands=pytest test_it.py"}, True),
        ({"TRAP_TESTS": "test_it.py"}, True),
        ({"TRAP_TESTS": "-k one"}, True),
        ({"PYTEST_ADDOPTS": "-o python_functions=test_one"}, True),
        ({"TRAP_TESTS": "-q"}, False),
        ({"PYTEST_ADDOPTS": "-q --tb short"}, False),
    ],
)
def test_a_run_that_its_caller_narrows_is_not_the_cells(trap, envmatrix, variables, narrows):
    more = "    PYTEST_ADDOPTS\n"
    case = trap("pytest {env:TRAP_TESTS:}", {"test_it.py": GOOD, "test_other.py": GOOD}, more=more)
    for _ in range(2):  # through tox, and without
        assert case.run(env=variables).exit == 0
    assert envmatrix("gate", cwd=case.root).returncode == (3 if narrows else 0)


def test_options_that_the_project_itself_sets_narrow_nothing(trap, envmatrix):
    more = "set_env = PYTEST_ADDOPTS = -k 'not slow'\n"
    case = trap("pytest", {"test_it.py": GOOD}, more=more)
    assert case.run().exit == 0
    assert envmatrix("gate", cwd=case.root).returncode == 0


@pytest.mark.parametrize(
    "started",
    [
        "sh -c '(sleep 30; pytest bad) & pytest test_it.py'",
        'sh -c \'setsid env -i PATH="$PATH" sh -c "sleep 30; exec pytest bad" & pytest test_it.py\'',
    ],
)
def test_a_runner_in_the_background_that_its_command_does_not_wait_for(trap, started):
    case = trap(started, {"test_it.py": GOOD, "bad/test_other.py": BAD})
    for way in ([], ["--no-warm"], []):
        found = case.run("trap", *way)
        assert (found.exit, found.codes) == (3, {"left_running"}), found
        assert "was still running when the commands had ended, and was killed" in found.messages


def test_a_server_that_an_early_command_starts_lives_until_the_last_one_ends(trap, free_port):
    asks = (
        "import time, urllib.request\n\n\ndef test_it():\n    for _ in range(100):\n        try:\n"
        f"            return urllib.request.urlopen('http://127.0.0.1:{free_port}/').close()\n"
        "        except OSError:\n            time.sleep(0.1)\n    raise AssertionError('no server')\n"
    )
    serves = f"python -m http.server -b 127.0.0.1 {free_port}"
    case = trap(f"sh -c '{serves} >/dev/null 2>&1 &'\npytest test_it.py", {"test_it.py": asks})
    for _ in range(2):  # through tox, then without
        found = case.run()
        assert (found.exit, found.codes) == (0, set()), found
        assert found.cell["notes"] == [f"still running when the commands had ended, and killed: `{serves}`"]
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", free_port), timeout=5)


def test_what_is_left_running_with_arguments_that_are_no_text_is_told_all_the_same(trap):
    leaves = (
        "import subprocess\n\n\ndef test_it():\n    at = subprocess.DEVNULL\n    argv = [b'tail', b'-f', b'/dev/null', "
        "b'/dev/full\\xff']\n    subprocess.Popen(argv, stdin=at, stdout=at, stderr=at, start_new_session=True)\n"
    )
    case = trap("pytest", {"test_it.py": leaves})
    for _ in range(2):  # through tox, then without
        found = case.run()
        assert (found.exit, found.codes) == (0, set()), found
        assert "killed: `tail -f /dev/null /dev/full\\xff`" in found.cell["notes"][0]


def test_a_server_that_a_test_forks_costs_it_nothing(trap):
    forks = "import os, time\n\n\ndef test_it():\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(60)\n"
    found = trap("pytest", {"test_it.py": forks}).run()
    assert (found.exit, found.codes) == (0, set()), found
    assert "still running when the commands had ended" in found.cell["notes"][0]


ASSERTING = CASE.replace("pass", "assert 1 == 2")


@pytest.mark.parametrize(
    "commands",
    [
        "python -O -m unittest -q test_it",
        "pytest -q --assert=plain",
        "stestr --test-path . run",
        "pytest --assert=plain -n2",
    ],
)
def test_assert_statements_that_python_leaves_out(trap, commands):
    optimized = "set_env =\n    PYTHONOPTIMIZE = 1\n"
    case = trap(commands, {"test_it.py": ASSERTING}, more=optimized)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, [reason["code"] for reason in found.cell["reasons"]]) == (3, ["asserts_left_out"]), found
    assert "test_it.py:6" in found.messages


def test_an_optimized_python_is_noted_where_the_tests_check_all_the_same(trap):
    tests = {"test_it.py": GOOD + "    assert 1 == 1\n", "test_case.py": CASE.replace("pass", "self.assertTrue(True)")}
    found = trap("python -O -m pytest", tests).run()
    assert found.exit == 0, found
    assert found.cell["notes"] == [
        "python ran with -O or PYTHONOPTIMIZE: assert statements of the code under test were not executed"
    ]


def test_a_caller_with_an_optimized_python_breaks_no_environment(trap, tmp_path):
    case = trap("pytest", {"test_it.py": GOOD})
    for way in ({}, {"PYTHONPATH": str(tmp_path)}):  # with the helper, and with a tox of its own
        found = case.run(env={"PYTHONOPTIMIZE": "1", "TOX_WORK_DIR": str(tmp_path / f"tox{len(way)}"), **way})
        assert (found.exit, found.cell["notes"]) == (0, []), found


INSIDE = """import subprocess
import sys


def test_it(tmp_path):
    (tmp_path / "test_inner.py").write_text({!r})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *{!r}, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == {}


def test_in_this_process(pytester):
    pytester.makepyfile("def test_it(): assert False")
    for run in (pytester.runpytest_inprocess, pytester.runpytest_inprocess, pytester.runpytest_subprocess):
        assert run().ret == 1
    pytester.makepyfile("import nothing_of_that_name")
    assert pytester.runpytest_inprocess().ret == 2
"""


@pytest.mark.parametrize(
    ("inner", "options", "code"),
    [
        (GOOD, (), 0),
        (BAD, (), 1),
        (GOOD, ("--no-such-option",), 4),
        (GOOD, ("-k", "nothing"), 5),
        ("import os\n\n\ndef test_it():\n    os._exit(3)\n", (), 3),
    ],
    ids=["passes", "fails", "usage", "nothing", "dies"],
)
def test_a_suite_that_runs_pytest_inside_its_tests_is_judged_by_its_own(trap, inner, options, code):
    files = {"conftest.py": "pytest_plugins = 'pytester'\n", "test_it.py": INSIDE.format(inner, options, code)}
    found = trap("pytest", files).run()
    assert (found.exit, found.codes) == (0, set()), found
    assert found.counts(passed=2)


SUITE = "import subprocess, sys, unittest\n\nimport pytest\n\nresult = unittest.TestResult()\n"
SUITE += "unittest.defaultTestLoader.loadTestsFromName('test_it').run(result)\n"


@pytest.mark.parametrize(
    "then", ["pytest.main(['test_other.py'])", "subprocess.call([sys.executable, '-m', 'pytest', 'test_other.py'])"]
)
def test_a_run_that_follows_on_tests_of_an_unknown_runner_is_not_inside_them(trap, then):
    files = {"test_it.py": CASE, "test_other.py": BAD, "all.py": f"{SUITE}{then}\n"}
    case = trap("python all.py", files)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(passed=1, failed=1)


def test_a_run_inside_another_of_which_nothing_is_known(trap):
    starts = "import subprocess, sys\n\nimport subunit\n\n"
    starts += "subprocess.call([sys.executable, '-m', 'pytest', 'test_other.py'])\n"
    case = trap("pytest test_it.py\npython all.py", {"test_it.py": GOOD, "test_other.py": BAD, "all.py": starts})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


@pytest.mark.parametrize(
    "call",
    ["subprocess.call([sys.executable, '-m', 'pytest', *words])", "pytest.main(words)"],
    ids=["process", "same process"],
)
@pytest.mark.parametrize("commands", ["pytest test_it.py", "pytest -n2 test_it.py"])
def test_a_run_that_a_hook_starts_before_the_first_test_is_inside_none(trap, commands, call):
    hook = "import os, subprocess, sys\n\nimport pytest\n\n"
    hook += "words = ['--noconftest', '-pno:cacheprovider', 'test_other.py']\n\n\n"
    hook += f"def pytest_sessionstart():\n    if 'PYTEST_XDIST_WORKER' not in os.environ:\n        {call}\n"
    case = trap(commands, {"conftest.py": hook, "test_it.py": GOOD, "test_other.py": BAD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.cell["tests"]["failed"]) == (1, 1), found
