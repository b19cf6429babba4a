import pytest

from envmatrix.host.interpreters.query import InterpreterAnswer
from envmatrix.host.interpreters.spec import InterpreterSpec, parse_specs, too_old
from envmatrix.host.model import PythonRequest


@pytest.mark.parametrize(
    ("spec", "hint", "asked"),
    [
        ("3.11", "3.11", True),
        ("3.11", "3.11.7", True),
        ("3.11", "", True),
        ("3.11", "3.12", False),
        ("3.11", "3.11t", False),
        ("3.11", "pypy3.11", False),
        ("3.13t", "3.13t", True),
        ("3.13t", "3.13", False),
        ("pypy3.10", "pypy3.10", True),
        ("pypy3.10", "3.10", False),
        ("py38", "3.8.18", True),
        ("3.11.2", "3.11.7", False),
        ("3.11.2", "3.11", True),
        (">=3.12", "3.13.0", True),
        (">=3.12", "3.11", False),
        ("", "3.6.15", False),
        ("", "3.7", True),
        ("", "3.13t", False),
    ],
)
def test_names_decide_what_has_to_be_started(spec: str, hint: str, asked: bool) -> None:
    assert InterpreterSpec(spec).may_be(hint) is asked


@pytest.mark.parametrize(
    ("spec", "requires", "told", "why"),
    [
        ("3.11", "", InterpreterAnswer(version="3.11.7"), ""),
        ("3.11", "", InterpreterAnswer(version="3.12.1"), "is 3.12.1, not Python 3.11"),
        ("3.13t", "", InterpreterAnswer(version="3.13.0", free_threaded=True), ""),
        (
            "3.13",
            "",
            InterpreterAnswer(version="3.13.0", free_threaded=True),
            "is 3.13.0 (free-threaded), not Python 3.13",
        ),
        ("pypy3.10", "", InterpreterAnswer(version="3.10.14", implementation="pypy"), ""),
        ("", ">=3.12", InterpreterAnswer(version="3.11.7"), "is 3.11.7, not a CPython >=3.12"),
        (
            "",
            "",
            InterpreterAnswer(version="3.10.14", implementation="pypy"),
            "is pypy 3.10.14, not a CPython from 3.7 on",
        ),
        (">=3.12", "", InterpreterAnswer(version="3.12.0"), ""),
    ],
)
def test_what_an_interpreter_says_decides(spec: str, requires: str, told: InterpreterAnswer, why: str) -> None:
    assert InterpreterSpec(spec, requires).refuses(told) == why


def test_a_pinned_version_goes_before_specs() -> None:
    assert [one.says for one in parse_specs(PythonRequest(python="3.11", spec=("py312",)))] == ["Python 3.11"]
    assert [one.says for one in parse_specs(PythonRequest(python="3.11", spec=("/x/python3.11", "/x/python3.12")))] == [
        "/x/python3.11",
        "Python 3.11",
    ]
    assert [one.says for one in parse_specs(PythonRequest(spec=("py312", "py311")))] == ["py312", "py311"]


def test_what_is_too_old_is_told_by_its_name() -> None:
    assert [hint for hint in ("3.6.15", "2.7", "3.7", "", "3.13t") if too_old(hint)] == ["3.6.15", "2.7"]
