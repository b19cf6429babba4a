"""A checkout that does not stand still: what was tested then cannot be told, also where an edit was put back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate_lab import records, states

if TYPE_CHECKING:
    from results import Result

INI = """[tox]
skipsdist = true
env_list = a, b
[testenv]
pass_env = MOVES
commands = python -m unittest -v test_it
"""
# Edits a tracked file and puts it back, as an editor or a checkout of another branch would meanwhile. MOVES is a folder
# with a file for each edit that is still to come.
TESTS = """import os, pathlib, unittest

SOURCE = pathlib.Path("source.py")


class Case(unittest.TestCase):
    def test_it(self):
        for move in sorted(pathlib.Path(os.environ["MOVES"]).iterdir()):
            kind = move.read_text()
            move.unlink()
            before = SOURCE.read_text()
            if kind != "touch":
                SOURCE.write_text("VALUE = 2\\n")
            if kind == "put back":
                SOURCE.write_text(before)
            if kind == "same time":
                times = os.stat("test_it.py")
                SOURCE.write_text(before)
                os.utime(SOURCE, ns=(times.st_atime_ns, times.st_mtime_ns))
            if kind == "renamed":
                SOURCE.with_name("new.py").write_text(before)
                SOURCE.with_name("new.py").replace(SOURCE)
            if kind == "fail":
                SOURCE.write_text(before)
                self.fail("of content that nobody knows")
            break
"""


class Lab:
    def __init__(self, root: Path, moves: Path, envmatrix: Callable[..., Result]) -> None:
        self.root, self._moves, self._envmatrix = root, moves, envmatrix
        self.store = moves.parent / "store"

    def run(self, *names: str, moves: tuple[str, ...], more: tuple[str, ...] = ()) -> Any:
        self._moves.mkdir(exist_ok=True)
        for number, kind in enumerate(moves):
            (self._moves / str(number)).write_text(kind)
        arguments = ("--json", "--store", str(self.store), "--retries", "0", *more)
        result = self._envmatrix("run", *names, *arguments, cwd=self.root, env={"MOVES": str(self._moves)})
        assert result.stdout, result
        return result

    def gate(self, *names: str) -> int:
        wanted = [word for name in names for word in ("--profile", name)]
        return self._envmatrix("gate", "HEAD", *wanted, "--store", str(self.store), cwd=self.root).returncode


@pytest.fixture
def lab(project: Callable[..., Path], envmatrix: Callable[..., Result], tmp_path: Path) -> Lab:
    root = project({"tox.ini": INI, "test_it.py": TESTS, "source.py": "VALUE = 1\n"})
    return Lab(root, tmp_path / "moves", envmatrix)


@pytest.mark.parametrize("kind", ["put back", "same time", "renamed"])
def test_an_edit_that_was_put_back_is_no_evidence(lab: Lab, kind: str) -> None:
    result = lab.run("tox:a", moves=(kind, kind))
    assert result.returncode == 3, result
    (cell,) = result.json["cells"]
    assert (cell["state"], [reason["code"] for reason in cell["reasons"]]) == ("inconclusive", ["content_moved"])
    assert "source.py" in cell["reasons"][0]["message"]
    assert [record["content"]["moved"] for record in records(lab.store)] == [["source.py"]] * 2
    assert lab.gate("tox:a") == 3


def test_a_moment_of_unrest_is_followed_by_another_attempt(lab: Lab) -> None:
    result = lab.run("tox:a", moves=("put back",))
    assert result.returncode == 0, result
    first, second = records(lab.store)
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert "source.py" in second["attempt_reason"]
    assert second["content"].keys() == {"before", "after", "files"}
    assert second["content"]["files"] == 3
    assert lab.gate("tox:a") == 0


def test_a_failure_of_unknown_content_is_none_of_the_commits(lab: Lab) -> None:
    result = lab.run("tox:a", moves=("fail", "fail"))
    assert states(result.json) == {"a": "inconclusive"}, result
    assert result.returncode == 3
    assert lab.gate("tox:a") == 3
    result = lab.run("tox:a", moves=("fail",))
    assert (result.returncode, states(result.json)) == (0, {"a": "passed"}), result
    assert lab.gate("tox:a") == 0


def test_an_edit_that_stays_is_no_evidence_for_any_later_cell(lab: Lab) -> None:
    result = lab.run("tox:a", "tox:b", moves=("edit",))
    assert states(result.json) == {"a": "inconclusive", "b": "inconclusive"}, result
    assert [record["state"] for record in records(lab.store)] == ["finished", "not_started"]
    assert "before this cell began" in result.json["cells"][1]["reasons"][0]["message"]
    assert lab.gate("tox:a", "tox:b") == 3


def test_cells_that_run_together_move_together_and_are_repeated(lab: Lab) -> None:
    result = lab.run("tox:a", "tox:b", moves=("put back",), more=("-j2",))
    assert states(result.json) == {"a": "passed", "b": "passed"}, result


def test_a_file_that_only_its_owner_touched_before_a_cell_is_the_same_content(lab: Lab) -> None:
    assert lab.run("tox:a", "tox:b", moves=("touch",)).returncode == 0
    (lab.root / "source.py").touch()
    result = lab.run("tox:a", moves=())
    assert result.returncode == 0, result


def test_records_of_earlier_versions_are_read(lab: Lab) -> None:
    lab.run("tox:a", moves=())
    (place,) = lab.store.glob("*/*/*.json")
    record = json.loads(place.read_bytes())
    assert record.pop("content")
    place.write_text(json.dumps(record))
    assert lab.gate("tox:a") == 0
