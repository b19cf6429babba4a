"""Answers of interpreters are believed until anything of the interpreter changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envmatrix.host.interpreters.cache import InterpreterCache
from envmatrix.host.interpreters.query import InterpreterAnswer


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Something like an installed interpreter, with its library."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/python3.12/lib-dynload").mkdir(parents=True)
    path = tmp_path / "bin/python3.12"
    path.write_text("elf")
    return path


def said(path: Path, **more: object) -> InterpreterAnswer:
    folders = (str(path.parents[1] / "lib/python3.12"), str(path.parents[1] / "lib/python3.12/lib-dynload"))
    values = {"version": "3.12.1", "executable": str(path), "base_executable": str(path), "path": folders, **more}
    return InterpreterAnswer(**values)  # type: ignore[arg-type]


def kept(file: Path, path: Path, told: InterpreterAnswer) -> InterpreterCache:
    first = InterpreterCache(file)
    first.put(str(path), told)
    first.keep()
    return InterpreterCache(file)


def test_an_answer_is_remembered(tmp_path: Path, python: Path) -> None:
    assert kept(tmp_path / "cache/file.json", python, said(python)).get(str(python)) == said(python)


@pytest.mark.parametrize("what", ["bin/python3.12", "lib/python3.12/ssl.py", "lib/libpython3.12.so", "pyvenv.cfg"])
def test_what_changes_is_asked_again(tmp_path: Path, python: Path, what: str) -> None:
    for place in (tmp_path / "lib/python3.12", tmp_path / "lib"):
        os.utime(place, (1, 1))
    file = tmp_path / "cache/file.json"
    kept(file, python, said(python))
    (tmp_path / what).write_text("another")
    assert InterpreterCache(file).get(str(python)) is None


@pytest.mark.parametrize(
    "more", [{"executable": "/usr/bin/true"}, {"failure": "does not start"}, {"version": ""}], ids=str
)
def test_launchers_and_failures_are_not(tmp_path: Path, python: Path, more: dict[str, str]) -> None:
    assert kept(tmp_path / "cache/file.json", python, said(python, **more)).get(str(python)) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"/usr/bin/python3": 1}'])
def test_a_file_that_is_no_memory_is_none(tmp_path: Path, python: Path, content: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    assert InterpreterCache(file).get(str(python)) is None
    assert kept(file, python, said(python)).get(str(python)) == said(python)
