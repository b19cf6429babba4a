"""Bytecode goes from one environment to the next only where it was compiled of the very same file."""

import os
import py_compile
from pathlib import Path

import pytest

from envmatrix.engine.install.bytecode import cache_bytecode, link_cached_bytecode


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """What uv keeps: a package of two modules."""
    package = tmp_path / "uv" / "thing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("A = 1\n")
    (package / "other.py").write_text("B = 2\n")
    return package


def environment(place: Path, uv: Path) -> Path:
    package = place / "thing"
    package.mkdir(parents=True)
    for file in uv.iterdir():
        os.link(file, package / file.name)
    return place


def compiled(place: Path) -> list[str]:
    return sorted(path.name for path in place.rglob("*.pyc"))


def test_the_next_environment_has_what_the_first_compiled(tmp_path: Path, uv: Path) -> None:
    first, cache = environment(tmp_path / "first", uv), tmp_path / "cache"
    assert link_cached_bytecode(str(first), cache)
    own = Path(py_compile.compile(str(first / "thing" / "other.py")))
    cache_bytecode(str(first), cache)
    second = environment(tmp_path / "second", uv)
    assert link_cached_bytecode(str(second), cache)
    assert compiled(second) == [own.name]
    assert (second / "thing" / "__pycache__" / own.name).samefile(own)
    assert not link_cached_bytecode(str(second), cache)  # it is new no more


def test_another_file_of_the_same_name_size_and_time_gets_nothing(tmp_path: Path, uv: Path) -> None:
    first, cache = environment(tmp_path / "first", uv), tmp_path / "cache"
    py_compile.compile(str(first / "thing" / "other.py"))
    cache_bytecode(str(first), cache)
    stat = (uv / "other.py").stat()
    (uv / "other.py").unlink()
    (uv / "other.py").write_text("B = 3\n")
    os.utime(uv / "other.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = environment(tmp_path / "second", uv)
    assert link_cached_bytecode(str(second), cache)
    assert compiled(second) == []


def test_neither_a_file_of_its_own_nor_pytest_s_bytecode_is_kept(tmp_path: Path, uv: Path) -> None:
    first, cache = environment(tmp_path / "first", uv), tmp_path / "cache"
    (first / "own.py").write_text("C = 1\n")
    py_compile.compile(str(first / "own.py"))
    rewritten = first / "thing" / "__pycache__" / "other.cpython-311-pytest-9.0.1.pyc"
    rewritten.parent.mkdir()
    rewritten.write_bytes(b"x")
    cache_bytecode(str(first), cache)
    assert list(cache.iterdir()) == []


def test_what_no_environment_has_any_more_is_forgotten(tmp_path: Path, uv: Path) -> None:
    first, cache = environment(tmp_path / "first", uv), tmp_path / "cache"
    py_compile.compile(str(first / "thing" / "other.py"))
    cache_bytecode(str(first), cache)
    assert len(list(cache.iterdir())) == 2
    for place in (first / "thing", uv):
        (place / "other.py").unlink()
    cache_bytecode(str(first), cache)
    assert list(cache.iterdir()) == []


def test_an_environment_that_is_not_there_and_a_cache_that_is_no_folder_are_no_error(tmp_path: Path, uv: Path) -> None:
    (tmp_path / "cache").write_text("")
    first = environment(tmp_path / "first", uv)
    py_compile.compile(str(first / "thing" / "other.py"))
    cache_bytecode(str(first), tmp_path / "cache")
    cache_bytecode(str(tmp_path / "nowhere"), tmp_path / "other")
    assert link_cached_bytecode(str(tmp_path / "nowhere"), tmp_path / "cache")
