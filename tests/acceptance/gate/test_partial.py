"""What its caller left out of a run keeps a gate closed, however it was said; the project's choice does not."""

from __future__ import annotations

import pytest

INI = """[tox]
skipsdist = true
[testenv]
deps = pytest
pass_env = PYTEST_ADDOPTS
set_env = file|{toxinidir}/env.txt
commands = pytest {env:WHAT:} {posargs}
"""
FILES = {
    "tox.ini": INI,
    "env.txt": "",
    "profiles/unit.toml": 'extends = "restricted"\n',
    "test_a.py": "def test_one(): pass\ndef test_two(): pass\n",
    "test_b.py": "def test_three(): pass\n",
}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A file of words for pytest."""
    path = tmp_path_factory.mktemp("words") / "words"
    path.write_text("-k\none\n")
    return path


def test_a_run_that_its_caller_narrowed_opens_no_gate(envmatrix, project, words):
    root = project(FILES)

    def gate(args=(), **env):
        store = ("--store", str(root.parent / f"store-{len(list(root.parent.iterdir()))}"))
        run = envmatrix("run", "--json", *store, *args, cwd=root, env=env)
        assert run.returncode == 0, run
        judged = envmatrix("gate", "HEAD", "--json", *store, cwd=root)
        return judged.returncode, [reason["code"] for reason in judged.json["cells"][0]["reasons"]]

    narrowed = (3, ["partial"])
    assert gate() == (0, [])
    assert gate(PYTEST_ADDOPTS="-ra --tb=short -p no:cacheprovider") == (0, [])
    assert gate(WHAT="-v") == (0, [])
    for asked in ("-qk one", "test_a.py", "-o python_files=test_a.py", f"@{words}", "--deselect=test_a.py::test_one"):
        assert gate(PYTEST_ADDOPTS=asked) == narrowed, asked
    for asked in ("-k one", "test_b.py"):
        assert gate(WHAT=asked) == narrowed, asked
    assert gate(("--", "test_b.py")) == narrowed


def test_what_the_project_leaves_out_is_its_own_choice(envmatrix, project):
    root = project(FILES | {"env.txt": "PYTEST_ADDOPTS=-k one\n"})
    assert envmatrix("run", "--json", cwd=root).returncode == 0
    assert envmatrix("gate", "HEAD", cwd=root).returncode == 0


def test_a_narrowed_run_that_fails_by_a_bar_for_the_whole_is_no_vote_against_the_change(envmatrix, project):
    bar = "import os, sys\ndef pytest_sessionfinish(session):\n    session.exitstatus = session.testscollected < 3\n"
    root = project(FILES | {"conftest.py": bar})
    run = envmatrix("run", "--json", "--", "test_b.py", cwd=root)
    assert run.returncode == 1, run
    vote = envmatrix("gate", "HEAD", "--format", "gerrit", cwd=root)
    assert (vote.returncode, vote.json["labels"]) == (3, {"Verified": 0}), vote


def test_a_gate_for_one_profile_names_the_one_that_its_skipped_tests_wait_for(envmatrix, project):
    skips = (
        "import pytest\n\n\ndef test_ok():\n    pass\n\n\ndef test_virt():\n    pytest.skip('libvirt not available')\n"
    )
    virt = 'extends = "full"\nrequires = ["libvirt"]\n'
    root = project(
        {
            "tox.ini": "[tox]\nskipsdist = true\n[testenv]\ndeps = pytest\ncommands = pytest\n",
            "profiles/unit.toml": 'extends = "restricted"\n',
            "profiles/virt.toml": virt,
            "test_a.py": skips,
        }
    )
    assert envmatrix("run", "unit", cwd=root).returncode == 0
    for rev in ([], ["HEAD"], ["--policy", "HEAD"]):
        judged = envmatrix("gate", *rev, "--profile", "unit", "--json", cwd=root)
        assert judged.returncode == 3, judged
        told = [note for note in judged.json["notes"] if note.startswith("only unit was judged")]
        assert [("profile virt: `envmatrix run virt` makes" in note) for note in told] == [True], judged
