"""What a change needs is computed by the gate itself, by rules that the change cannot bend."""

from __future__ import annotations

import pytest
from gate_lab import CAPABILITIES, FILES, LEFT, RIGHT, SIDE, states


@pytest.fixture
def changed(project, git):
    """``changed({"left/code.py": …})``: the project with that change on a branch of its own."""

    def make(files: dict[str, str | None]):
        root = project(FILES)
        git("checkout", "-q", "-b", "change", cwd=root)
        for path, content in files.items():
            if content is None:
                (root / path).unlink()
            else:
                (root / path).write_text(content)
        git("add", "-A", cwd=root)
        git("commit", "-q", "-m", "The change", cwd=root)
        return root

    return make


def test_a_change_of_one_side_needs_one_side(changed, envmatrix):
    root = changed({"left/code.py": "x = 1\n"})
    run = envmatrix("run", "--json", "--changed-since", "main", cwd=root, env=LEFT)
    assert run.returncode == 0, run
    assert states(run.json) == {"left": "passed", "right": "not_relevant"}
    gate = envmatrix("gate", "HEAD", "--json", "--changed-since", "main", cwd=root)
    assert gate.returncode == 0, gate
    aside = next(cell for cell in gate.json["cells"] if cell["state"] == "not_relevant")
    assert "right/**" in aside["reasons"][0]["message"]
    assert states(envmatrix("gate", "HEAD", "--json", cwd=root).json) == {"left": "passed", "right": "owed"}
    vote = envmatrix("gate", "HEAD", "--changed-since", "main", "--format", "gerrit", cwd=root)
    assert vote.json["labels"] == {"Verified": 1}
    assert "1 cell not relevant to the change" in vote.json["message"].splitlines()[0]


def test_the_gate_does_not_trust_what_the_runner_left_out(changed, envmatrix):
    root = changed({"left/code.py": "x = 1\n", "right/code.py": "x = 1\n"})
    run = envmatrix("run", "left", "--json", "--changed-since", "HEAD", cwd=root, env=LEFT)
    assert states(run.json) == {"left": "not_relevant"}
    assert envmatrix("run", "left", cwd=root, env=LEFT).returncode == 0
    gate = envmatrix("gate", "HEAD", "--json", "--changed-since", "main", cwd=root)
    assert (gate.returncode, states(gate.json)) == (3, {"left": "passed", "right": "owed"})


def test_what_changed_is_that_of_the_revision_whatever_is_checked_out(changed, envmatrix, git):
    root = changed({"right/code.py": "x = 1\n"})
    git("checkout", "-q", "main", cwd=root)
    gate = envmatrix("gate", "change", "--json", "--changed-since", "main", cwd=root)
    assert (gate.returncode, states(gate.json)) == (3, {"left": "not_relevant", "right": "owed"})


@pytest.mark.parametrize("path", ["profiles/left.toml", "tox.ini", "requirements.txt"])
def test_a_change_of_the_rules_needs_everything(changed, envmatrix, path):
    root = changed({path: FILES.get(path, "") + "# a remark\n"})
    gate = envmatrix("gate", "HEAD", "--json", "--changed-since", "main", cwd=root)
    assert (gate.returncode, states(gate.json)) == (3, {"left": "owed", "right": "owed"})
    told = [note for note in gate.json["notes"] if "judged by its own rules" in note]
    assert bool(told) == (path != "requirements.txt")


def test_an_unknown_base_needs_everything_and_says_so(changed, envmatrix):
    root = changed({"left/code.py": "x = 1\n"})
    for verb in (("plan",), ("gate", "HEAD")):
        result = envmatrix(*verb, "--json", "--changed-since", "no-such-branch", cwd=root, env=LEFT | RIGHT)
        if verb == ("gate", "HEAD"):
            assert states(result.json) == {"left": "owed", "right": "owed"}
            assert any("no-such-branch" in note for note in result.json["notes"])
        else:
            assert {cell["state"] for cell in result.json["cells"]} == {"runnable"}


def test_what_is_staged_is_planned_and_gated_alone(project, envmatrix, git):
    root = project(FILES)
    (root / "left/code.py").write_text("x = 1\n")
    (root / "right/code.py").write_text("x = 1\n")
    git("add", "left/code.py", cwd=root)
    run = envmatrix("run", "--json", "--staged", cwd=root, env=LEFT)
    assert (run.returncode, states(run.json)) == (0, {"left": "passed", "right": "not_relevant"}), run
    gate = envmatrix("gate", "--json", "--staged", cwd=root)
    assert (gate.returncode, states(gate.json)) == (0, {"left": "passed", "right": "not_relevant"}), gate
    assert gate.json["dirty"] is True


WEAK = SIDE.format(side="left").replace('requires = ["left"]\nmust_run = ["*test_left"]\n', "")


@pytest.mark.parametrize(
    ("files", "told", "missing"),
    [
        ({"profiles/left.toml": WEAK}, "edits left", "must_run"),
        ({"profiles/left.toml": None}, "removes left", "owed"),
        (
            {
                "profiles/left.toml": WEAK,
                "tox.ini": FILES["tox.ini"].replace("test_both", "test_both.Case.test_everywhere"),
            },
            "edits left; edits tox settings",
            "must_run",
        ),
        ({"profiles/left.toml": SIDE.format(side="left").replace("true", "false")}, "edits left", "owed"),
        ({"profiles/capabilities.toml": CAPABILITIES.replace("LEFT", "HOME")}, "capabilities", "capability_skip"),
        (
            {
                "profiles/left.toml": SIDE.format(side="left").replace('requires = ["left"]\n', ""),
                "test_both.py": FILES["test_both.py"].replace('os.environ.get("LEFT")', '"whatever is there"'),
            },
            "edits left",
            "requirement_unmet",
        ),
    ],
    ids=["promises-less", "removes-a-profile", "runs-others", "is-not-required", "another-capability", "asks-less"],
)
def test_a_change_cannot_weaken_its_own_gate(changed, envmatrix, git, files, told, missing):
    root = changed(files)
    assert envmatrix("run", "--allow-blocked", cwd=root, env=RIGHT).returncode in (0, 3)
    gate = envmatrix("gate", "HEAD", "--json", "--policy", "main", cwd=root)
    commit = git("rev-parse", "main", cwd=root)
    assert f"the policy is that of refs/heads/main, commit {commit}" in gate.json["notes"]
    assert any("no neutral party" in note and told in note for note in gate.json["notes"]), gate
    left = next(cell for cell in gate.json["cells"] if cell["name"] == "left")
    assert gate.returncode == 3, gate
    assert missing in {breach["code"] for breach in gate.json["breaches"]} | {left["state"]}, gate
    first = envmatrix("gate", "HEAD", "--policy", "main", "--format", "markdown", cwd=root).stdout.splitlines()[0]
    assert first.startswith("**Not run: "), first


def test_every_vote_says_first_what_was_not_run(project, envmatrix):
    everything = FILES["test_both.py"].partition('    @unittest.skipUnless(os.environ.get("RIGHT")')[0]
    files = {name: content for name, content in FILES.items() if "right" not in name}
    root = project(files | {"test_both.py": everything})
    for told in first_lines(envmatrix, root, code=3).values():
        assert told.startswith("Not run: 1 of 1 cell: left (owed"), told
    assert envmatrix("run", cwd=root, env=LEFT).returncode == 0
    for told in first_lines(envmatrix, root, code=0).values():
        assert told == "Not run: nothing; all of 1 cell and 2 tests ran."
    junit = envmatrix("gate", "--format", "junit", cwd=root)
    assert 'failures="0"' in junit.stdout
    (root / "left/code.py").write_text("x = 2\n")
    assert "<error" in envmatrix("gate", "--format", "junit", cwd=root).stdout


def test_a_vote_is_about_a_commit_and_about_the_change(project, envmatrix):
    """Not about what lies in a checkout beside it, and not about a host that is silent."""
    root = project(FILES)
    assert envmatrix("run", cwd=root, env=LEFT | RIGHT).returncode == 0
    vote = envmatrix("gate", "--format", "gerrit", cwd=root)
    assert vote.json["labels"] == {"Verified": 1}
    silent = envmatrix("gate", "--expect", "jenkins-*", "--format", "gerrit", cwd=root)
    assert (silent.returncode, silent.json["labels"]) == (3, {"Verified": 0})
    assert silent.json["message"].splitlines()[0].startswith("Not run: 1 expected report did not come")
    (root / "left/code.py").write_text("x = 2\n")
    assert envmatrix("run", cwd=root, env=LEFT | RIGHT).returncode == 0
    of_disk = envmatrix("gate", "--format", "gerrit", cwd=root)
    assert (of_disk.returncode, of_disk.json["labels"]) == (0, {"Verified": 0})
    assert envmatrix("gate", "--format", "github-check", cwd=root).json["conclusion"] == "action_required"
    assert envmatrix("gate", "HEAD", "--format", "gerrit", cwd=root).json["labels"] == {"Verified": 1}


def first_lines(envmatrix, root, code):
    """The first line that a reader of each vote sees."""
    found = {}
    for format_ in ("markdown", "github", "gitlab", "gerrit", "github-check"):
        result = envmatrix("gate", "--format", format_, cwd=root)
        assert result.returncode == code, result
        text = result.stdout
        if format_ == "gerrit":
            text = result.json["message"]
        elif format_ == "github-check":
            text = result.json["output"]["summary"]
        found[format_] = text.splitlines()[0].strip("*")
    return found
