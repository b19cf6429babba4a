"""pytest suites that go silent or die and stay green: none of them ends in exit 0."""

import pytest
from traps import BAD, GOOD

MUST = 'must_run = ["test_other.py"]\n'
DIES = "import os\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    {}\n\n\ndef test_c():\n    assert False\n"
SEGFAULT = "os.kill(os.getpid(), 11)"


def test_all_tests_skipped(trap):
    case = trap(
        "pytest", {"test_it.py": "import pytest\n\n\n@pytest.mark.skip('not today')\n" + GOOD.split("\n\n\n")[0]}
    )
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "1 test skipped, such as test_it.py::test_one: not today" in found.messages
    assert found.ran_nowhere == {"test_it.py::test_one": "unexpected"}


def test_a_module_that_skips_itself(trap):
    files = {"test_other.py": "import pytest\n\npytest.importorskip('hypervisor_bindings')\n" + BAD, "test_it.py": GOOD}
    case = trap("pytest", files, MUST)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"must_run"}), found
    assert "No module named 'hypervisor_bindings'" in found.messages
    assert found.ran_nowhere == {"test_other.py": "capability"}


def test_a_module_that_skips_itself_in_every_profile_of_the_matrix(trap):
    files = {"test_other.py": "import pytest\n\npytest.importorskip('hypervisor_bindings')\n" + BAD, "test_it.py": GOOD}
    case = trap("pytest", files)
    found = case.run("trap", "restricted")
    assert found.exit == 3, found
    assert found.document["ran_nowhere"][0]["would_run"] == "hypervisor_bindings"


@pytest.mark.parametrize(
    ("more", "commands"),
    [
        ({"conftest.py": "collect_ignore = ['test_other.py']\n"}, "pytest"),
        ({"conftest.py": "collect_ignore_glob = ['*other*']\n"}, "pytest"),
        ({"pytest.ini": "[pytest]\naddopts = --ignore=test_other.py\n"}, "pytest"),
        ({"pytest.ini": "[pytest]\npython_files = test_it*\n"}, "pytest"),
        ({"pytest.ini": "[pytest]\naddopts = -k 'not bad'\n"}, "pytest"),
        ({"pytest.ini": "[pytest]\naddopts = --deselect=test_other.py\n"}, "pytest"),
        ({"conftest.py": "def pytest_collection_modifyitems(items):\n    del items[2:]\n"}, "pytest"),
        ({}, "pytest test_it.py"),
        ({"pytest.ini": "[pytest]\nmarkers = slow\naddopts = -m 'not slow'\n"}, "pytest"),
    ],
    ids=["collect_ignore", "glob", "ignore", "python_files", "k", "deselect", "modifyitems", "argument", "m"],
)
def test_a_module_that_is_not_collected(trap, more, commands):
    slow = "import pytest\n\npytestmark = pytest.mark.slow\n\n\n" + BAD
    case = trap(commands, {"test_it.py": GOOD, "test_other.py": slow, **more}, MUST)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"must_run"}), found


@pytest.mark.parametrize("ignore", ["collect_ignore = ['test_other.py']", "collect_ignore_glob = ['*_oth*']"])
def test_a_module_that_is_left_out_is_listed_and_so_are_its_tests_where_they_are_known(trap, ignore):
    case = trap("pytest", {"test_it.py": GOOD, "test_other.py": GOOD})
    assert case.run().exit == 0
    (case.root / "conftest.py").write_text(f"{ignore}\n")
    assert case.run().ran_nowhere == {"test_other.py::test_one": "deselected", "test_other.py::test_two": "deselected"}
    assert case.run().ran_nowhere == {"test_other.py": "deselected"}


@pytest.mark.parametrize("now", ["test_others.py", "other_test_.py", "tests_of_other.py"])
def test_a_renamed_module(trap, now):
    case = trap("pytest", {"test_it.py": GOOD, now: BAD.replace("assert False, 'wrong'", "pass")}, MUST)
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"must_run"}), found
    nearest = "nearest: test_others.py::test_bad" if now == "test_others.py" else "no such test was collected"
    assert nearest in found.messages


def test_a_test_that_ends_the_process_with_0(trap):
    case = trap("pytest", {"test_it.py": DIES.format("os._exit(0)")})
    assert case.stock() == 0
    found = case.run()
    assert found.exit != 0, found
    assert "crashed" in found.codes
    assert found.counts(passed=1, error=1, deselected=1), found
    assert "test_it.py::test_b" in str(found.cell["reasons"])


@pytest.mark.parametrize(("commands", "stock"), [("pytest", 245), ("- pytest", 0), ("sh -c 'pytest; true'", 0)])
def test_a_segmentation_fault(trap, commands, stock):
    case = trap(commands, {"test_it.py": DIES.format(SEGFAULT)})
    assert case.stock() == stock
    found = case.run()
    assert found.exit != 0, found
    assert "crashed" in found.codes
    assert found.counts(passed=1, error=1, deselected=1), found


@pytest.mark.parametrize(
    "commands",
    ["sh -c 'pytest || true'", "sh -c 'python -m pytest || exit 0'", "- pytest", "sh -c 'pytest || pytest test_it.py'"],
)
def test_a_failure_that_the_command_hides(trap, commands):
    case = trap(commands, {"test_it.py": GOOD, "test_other.py": BAD})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(passed=2, failed=1)
    assert "test_other.py::test_bad" in found.messages


def test_a_second_run_that_passes_does_not_undo_the_first(trap):
    once = "import pathlib\n\n\ndef test_once():\n    mark = pathlib.Path('mark')\n    there = mark.exists()\n"
    once += "    mark.touch()\n    assert there\n    mark.unlink()\n"
    case = trap("sh -c 'pytest || pytest --lf'", {"test_it.py": GOOD, "test_once.py": once})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert "test_once.py::test_once" in found.messages


@pytest.mark.parametrize(
    "conftest",
    [
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
        "import os\n\n\ndef pytest_unconfigure():\n    os._exit(0)\n",
        "import os, atexit\n\natexit.register(os._exit, 0)\n",
    ],
    ids=["exitstatus", "unconfigure", "atexit"],
)
def test_a_suite_that_swallows_its_failures(trap, conftest):
    case = trap("pytest", {"test_it.py": GOOD, "test_other.py": BAD, "conftest.py": conftest})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(passed=2, failed=1)


@pytest.mark.parametrize("commands", ["pytest", "pytest -n2"])
def test_a_hook_that_reports_failures_as_passed(trap, commands):
    hook = "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    hook += "    report = (yield).get_result()\n    if report.failed:\n        report.outcome = 'passed'\n"
    case = trap(commands, {"test_it.py": GOOD, "test_other.py": BAD, "conftest.py": hook})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(passed=2, failed=1)


@pytest.mark.parametrize(
    ("dies", "options", "stock"),
    [("os._exit(0)", "", 1), (SEGFAULT, "", 1), (SEGFAULT, "--max-worker-restart=0", 1)],
)
def test_a_worker_of_xdist_that_dies(trap, dies, options, stock):
    case = trap(f"pytest -n2 {options}", {"test_it.py": GOOD, "test_other.py": DIES.format(dies)})
    assert case.stock() == stock
    found = case.run()
    assert found.exit == 1, found
    assert "test_other.py::test_b" in found.messages


def test_tests_that_are_only_collected(trap):
    case = trap("pytest --co", {"test_it.py": GOOD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert found.counts(deselected=2)


def test_tests_that_are_only_collected_by_one_of_two_commands(trap):
    case = trap("pytest test_it.py\npytest --co test_other.py", {"test_it.py": GOOD, "test_other.py": BAD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


def test_tests_that_are_listed_and_then_run(trap):
    found = trap("pytest --co\npytest", {"test_it.py": GOOD}).run()
    assert (found.exit, found.codes) == (0, set()), found
    assert found.counts(passed=2)


@pytest.mark.parametrize("commands", ["sh -c 'pytest -k nothing || true'", "- pytest -k nothing", "- pytest absent.py"])
def test_a_selection_that_meets_nothing(trap, commands):
    case = trap(commands, {"test_it.py": GOOD})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 3, found
    assert found.codes & {"no_tests", "crashed"}


LEAVE = "pytest.exit('enough', returncode=0)"


def test_a_test_that_ends_the_run_with_0(trap):
    leaves = f"import pytest\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    {LEAVE}\n\n\n"
    case = trap("pytest", {"test_it.py": leaves + BAD})
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 1, found
    assert found.counts(passed=1, error=1, deselected=1)
    assert "test_it.py::test_b" in found.messages


def test_a_hook_that_ends_the_run_with_0(trap):
    hook = f"import pytest\n\n\ndef pytest_runtest_setup(item):\n    'two' in item.name and {LEAVE}\n"
    case = trap("pytest", {"test_it.py": GOOD + "\n\n" + BAD, "conftest.py": hook})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"crashed"}), found
    assert "enough" in found.messages
    assert "test_it.py::test_bad" in found.ran_nowhere


@pytest.mark.parametrize(
    "commands",
    ["env -i {env_python} -m pytest", "env -u ENVMATRIX_RECORD pytest", "sh -c 'ENVMATRIX_RECORD= pytest'"],
)
def test_a_run_that_is_kept_from_the_recorder(trap, commands):
    case = trap(commands, {"test_it.py": GOOD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


def test_a_pytest_of_another_interpreter(trap, other_python, tmp_path, execute):
    place = tmp_path / "elsewhere"
    assert execute(other_python, "-m", "venv", place, cwd=tmp_path).returncode == 0
    assert execute(place / "bin" / "pip", "install", "-q", "pytest", cwd=tmp_path).returncode == 0
    case = trap(f"{place}/bin/python -m pytest", {"test_it.py": GOOD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


@pytest.mark.parametrize("command", ["sh -c 'pytest || true'", "- pytest"])
def test_the_commands_of_a_wrong_folder(trap, command):
    case = trap(command, {"test_it.py": GOOD, "docs/index.md": ""}, more="change_dir = docs\n")
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 3, found
    assert "no_tests" in found.codes
