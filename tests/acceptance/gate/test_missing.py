"""``run --missing``: cells with a pass that the gate counts are not run, and nothing else counts as such a pass."""

from __future__ import annotations

import json
import shutil

import pytest

INI = """\
[tox]
env_list = a, b
[testenv]
skip_install = true
pass_env = MODE
commands = python -m unittest -q test_it {posargs}
"""
TEST = """\
import os, unittest

class It(unittest.TestCase):
    def test_it(self):
        self.assertNotEqual(os.environ.get("MODE"), "fail")
"""
FILES = {"tox.ini": INI, "test_it.py": TEST, ".gitignore": "__pycache__\n"}
CELLS = ("tox:a", "tox:b")


@pytest.fixture
def missing(project, envmatrix):
    """A project in git, and ``missing(…)``: its result with ``--missing``, and the cells that it ran."""
    root = project(FILES)

    def run(*more, cells=CELLS, **environ):
        result = envmatrix("run", "--json", "--missing", *cells, *more, cwd=root, env=environ)
        ran = {line.split("] ")[1].split(":")[0] for line in result.stderr.splitlines() if ": starts" in line}
        return result, ran

    run.root = root
    return run


def records(root):
    return sorted(root.glob(".envmatrix/evidence/*/*/*.json"))


def edit(path, **changes):
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps({**record, **changes}))


def test_only_the_cells_without_a_pass_are_run(missing, envmatrix):
    first, ran = missing(cells=CELLS)
    assert (first.returncode, ran) == (0, {"a", "b"}), first
    again, ran = missing(cells=CELLS)
    assert (again.returncode, ran) == (0, set()), again
    cells = again.json["cells"]
    assert [cell["state"] for cell in cells] == ["passed", "passed"]
    assert all(any(note.startswith("not run, it has passed") for note in cell["notes"]) for cell in cells)
    assert [cell["tests"]["passed"] for cell in cells] == [1, 1]
    (path,) = (path for path in records(missing.root) if path.parent.name == "b")
    path.unlink()
    third, ran = missing(cells=CELLS)
    assert (third.returncode, ran) == (0, {"b"}), third
    shown = envmatrix("report", "--format", "json", cwd=missing.root)
    assert [cell["evidence"] for cell in shown.json["cells"]] == [cell["evidence"] for cell in third.json["cells"]]


def test_another_content_is_run(missing):
    assert missing()[1] == {"a", "b"}
    (missing.root / "test_it.py").write_text(TEST + "\n")
    assert missing()[1] == {"a", "b"}
    assert missing()[1] == set()
    assert missing(cells=("tox:a",))[1] == set()


def test_a_change_that_is_not_committed_counts_for_its_own_content_alone(missing, git):
    (missing.root / "test_it.py").write_text(TEST + "# changed\n")
    assert missing()[1] == {"a", "b"}
    assert missing()[1] == set()
    git("commit", "-qam", "The same content", cwd=missing.root)
    assert missing()[1] == set()
    git("checkout", "-q", "HEAD~1", cwd=missing.root)
    assert missing()[1] == {"a", "b"}


@pytest.mark.parametrize(
    "changes",
    [
        {"partial": "arguments after --: -k one"},
        {"state": "crashed"},
        {"state": "interrupted"},
        {"reasons": [{"code": "index_unreachable", "message": "no index"}]},
        {"matrix_digest": "sha256:other"},
        {"folder": "other"},
        {"profile": "tox:other"},
        {"mismatches": [{"code": "env_mismatch", "message": "not as promised"}]},
    ],
)
def test_evidence_that_the_gate_would_not_count_is_no_pass(missing, envmatrix, changes):
    assert missing()[0].returncode == 0
    (path,) = (path for path in records(missing.root) if path.parent.name == "a")
    edit(path, **changes)
    gated = envmatrix("gate", "--json", "--profile", "tox:a", "--profile", "tox:b", cwd=missing.root)
    assert gated.returncode != 0, gated
    result, ran = missing()
    assert (result.returncode, ran) == (0, {"a"}), result


def test_evidence_under_another_name_is_not_believed(missing):
    assert missing()[0].returncode == 0
    (path,) = (path for path in records(missing.root) if path.parent.name == "a")
    edit(path, tree="0" * 40)
    assert missing()[1] == {"a"}


def test_a_failure_is_run_again_and_a_newer_failure_hides_an_older_pass(missing, envmatrix):
    assert missing()[0].returncode == 0
    assert envmatrix("run", *CELLS, cwd=missing.root, env={"MODE": "fail"}).returncode == 1
    failed, ran = missing(MODE="fail")
    assert (failed.returncode, ran) == (1, {"a", "b"}), failed
    mended, ran = missing()
    assert (mended.returncode, ran) == (0, {"a", "b"}), mended


def test_a_failure_on_another_host_is_not_undone_by_a_pass_here(missing, envmatrix):
    failed = envmatrix("run", *CELLS, cwd=missing.root, env={"MODE": "fail"})
    assert failed.returncode == 1, failed
    for path in records(missing.root):
        edit(path, host={**json.loads(path.read_bytes())["host"], "name": "other", "id": "other"})
    result, ran = missing()
    assert (result.returncode, ran) == (1, {"a", "b"}), result
    assert {reason["code"] for cell in result.json["cells"] for reason in cell["reasons"]} >= {"disputed"}
    assert envmatrix("gate", "--profile", "tox:a", "--profile", "tox:b", cwd=missing.root).returncode == 1


def test_a_pass_of_another_host_stands_for_a_cell_that_is_blocked_here(project, envmatrix, tmp_path):
    profile = 'extends = "restricted"\nrequires = ["cluster"]\n'
    capability = f'[cluster]\ncheck = ["test", "-e", "{tmp_path}/cluster"]\n'
    files = {**FILES, "profiles/far.toml": profile, "profiles/capabilities.toml": capability}
    root = project(files)
    (tmp_path / "cluster").touch()
    assert envmatrix("run", "far", cwd=root).returncode in (0, 3)
    first = envmatrix("gate", cwd=root)
    (tmp_path / "cluster").unlink()
    assert envmatrix("run", "far", cwd=root).returncode == 3
    result = envmatrix("run", "--missing", "far", cwd=root)
    assert result.returncode == first.returncode, result


def test_an_empty_store_and_one_that_is_gone_only_mean_that_cells_run(missing):
    assert missing()[0].returncode == 0
    shutil.rmtree(missing.root / ".envmatrix" / "evidence")
    result, ran = missing()
    assert (result.returncode, ran) == (0, {"a", "b"}), result


def test_a_narrowed_run_is_refused(missing):
    result, _ = missing("--", "-v")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--missing: the arguments -- -v narrow each cell" in result.stderr


def test_an_old_profile_key_is_unknown(project, envmatrix):
    root = project({**FILES, "profiles/old.toml": "reuse = false\n"})
    result = envmatrix("run", "old", cwd=root)
    assert result.returncode == 2
    assert "profiles/old.toml:1: reuse: unknown key" in result.stderr
