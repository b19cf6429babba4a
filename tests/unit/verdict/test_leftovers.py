"""What a cell left running: runners that lost their tests, and helpers that did not."""

import pytest
from verdict_values import record

from envmatrix.evidence.model import LeftOver, Session
from envmatrix.verdict.leftovers import describe_others, describe_unwaited


def of(argv, **more):
    return record(left_over=(LeftOver(pid=7, argv=tuple(argv), **more),))


@pytest.mark.parametrize(
    "argv",
    [
        ["/env/bin/python", "/env/bin/pytest", "bad"],
        ["python3", "-m", "pytest"],
        ["python", "-m", "unittest", "discover"],
        ["stestr", "run"],
        ["sh", "-c", "(sleep 3; pytest bad) & pytest good"],
        ["/bin/bash", "./run_tests.sh"],
        ["make", "-s", "check"],
        ["python", "manage.py", "test"],
        ["python", "setup.py", "test"],
    ],
)
def test_a_runner_that_nobody_waited_for(argv):
    told = describe_unwaited(of(argv))
    assert told.startswith(f"`{' '.join(argv)}` was still running when the commands had ended, and was killed")
    assert not list(describe_others(of(argv)))


@pytest.mark.parametrize(
    "argv",
    [
        ["gpg-agent", "--homedir", "/tmp/pytest-of-me/0", "--daemon"],
        ["/usr/sbin/mariadbd", "--datadir=/tmp/test/pytest"],
        ["/bin/sh", "/usr/bin/mysqld_safe", "--user=mysql"],
        ["python", "-m", "http.server", "8000"],
        ["python", "-c", "import sys;exec(eval(sys.stdin.readline()))"],
        [],
    ],
)
def test_a_helper_is_named_and_no_more(argv):
    assert describe_unwaited(of(argv)) == ""
    (note,) = describe_others(of(argv))
    assert (" ".join(argv) or "process 7") in note


def test_what_belongs_to_a_session_that_is_known_is_no_lost_runner():
    pytest_ = ["python", "-m", "pytest"]
    assert not describe_unwaited(of(pytest_, forked=True))  # a server that a test forked
    assert not describe_unwaited(of(pytest_, by_test=True))
    ended, died = Session(runner="pytest", pid=7, finished=True), Session(runner="pytest", pid=7)
    left = LeftOver(pid=7, argv=tuple(pytest_))
    assert not describe_unwaited(record(left_over=(left,), sessions=(ended,)))
    assert describe_unwaited(record(left_over=(left,), sessions=(died,)))


def test_many_are_named_once_and_counted():
    left = tuple(LeftOver(pid=n, argv=("pytest", f"part{n % 5}")) for n in range(1, 11))
    told = describe_unwaited(record(left_over=left))
    assert told.startswith("`pytest part1`, `pytest part2`, `pytest part3` and 2 more were still running")
