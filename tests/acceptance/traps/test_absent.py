"""Tests that are not even defined where something is missing, and promises that no test made use of."""

import pytest
from traps import BAD, GOOD

OPTIONAL = """import os

import pytest

VERSION = os.environ.get("TRAP_VERSION", "8.0.36")
DRIVERS = os.environ.get("TRAP_DRIVERS", "").split()


def test_always():
    pass


if os.environ.get("TRAP_SOUND"):

    class TestSound:
        def test_wave(self):
            pass


@pytest.mark.parametrize("server", [f"mysql-{VERSION}"])
def test_server(server):
    pass


@pytest.mark.parametrize("driver", DRIVERS)
def test_driver(driver):
    pass
"""
EVERYTHING = {"TRAP_SOUND": "1", "TRAP_DRIVERS": "mysql redis"}
GONE = {"test_it.py::TestSound::test_wave", "test_it.py::test_driver[mysql]", "test_it.py::test_driver[redis]"}
SOUND = '[sound]\nmodule = "wave"\n'
USES = "import wave\n\n\ndef test_sound():\n    assert wave.open\n"


def test_tests_that_were_there_a_moment_ago_are_missed(trap):
    case = trap("pytest", {"test_it.py": OPTIONAL})
    before = case.run(env=EVERYTHING)
    assert (before.exit, before.ran_nowhere) == (0, {}), before
    assert before.counts(passed=5)
    assert case.stock() == 0
    for _ in range(2):  # also when the run before has forgotten them
        found = case.run()
        assert {test: found.ran_nowhere.get(test) for test in GONE} == dict.fromkeys(GONE, "absent"), found
    both = case.run("trap", "restricted")
    assert both.exit == 3, both
    assert both.ran_nowhere.keys() >= GONE


def test_tests_that_are_gone_are_refused_like_skips(trap):
    case = trap("pytest", {"test_it.py": OPTIONAL}, 'unexpected_skips = "refuse"\n')
    assert case.run(env=EVERYTHING).exit == 0
    found = case.run(env={"TRAP_DRIVERS": "mysql"})
    assert (found.exit, found.codes) == (3, {"unexpected_skip"}), found
    (breach,) = found.document["breaches"]
    assert set(breach["tests"]) == GONE - {"test_it.py::test_driver[mysql]"}


def test_another_version_of_a_server_is_the_same_test(trap):
    case = trap("pytest", {"test_it.py": OPTIONAL}, 'unexpected_skips = "refuse"\n')
    assert case.run(env={**EVERYTHING, "TRAP_VERSION": "8.0.36"}).exit == 0
    found = case.run(env={**EVERYTHING, "TRAP_VERSION": "10.11.6"})
    assert (found.exit, found.ran_nowhere) == (0, {}), found


def test_a_renamed_test_is_told_once_by_the_last_runs_evidence(trap, git):
    case = trap("pytest", {"test_it.py": GOOD})
    assert case.run().exit == 0
    (case.root / "test_it.py").rename(case.root / "test_that.py")
    git("add", "-A", cwd=case.root)
    git("commit", "-qm", "A better name", cwd=case.root)
    assert case.run().ran_nowhere == {"test_it.py::test_one": "absent", "test_it.py::test_two": "absent"}
    assert case.run().ran_nowhere == {}


@pytest.mark.parametrize("commands", ["pytest", "python -c 'import wave'\npytest"])
def test_a_module_that_is_promised_and_never_imported(trap, commands):
    case = trap(commands, {"test_it.py": GOOD, "profiles/capabilities.toml": SOUND}, 'requires = ["sound"]\n')
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"capability_unused"}), found
    assert "sound" in found.messages


@pytest.mark.parametrize(("tests", "profile"), [(USES, ""), (GOOD, 'unused = "allow"\n')], ids=["used", "allowed"])
def test_a_module_that_is_promised_and_imported_or_need_not_be(trap, tests, profile):
    files = {"test_it.py": tests, "profiles/capabilities.toml": SOUND}
    found = trap("pytest", files, f'requires = ["sound"]\n{profile}').run()
    assert (found.exit, found.codes) == (0, set()), found


def test_a_server_that_is_promised_and_never_connected_to(trap):
    case = trap("pytest", {"test_it.py": GOOD}, 'services = ["redis"]\n')
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"capability_unused"}), found
    assert "redis" in found.messages


@pytest.mark.parametrize(
    "test",
    [
        "def test_it():\n    pytest.xfail('sound is not installed')\n",
        "@pytest.mark.xfail(run=False, reason='sound is missing')\ndef test_it():\n    pass\n",
        "@pytest.mark.xfail(reason='requires sound')\ndef test_it():\n    assert False\n",
    ],
    ids=["call", "not tried", "tried"],
)
def test_an_xfail_for_want_of_what_is_promised(trap, test):
    files = {"test_it.py": USES, "test_other.py": f"import pytest\n\n\n{test}", "profiles/capabilities.toml": SOUND}
    case = trap("pytest", files, 'requires = ["sound"]\n')
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"capability_skip"}), found
    assert found.counts(passed=1, xfailed=1)


def test_a_suite_that_expects_all_of_itself_to_fail(trap):
    case = trap("pytest", {"test_it.py": "import pytest\n\npytestmark = pytest.mark.xfail\n\n\n" + BAD})
    assert case.stock() == 0
    found = case.run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "no test passed" in found.messages
