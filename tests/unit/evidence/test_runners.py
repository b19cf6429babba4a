"""Commands that run tests, and those that only look like it."""

import pytest

from envmatrix.evidence.runners import find_runner, is_recorded, is_runner, is_stestr


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("pytest -x tests", "pytest"),
        (".tox/py/bin/pytest", "pytest"),
        ("python -m pytest", "pytest"),
        ("/usr/bin/python3 -W error -m unittest discover", "unittest"),
        ("coverage run -m pytest", "pytest"),
        ("coverage run --parallel-mode -m unittest", "unittest"),
        ("python -Wall .tox/bin/coverage run -p .tox/bin/trial treq", "trial"),
        ("env TEST_EVENTLET=0 lockutils-wrapper stestr run --slowest", "stestr"),
        ("env -i /usr/bin/python3 -m unittest", "unittest"),
        ("behave --format=progress features", "behave"),
        ("pip install pytest", ""),
        ("python -m pip install pytest stestr", ""),
        ("coverage report", ""),
        ("flake8 unittest", ""),
        ("rm -rf .stestr", ""),
    ],
)
def test_the_runner_of_a_command(command, runner):
    assert find_runner(command.split()) == runner


@pytest.mark.parametrize(
    "command", ["pytest --version", "python -m unittest -h", "stestr slowest", "behave", "make test"]
)
def test_what_leaves_no_tests_to_be_known(command):
    assert not is_recorded(command.split())


@pytest.mark.parametrize("command", ["pytest", "stestr run", "python -m unittest", "trial treq", "zope-testrunner -vc"])
def test_what_does(command):
    assert is_recorded(command.split())


def test_a_word_that_is_a_runner_or_the_path_of_one():
    assert all(map(is_runner, ("pytest", ".tox/py/bin/stestr", "ostestr", "behave")))
    assert not any(map(is_runner, ("coverage", "tests/pytest.ini", "make")))


def test_the_runners_with_the_options_of_stestr():
    assert all(map(is_stestr, ("stestr", "testr", "/usr/bin/ostestr")))
    assert not is_stestr("pytest")
