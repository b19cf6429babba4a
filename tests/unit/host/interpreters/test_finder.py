from pathlib import Path

import pytest

from envmatrix.host.interpreters.finder import Place, hint_of, places


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with a system Python, another in PATH, pyenv with a shim, uv and Homebrew."""
    executable(tmp_path / "usr/bin/python3.11")
    (tmp_path / "usr/bin/python3").symlink_to("python3.11")
    executable(tmp_path / "usr/bin/python3.12")
    executable(tmp_path / "usr/bin/python3-config")
    executable(tmp_path / "opt/tools/python3.10")
    for version in ("3.9.18", "3.13.0"):
        executable(tmp_path / f"pyenv/versions/{version}/bin/python{version.rpartition('.')[0]}")
        (tmp_path / f"pyenv/versions/{version}/bin/python3").symlink_to(f"python{version.rpartition('.')[0]}")
    for name in ("python3.9", "python3.13", "python3.8"):
        executable(tmp_path / f"pyenv/shims/{name}")
    executable(tmp_path / "uv/cpython-3.14.0+freethreaded-linux-x86_64-gnu/bin/python3.14t")
    (tmp_path / "uv/cpython-3.14.0+freethreaded-linux-x86_64-gnu/bin/python3").symlink_to("python3.14t")
    executable(tmp_path / "opt/homebrew/opt/python@3.12/bin/python3.12")
    return tmp_path


def found(host: Path, *path: str, system_first: bool = False) -> list[Place]:
    environ = {
        "PATH": ":".join(str(host / entry) for entry in path),
        "PYENV_ROOT": str(host / "pyenv"),
        "PYENV_VERSION": "3.9.18",
        "UV_PYTHON_INSTALL_DIR": str(host / "uv"),
    }
    return list(places(environ, system_first=system_first, root=host))


def named(host: Path, found_places: list[Place]) -> list[tuple[str, str, str]]:
    return [(str(Path(one.path).relative_to(host)), one.origin, one.hint) for one in found_places if not one.dead]


def test_the_order_is_that_of_path_then_what_is_beyond_it(host: Path) -> None:
    assert named(host, found(host, "opt/tools", "usr/bin")) == [
        ("opt/tools/python3.10", "path", "3.10"),
        ("usr/bin/python3.11", "system", "3.11"),
        ("usr/bin/python3.12", "path", "3.12"),
        ("pyenv/versions/3.13.0/bin/python3.13", "pyenv", "3.13.0"),
        ("pyenv/versions/3.9.18/bin/python3.9", "pyenv", "3.9.18"),
        ("uv/cpython-3.14.0+freethreaded-linux-x86_64-gnu/bin/python3.14t", "uv", "3.14.0t"),
        ("opt/homebrew/opt/python@3.12/bin/python3.12", "homebrew", "3.12"),
    ]


def test_the_systems_own_comes_first_where_its_packages_are_wanted(host: Path) -> None:
    assert named(host, found(host, "opt/tools", system_first=True))[:3] == [
        ("usr/bin/python3.11", "system", "3.11"),
        ("usr/bin/python3.12", "other", "3.12"),
        ("opt/tools/python3.10", "path", "3.10"),
    ]


def test_a_shim_is_never_a_path_and_a_dead_one_has_its_reason(host: Path) -> None:
    answer = found(host, "pyenv/shims")
    assert named(host, answer)[0] == ("pyenv/versions/3.9.18/bin/python3.9", "pyenv", "3.9.18")
    dead = {Path(one.path).name: one.dead for one in answer if one.dead}
    assert sorted(dead) == ["python3.13", "python3.8"]
    assert dead["python3.8"] == "is a pyenv shim that leads nowhere: no active version (3.9.18) has python3.8"


def test_an_environment_in_path_stands_for_its_base(host: Path) -> None:
    (host / "venv/bin").mkdir(parents=True)
    (host / "venv/pyvenv.cfg").write_text("")
    (host / "venv/bin/python").symlink_to(host / "opt/tools/python3.10")
    assert named(host, found(host, "venv/bin"))[0] == ("opt/tools/python3.10", "path", "3.10")


def test_every_interpreter_is_listed_once(host: Path) -> None:
    (host / "bin").symlink_to(host / "usr/bin")
    paths = [one.path for one in found(host, "bin", "usr/bin", "bin")]
    assert len(paths) == len(set(paths))
    assert sum("python3.11" in path for path in paths) == 1


@pytest.mark.parametrize(
    ("name", "hint"), [("python3.13t", "3.13t"), ("pypy3.10", "pypy3.10"), ("python3", ""), ("python", ""), ("pip", "")]
)
def test_names_say_their_version(name: str, hint: str) -> None:
    assert hint_of(f"/nowhere/{name}") == hint
