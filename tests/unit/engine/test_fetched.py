from types import SimpleNamespace

import pytest

from envmatrix.engine.fetched import VARIABLE, install, place_of
from envmatrix.engine.job import Job, Overlay

UV = ("/bin/uv", "pip", "install", "pytest")


def job(folder, python="/usr/bin/python3.11", version="3.11.2"):
    overlay = Overlay(name="unit", python=python)
    return Job(
        mode="run",
        overlays=(overlay,),
        events=str(folder / "events.jsonl"),
        cell="unit",
        packages=str(folder / "packages"),
        python_version=version,
    )


def test_the_same_installation_has_one_place(tmp_path):
    first = place_of(job(tmp_path), "install_deps", UV, {"PATH": "/a", "HOME": "/one"})
    assert first == place_of(job(tmp_path), "install_deps", UV, {"PATH": "/b", "HOME": "/two"})
    assert first.parent == tmp_path / "packages"


@pytest.mark.parametrize(
    ("argv", "variables", "python"),
    [
        ((*UV, "six"), {}, "3.11.2"),
        (UV, {"UV_INDEX_URL": "http://other"}, "3.11.2"),
        (UV, {"PIP_CONSTRAINT": "other.txt"}, "3.11.2"),
        (UV, {}, "3.12.0"),
    ],
)
def test_what_the_index_may_answer_otherwise_has_another_place(tmp_path, argv, variables, python):
    plain = place_of(job(tmp_path), "install_deps", UV, {})
    assert place_of(job(tmp_path, version=python), "install_deps", argv, variables) not in (plain, None)


@pytest.mark.parametrize(
    ("step", "argv", "variables"),
    [
        ("install_package", UV, {}),
        ("commands[0]", UV, {}),
        ("install_deps", ("/env/bin/python", "-I", "-m", "pip", "install", "pytest"), {}),
        ("install_deps", ("/bin/uv", "sync"), {}),
        ("install_deps", (*UV, "--refresh-package", "pytest"), {}),
        ("install_deps", (*UV, "-U"), {}),
        ("install_deps", UV, {"UV_NO_CACHE": "1"}),
        ("install_deps", UV, {VARIABLE: "0"}),
    ],
)
def test_other_tools_and_wishes_of_the_users_own_have_none(tmp_path, step, argv, variables):
    assert place_of(job(tmp_path), step, argv, variables) is None


def run(place, variables, codes):
    """The values of UV_OFFLINE with which it was tried, one for each exit code that was used."""
    seen = []

    def execute():
        seen.append(variables.get(VARIABLE))
        return SimpleNamespace(exit_code=codes[len(seen) - 1])

    return install(place, variables, execute).exit_code, seen


def test_the_index_is_asked_by_the_first_alone(tmp_path):
    place, variables = tmp_path / "packages" / "x.fetched", {}
    assert run(place, variables, [0]) == (0, [None])
    assert run(place, variables, [0]) == (0, ["1"])
    assert variables == {}


def test_an_installation_that_failed_tells_the_others_nothing(tmp_path):
    place = tmp_path / "packages" / "x.fetched"
    assert run(place, {}, [1]) == (1, [None])
    assert not place.exists()


def test_what_the_cache_lacks_is_asked_of_the_index(tmp_path):
    place, variables = tmp_path / "x.fetched", {}
    place.touch()
    assert run(place, variables, [1, 0]) == (0, ["1", None])
    assert run(place, variables, [1, 1]) == (1, ["1", None])
    assert variables == {}


def test_without_a_place_nothing_is_remembered(tmp_path):
    assert run(None, {}, [0]) == (0, [None])
    assert list(tmp_path.iterdir()) == []
