"""Which of the caller's variables left tests out of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from envmatrix.engine.run.partial import narrowed_by
from envmatrix.engine.run.runner_options import GRAMMARS, find_narrowing
from envmatrix.evidence.model import CommandRun, Session


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    "asked",
    [
        "-k x",
        "-kx",
        "-qk x",
        "-qkx",
        "-k=x",
        "-m slow",
        "--deselect=tests/test_a.py::test_x",
        "--deselect tests/test_a.py::test_x",
        "--ignore tests",
        "tests/test_a.py",
        "tests/test_a.py::test_x",
        "-x tests",
        "-c other.ini",
        "-o testpaths=tests",
        "--override-ini=python_files=x_*.py",
        "-otestpaths=tests",
        "--pyargs package",
        "@words",
        "--lf",
        "--co",
        "--noconftest",
        "--setup-only",
        "--splits 3 --group 1",
    ],
)
def test_words_that_leave_tests_out_of_a_pytest(root: Path, asked: str) -> None:
    assert find_narrowing(asked.split(), GRAMMARS["pytest"], root).certain


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "-q",
        "-qxvs",
        "-n 4",
        "-n4",
        "-n tests",
        "-ra --tb=short --color yes --durations=10 --maxfail=1",
        "-p no:cacheprovider -p xdist",
        "-W error",
        "-o log_cli=true -ojunit_family=xunit2 --override-ini=cache_dir=x",
        "--junitxml tests --basetemp tests",
        "--cov --cov-report=term --no-cov",
        "nothing/of/that/name",
    ],
)
def test_words_that_leave_nothing_out(root: Path, asked: str) -> None:
    found = find_narrowing(asked.split(), GRAMMARS["pytest"], root)
    assert (found.certain, found.unknown) == (set(), set())


def test_options_that_nobody_knows_are_told_apart(root: Path) -> None:
    found = find_narrowing(["--mystery", "tests", "-q", "--other=1"], GRAMMARS["pytest"], root)
    assert (found.certain, found.unknown) == (set(), {0, 1, 3})


@pytest.mark.parametrize(
    ("runner", "asked", "certain"),
    [
        ("unittest", "-v discover -q", set()),
        ("unittest", "-v test_a", {1}),
        ("unittest", "discover -k x", {1, 2}),
        ("unittest", "test --settings project.settings", set()),
        ("unittest", "-j 4 package", {2}),
        ("stestr", "run --concurrency 4 --slowest", set()),
        ("stestr", "run test_a", {1}),
        ("stestr", "run --exclude-regex slow", {1, 2}),
    ],
)
def test_other_runners_have_words_of_their_own(root: Path, runner: str, asked: str, certain: set[int]) -> None:
    assert find_narrowing(asked.split(), GRAMMARS[runner], root).certain == certain


def of(
    root: Path,
    environ: dict[str, str],
    *,
    args: str = "",
    addopts: str = "",
    settings: str = "",
    argv: str = "",
    left_out: bool = False,
) -> tuple[str, ...]:
    return narrowed_by(
        environ,
        settings=lambda: settings,
        sessions=[Session(runner="pytest", args=tuple(args.split()), addopts=addopts)],
        commands=[CommandRun(argv=tuple(argv.split()))],
        root=root,
        left_out=left_out,
    )


def test_a_variable_narrows_where_its_words_are_asked(root: Path) -> None:
    environ = {"ARGS": "-k x", "OTHER": "-k y", "QUIET": "-q"}
    assert of(root, environ, args="-q -k x") == ("the variable ARGS",)
    assert of(root, environ, args="-q") == ()
    assert of(root, {"PYTEST_ADDOPTS": "-k x"}, addopts="-k x") == ("PYTEST_ADDOPTS=-k x",)


def test_what_the_project_asks_for_itself_narrows_nothing(root: Path) -> None:
    assert of(root, {}, args="-k x tests", addopts="-m slow") == ()
    assert of(root, {"PYTEST_ADDOPTS": "-k mine"}, addopts="-k theirs") == ()


def test_plain_words_count_for_variables_that_the_settings_name(root: Path) -> None:
    asked = {"args": "-v tests", "settings": "commands = pytest -v {env:WHERE:}"}
    assert of(root, {"WHERE": "tests", "FOLDER": "tests"}, **asked) == ("the variable WHERE",)
    assert of(root, {"WHAT": "x"}, args="-k x", settings="pytest -k {env:WHAT}") == ("the variable WHAT",)
    assert of(root, {"WHAT": "x"}, args="--deselect=x", settings="--deselect={env:WHAT}") == ("the variable WHAT",)
    assert of(root, {"WORKERS": "4"}, args="-n 4", settings="pytest -n {env:WORKERS}") == ()


def test_unknown_options_count_where_tests_were_deselected(root: Path) -> None:
    asked = {"args": "--mystery 1", "settings": ""}
    assert of(root, {"ARGS": "--mystery 1"}, **asked) == ()
    assert of(root, {"ARGS": "--mystery 1"}, **asked, left_out=True) == ("the variable ARGS",)


def test_stestr_is_asked_in_the_command(root: Path) -> None:
    asked = {"argv": "/env/bin/stestr run test_a", "settings": "stestr run {env:FILTER:}"}
    assert of(root, {"FILTER": "test_a"}, **asked) == ("the variable FILTER",)


def test_a_value_that_no_shell_could_read_is_no_error(root: Path) -> None:
    assert of(root, {"PYTEST_ADDOPTS": "-k 'x"}, addopts="-k 'x") == ("PYTEST_ADDOPTS=-k 'x",)
