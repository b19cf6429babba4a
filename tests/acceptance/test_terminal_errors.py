"""Every known error as a person sees it: one sentence, what to do next, the exit code, and no traceback."""

import re
from pathlib import Path

import pytest

TOX = "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n"
TEST = "import unittest\nclass Tests(unittest.TestCase):\n    def test_a(self): pass\n"
BASE = {"tox.ini": TOX, "test_it.py": TEST, "profiles/one.toml": 'extends = "restricted"\n'}
BROKEN_SERVER = "#!/bin/sh\ncase $* in *version*) echo 'Redis server v=7.0.0';; *) echo broken >&2; exit 1;; esac\n"

# class: (files, command, what is read, exit code)
ERRORS = {
    "EnvmatrixError": (BASE, ("-C", "nowhere", "list"), "-C nowhere: there is no such folder", 2),
    "ConfigError": ({**BASE, "profiles/one.toml": "extendz = 3\n"}, ("plan",), "profiles/one.toml:1: extendz", 2),
    "UnknownNameError": (BASE, ("run", "oen"), "oen: no profile and no cell has this name", 2),
    "NothingToRunError": ({}, ("run",), "let `envmatrix init` write one", 2),
    "UnknownFormatError": (BASE, ("run", "--format", "pdf"), "there is no format 'pdf'; choose one of", 2),
    "ToxListError": (
        {**BASE, "tox.ini": "[tox]\nenv_list = {[missing\n" + TOX + "[testenv:a]\nbase = b\n[testenv:b]\nbase = a\n"},
        ("list", "--tox"),
        "tox could not list its environments",
        2,
    ),
    "NoEvidenceError": (BASE, ("report", "deadbeef"), "deadbeef: neither a file nor evidence nor a tree", 2),
    "NoRunError": (BASE, ("report",), "there is no last run here to report on; `envmatrix run` makes one", 2),
    "PruneError": (BASE, ("evidence", "prune"), "say what to keep", 2),
    "UnknownRevisionError": (BASE, ("gate", "deadbeef"), "'deadbeef' is no commit", 2),
    "UnknownBaseError": (BASE, ("plan", "--changed-since", "deadbeef"), "there is no commit 'deadbeef'", 0),
    "StoreUrlError": (BASE, ("evidence", "--store", "nosuch://x", "list"), "the store's address nosuch://x", 2),
    "NoSuchEvidenceError": (BASE, ("evidence", "show", "deadbeef"), "there is no evidence deadbeef", 2),
    "StoreError": (BASE, ("run", "one", "--store", "/dev/null/x"), "this evidence was not kept", 4),
    "InternalError": (BASE, ("run", "one"), "The test recorders cannot be written", 3),
    "ServiceError": ({**BASE, "profiles/one.toml": 'services = ["redis"]\n'}, ("run", "one"), "redis", 3),
}


def classes():
    """The names of all errors in the sources that are known ones."""
    known = {"EnvmatrixError"}
    text = "".join(path.read_text() for path in (Path(__file__).parents[2] / "envmatrix").rglob("*.py"))
    pairs = re.findall(r"^class (\w+)\((\w+)\):", text, re.MULTILINE)
    while more := {name for name, base in pairs if base in known} - known:
        known |= more
    return known


def test_every_class_of_errors_is_shown_here():
    assert classes() == set(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_sentence_with_the_next_step(name, project, envmatrix, tmp_path):
    files, command, said, code = ERRORS[name]
    root = project(files)
    env = {}
    if name == "InternalError":
        assert envmatrix("run", "one", cwd=root).returncode == 0
        (recorder,) = root.glob(".tox/one/lib/python*/site-packages/_envmatrix")
        for path in recorder.iterdir():
            path.unlink() if path.is_file() else None
        recorder.rename(tmp_path / "moved")
        recorder.write_text("in the way")
    if name == "ServiceError":
        server = tmp_path / "bin" / "redis-server"
        server.parent.mkdir()
        server.write_text(BROKEN_SERVER)
        server.chmod(0o755)
        env["PATH"] = f"{server.parent}:/usr/local/bin:/usr/bin:/bin"
    result = envmatrix(*command, cwd=root, env=env)
    assert result.returncode == code, result
    assert said in " ".join(result.output.split()), result
    assert "Traceback" not in result.output
    assert "bug in envmatrix" not in result.output
    if code == 2:
        assert re.search(r"`(envmatrix|git|tox) [^`]+`", result.stderr), result.stderr
