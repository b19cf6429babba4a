"""The pre-commit hook with the real pre-commit, on a real repository, as a user's configuration names it."""

import re
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
CONFIG = "repos:\n  - repo: {repository}\n    rev: {rev}\n    hooks:\n      - id: envmatrix\n"
TEST = "import unittest\n\nclass Tests(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual({}, 1)\n"
FILES = {
    "tox.ini": "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n",
    "test_it.py": TEST.format(1),
    "README": "Hello\n",
    "profiles/unit.toml": 'extends = "restricted"\n[relevant]\npaths = ["*.py"]\n',
    ".gitignore": "__pycache__/\n.tox/\n",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """envmatrix as a repository of its own with a tag, made of what is on disk here."""
    import shutil
    import subprocess

    folder = tmp_path_factory.mktemp("published") / "envmatrix"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".tox", "__pycache__", ".*cache*", "*.egg-info", "build", "dist", ".hypothesis"
    )
    shutil.copytree(REPOSITORY, folder, ignore=left_out, symlinks=True)
    person = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*person, "commit", "-qm", "x"), ("tag", "v0")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where pre-commit keeps what it installed, for all tests of this file."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def commit(project, published, home, execute, git, clean_env):
    """A project with the hook installed, and ``commit(changes)``: the Result of committing them."""
    root = project({**FILES, ".pre-commit-config.yaml": CONFIG.format(repository=published, rev="v0")})
    programs = Path(sys.executable).parent
    env = {"PRE_COMMIT_HOME": str(home), "PATH": f"{programs}:{clean_env['PATH']}"}
    env |= {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    env |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}
    installed = execute("pre-commit", "install", "--install-hooks", cwd=root, env=env, timeout_s=600)
    assert installed.returncode == 0, installed

    def run(changes):
        for place, text in changes.items():
            (root / place).write_text(text)
        git("add", "-A", cwd=root)
        return execute("git", "commit", "-m", "A change", cwd=root, env=env)

    return run


def test_the_hook_lets_in_what_passes_and_keeps_out_what_does_not(commit):
    passed = commit({"test_it.py": TEST.format("2 - 1")})
    assert passed.returncode == 0, passed
    assert re.search(r"^envmatrix\.+Passed$", passed.output, re.MULTILINE)
    assert "CELLS" not in passed.output  # quiet when passed
    failed = commit({"test_it.py": TEST.format(2)})
    assert failed.returncode == 1, failed
    assert re.search(r"^envmatrix\.+Failed$", failed.output, re.MULTILINE)
    assert "exit code: 1" in failed.output
    assert "AssertionError: 2 != 1" in failed.output


def test_a_commit_that_touches_nothing_relevant_starts_no_tox(commit):
    begun = time.monotonic()
    result = commit({"README": "Hello again\n"})
    took = time.monotonic() - begun
    assert result.returncode == 0, result
    assert re.search(r"^envmatrix\.+Passed$", result.output, re.MULTILINE)
    assert took < 15  # pre-commit's and git's own start on a busy machine; the figure is in docs/performance.md


def test_what_cannot_run_here_keeps_the_commit_out_and_says_why(commit):
    result = commit({"profiles/queue.toml": 'extends = "restricted"\nservices = ["rabbitmq"]\n', "test_it.py": "\n"})
    assert result.returncode == 1, result
    assert "exit code: 3" in result.output
    assert "rabbitmq" in result.output


def test_it_can_be_tried_before_it_is_configured(project, published, home, execute, git, clean_env):
    root = project(FILES)
    (root / "test_it.py").write_text(TEST.format("3 - 2"))
    git("add", "-A", cwd=root)
    env = {"PRE_COMMIT_HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{clean_env['PATH']}"}
    result = execute("pre-commit", "try-repo", published, "envmatrix", cwd=root, env=env, timeout_s=600)
    assert result.returncode == 0, result
