from types import SimpleNamespace

import pytest

from envmatrix.engine import fetched
from envmatrix.engine.fetched import VARIABLE, install
from envmatrix.engine.job import Job, Overlay

UV = ("/bin/uv", "pip", "install", "pytest")


def job(folder, python="/usr/bin/python3.11", version="3.11.2"):
    overlay = Overlay(name="unit", python=python)
    return Job(
        mode="run",
        overlays=(overlay,),
        events=str(folder / "events.jsonl"),
        cell="unit",
        project=str(folder),
        packages=str(folder / "packages"),
        python_version=version,
    )


def place_of(job, step, argv, variables, site_packages="/nowhere"):
    return fetched.place_of(job, step, argv, variables, lambda: str(site_packages))


def test_the_same_installation_has_one_place(tmp_path):
    first = place_of(job(tmp_path), "install_deps", UV, {"PATH": "/a", "HOME": "/one"})
    assert first == place_of(job(tmp_path), "install_deps", UV, {"PATH": "/b", "HOME": "/one"}, tmp_path)
    assert first.parent == tmp_path / "packages"


@pytest.mark.parametrize(
    ("argv", "variables", "python"),
    [
        ((*UV, "six"), {}, "3.11.2"),
        (UV, {"UV_INDEX_URL": "http://other"}, "3.11.2"),
        (UV, {"PIP_CONSTRAINT": "other.txt"}, "3.11.2"),
        (UV, {"HOME": "/with/another/cache"}, "3.11.2"),
        (UV, {"XDG_CACHE_HOME": "/another"}, "3.11.2"),
        (UV, {}, "3.12.0"),
    ],
)
def test_what_the_index_may_answer_otherwise_has_another_place(tmp_path, argv, variables, python):
    plain = place_of(job(tmp_path), "install_deps", UV, {})
    assert place_of(job(tmp_path, version=python), "install_deps", argv, variables) not in (plain, None)


def test_an_environment_with_a_package_asks_for_less_than_one_without(tmp_path):
    empty = place_of(job(tmp_path), "install_deps", UV, {}, tmp_path)
    (tmp_path / "six-1.16.0.dist-info").mkdir()
    assert place_of(job(tmp_path), "install_deps", UV, {}, tmp_path) not in (empty, None)


@pytest.mark.parametrize(
    "words", [("-r", "top.txt"), ("-rtop.txt",), ("--requirement=top.txt",), ("-c", "below/more.txt")]
)
def test_other_requirements_in_the_same_files_are_another_installation(tmp_path, words):
    (tmp_path / "below").mkdir()
    (tmp_path / "top.txt").write_text("six\n  -c below/next.txt  # limits\n")
    (tmp_path / "below" / "next.txt").write_text("--requirement more.txt\n-r top.txt\n-r gone.txt\n")
    more = tmp_path / "below" / "more.txt"
    more.write_text("six<2\n")
    first = place_of(job(tmp_path), "install_deps", (*UV, *words), {})
    assert first == place_of(job(tmp_path), "install_deps", (*UV, *words), {})
    more.write_text("six<3\n")
    assert place_of(job(tmp_path), "install_deps", (*UV, *words), {}) not in (first, None)


@pytest.mark.parametrize(
    "words", [("-c", "https://host/limits.txt"), ("-chttps://host/limits.txt",), ("-r", "top.txt")]
)
def test_requirements_that_lie_in_the_network_are_asked_for_by_each(tmp_path, words):
    (tmp_path / "top.txt").write_text("six\n-c https://host/limits.txt\n")
    assert place_of(job(tmp_path), "install_deps", (*UV, *words), {}) is None
    assert place_of(job(tmp_path), "install_deps", UV, {"UV_CONSTRAINT": "https://host/limits.txt"}) is None


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
