"""Where a gate may be asked, and of what: monorepos, bare repositories, other branches, empty variables, policies."""

from __future__ import annotations

import datetime
import json
import os
import pwd
import sys
from pathlib import Path

import pytest
from gate_lab import FILES, LEFT, RIGHT, states

BOTH = LEFT | RIGHT
STORE = "evidence of all"  # a blank in its name


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / STORE)


def test_two_projects_of_one_repository_prove_nothing_for_each_other(project, envmatrix, store):
    """They have the same tree, the same profiles and the same tox file; the tests of one cannot even be loaded."""
    files = {f"{name}/{path}": content for name in ("one", "two") for path, content in FILES.items()}
    files["two/test_both.py"] = "raise SystemExit('broken')\n"
    root = project(files)
    where = ("--store", store)
    assert envmatrix("run", *where, cwd=root / "one", env=BOTH).returncode == 0
    assert envmatrix("gate", "HEAD", *where, cwd=root / "one").returncode == 0
    for verb in (("gate", "HEAD"), ("gate",)):
        other = envmatrix(*verb, "--json", *where, cwd=root / "two")
        assert (other.returncode, states(other.json)) == (3, {"left": "owed", "right": "owed"}), other
    assert envmatrix("run", *where, cwd=root / "two", env=BOTH).returncode != 0
    assert envmatrix("gate", "HEAD", *where, cwd=root / "one").returncode == 0
    assert envmatrix("gate", "HEAD", *where, cwd=root / "two").returncode != 0


def test_another_project_that_shares_the_store_is_not_heard_of(project, envmatrix, store):
    """Its cells are called the same; its content, its hosts' runs and its tests are none of this one's."""
    theirs = project(
        FILES | {"test_both.py": FILES["test_both.py"].replace("test_everywhere", "test_theirs")}, name="it"
    )
    assert envmatrix("run", "--store", store, cwd=theirs, env=BOTH | {"ENVMATRIX_HOST": "their-host"}).returncode == 0
    ours = project(FILES, name="ours")
    owed = envmatrix("gate", "HEAD", "--store", store, cwd=ours)
    assert owed.returncode == 3
    assert "their" not in owed.output
    assert envmatrix("run", "--store", store, cwd=ours, env=BOTH).returncode == 0
    gate = envmatrix("gate", "HEAD", "--store", store, cwd=ours)
    assert (gate.returncode, "their" in gate.output) == (0, False), gate


def test_a_bare_repository_and_one_with_another_branch_checked_out_can_be_asked(
    project, envmatrix, git, store, tmp_path
):
    root = project(FILES)
    assert envmatrix("run", cwd=root, env=BOTH | {"ENVMATRIX_STORE": store}).returncode == 0
    git("clone", "-q", "--bare", str(root), "bare.git", cwd=tmp_path)
    git("checkout", "-q", "--orphan", "empty", cwd=root)
    git("rm", "-rqf", ".", cwd=root)
    git("tag", "-a", "v1", "-m", "x", "main", cwd=root)
    for place, rev in ((tmp_path / "bare.git", "main"), (root, "v1"), (root, "main~0")):
        gate = envmatrix("gate", rev, "--json", cwd=place, env={"ENVMATRIX_STORE": store})
        assert (gate.returncode, set(states(gate.json).values())) == (0, {"passed"}), gate


def test_a_servers_hook_judges_what_is_being_pushed(project, envmatrix, execute, git, store, tmp_path):
    """The commit is in quarantine while pre-receive runs; evidence of its content came from the author's host."""
    root = project(FILES)
    git("clone", "-q", "--bare", str(root), "server.git", cwd=tmp_path)
    hook = tmp_path / "server.git/hooks/pre-receive"
    program = Path(sys.executable).with_name("envmatrix")
    hook.write_text(f'#!/bin/sh\nread old new ref\nexec {program} gate "$new" --policy "$old" --store "{store}"\n')
    hook.chmod(0o755)
    (root / "left/code.py").write_text("x = 1\n")
    git("commit", "-qam", "The change", cwd=root)
    refused = execute("git", "push", "-q", "../server.git", "main", cwd=root)
    assert (refused.returncode != 0, "2 owed" in refused.stderr) == (True, True), refused
    assert envmatrix("run", "--store", store, cwd=root, env=BOTH).returncode == 0
    taken = execute("git", "push", "-q", "../server.git", "main", cwd=root)
    assert (taken.returncode, "passed: 2 of 2 cells passed" in taken.stderr) == (0, True), taken


def test_a_repository_that_git_does_not_read_says_so(project, envmatrix, tmp_path):
    root = project(FILES)
    owner = pwd.getpwnam("nobody")
    for path in (root, *root.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    on_disk, of_head = envmatrix("gate", "--json", cwd=root), envmatrix("gate", "HEAD", cwd=root)
    assert (on_disk.returncode, of_head.returncode) == (3, 2)
    for said in (" ".join(on_disk.json["notes"]), of_head.stderr):
        assert f"git config --global --add safe.directory {root}" in said
    (tmp_path / "bin").mkdir()
    none = {"PATH": str(tmp_path / "bin")}
    on_disk, of_head = envmatrix("gate", "--json", cwd=root, env=none), envmatrix("gate", "HEAD", cwd=root, env=none)
    for said in (" ".join(on_disk.json["notes"]), of_head.stderr):
        assert "install git" in said


def test_hosts_that_disagree_and_clocks_that_are_set_back_hide_no_failure(project, envmatrix, tmp_path):
    broken = FILES["test_both.py"].replace(
        "        pass", "        self.assertFalse(os.environ.get('LEFT') == 'bad')", 1
    )
    root = project(FILES | {"test_both.py": broken})
    east, west = BOTH | {"ENVMATRIX_HOST": "east"}, BOTH | {"ENVMATRIX_HOST": "west"}
    assert envmatrix("run", cwd=root, env=east).returncode == 0
    assert envmatrix("run", cwd=root, env=west | {"LEFT": "bad"}).returncode == 1
    disputed = envmatrix("gate", "HEAD", "--json", cwd=root)
    assert (disputed.returncode, set(states(disputed.json).values())) == (1, {"failed"})
    for cell in disputed.json["cells"]:
        assert ("disputed", "failed on west, passed on east") in [(r["code"], r["message"]) for r in cell["reasons"]]
    assert envmatrix("gate", "HEAD", "--format", "gerrit", cwd=root).json["labels"] == {"Verified": -1}
    assert envmatrix("run", cwd=root, env=west).returncode == 0
    settled = envmatrix("gate", "HEAD", cwd=root)
    assert (settled.returncode, "flaky: failed on west in an earlier run" in settled.output) == (0, True), settled
    ahead = f"{datetime.datetime.now(datetime.UTC).year + 1}-01-01T00:00:00.000Z"
    for path in (root / ".envmatrix/evidence").glob("*/*/*.json"):
        record = json.loads(path.read_bytes())
        passed = not any(test["outcome"] == "failed" for test in record["tests"])
        if record["host"]["name"] == "west" and passed:
            path.write_text(json.dumps(record | {"started": ahead, "finished": ahead}))
    told = envmatrix("gate", "HEAD", "--json", cwd=root)
    assert (told.returncode, set(states(told.json).values())) == (1, {"failed"}), told
    assert any(note.startswith("evidence of west is dated in the future") for note in told.json["notes"])


def test_a_merge_has_the_evidence_of_its_own_content(project, envmatrix, git, store):
    root = project(FILES)
    git("checkout", "-q", "-b", "side", cwd=root)
    (root / "left/code.py").write_text("x = 1\n")
    git("commit", "-qam", "side", cwd=root)
    assert envmatrix("run", "--store", store, cwd=root, env=BOTH).returncode == 0
    git("checkout", "-q", "main", cwd=root)
    git("merge", "-q", "--no-ff", "-m", "merge", "side", cwd=root)
    same = envmatrix("gate", "HEAD", "--json", "--store", store, cwd=root)
    assert same.returncode == 0, same
    assert any("whose content is the same" in note for cell in same.json["cells"] for note in cell["notes"])
    assert envmatrix("gate", "HEAD^1", "--store", store, cwd=root).returncode == 3
    assert envmatrix("gate", "HEAD^2", "--store", store, cwd=root).returncode == 0


@pytest.mark.parametrize("args", [("",), ("HEAD", "--policy", "")])
def test_a_variable_that_is_not_set_is_no_revision(project, envmatrix, args):
    """``--policy "$BASE"`` without BASE would judge a change by its own rules."""
    result = envmatrix("gate", *args, cwd=project(FILES))
    assert (result.returncode, result.stdout) == (2, "")
    assert "the revision is empty" in result.stderr


@pytest.mark.parametrize("rev", ["HEAD^{tree}", "HEAD:profiles", "HEAD~1", "HEAD..HEAD", "nowhere"])
def test_what_is_no_commit_is_refused(project, envmatrix, rev):
    root = project(FILES)
    for args in ((rev,), ("HEAD", "--policy", rev)):
        result = envmatrix("gate", *args, cwd=root)
        assert (result.returncode, result.stdout) == (2, ""), result
        assert "is no commit that git can read" in result.stderr


def test_a_revision_whose_configuration_is_wrong_is_named(project, envmatrix, git):
    root = project(FILES | {"profiles/left.toml": "requires = 1\n"})
    git("checkout", "-q", "--orphan", "empty", cwd=root)
    git("rm", "-rqf", ".", cwd=root)
    git("commit", "-q", "--allow-empty", "-m", "empty", cwd=root)
    git("checkout", "-q", "-f", "main", cwd=root)
    wrong = envmatrix("gate", "main", cwd=root)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "in the revision main: profiles/left.toml" in wrong.stderr
    nothing = envmatrix("gate", "empty", cwd=root)
    assert nothing.returncode == 2
    assert "in the revision empty: there is no tox.ini" in nothing.stderr
    assert "/tmp/" not in wrong.stderr + nothing.stderr


def test_a_policy_from_before_there_were_profiles_is_that_of_the_built_in_ones(project, envmatrix, git, store):
    plain = {path: content for path, content in FILES.items() if "profiles" not in path}
    root = project(plain)
    git("tag", "before", cwd=root)
    for path, content in FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(content)
    git("add", "-A", cwd=root)
    git("commit", "-q", "-m", "profiles", cwd=root)
    where = ("--store", store)
    assert envmatrix("run", *where, cwd=root, env=BOTH).returncode == 0
    gate = envmatrix("gate", "HEAD", "--json", "--policy", "before", *where, cwd=root)
    assert (gate.returncode, states(gate.json)) == (3, {"full": "owed", "restricted": "owed"}), gate
    (told,) = [note for note in gate.json["notes"] if "no neutral party" in note]
    assert "removes" not in told
    assert "before has no profiles of its own, so the built-in full, restricted count" in told
    assert {cell["reasons"][0]["remedy"] for cell in gate.json["cells"]} == {"run it on any host"}
    envmatrix("run", "restricted", "full", *where, cwd=root)
    assert envmatrix("gate", "HEAD", "--policy", "before", *where, cwd=root).returncode == 0
