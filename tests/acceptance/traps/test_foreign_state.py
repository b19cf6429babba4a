"""A checkout is foreign input: a commit's files in the state directory make no verb touch anything outside of it."""

import json
import platform
import shutil
import subprocess

import pytest

TOX = "[tox]\nskipsdist = true\n[testenv]\ncommands = python -m unittest -v test_it\n"
TEST = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
LINKS = [
    ".envmatrix",
    ".envmatrix/runs",
    ".envmatrix/services",
    ".envmatrix/cache",
    ".envmatrix/evidence",
    ".envmatrix/locks",
    ".envmatrix/building",
    ".envmatrix/cache/bytecode",
    ".envmatrix/cache/warm",
    ".envmatrix/cache/passed",
    ".envmatrix/cache/standing",
]
VERBS = [("clean",), ("clean", "--runs"), ("run", "restricted")]


@pytest.fixture
def treasure(tmp_path):
    """A folder of the user's, and a function that tells whether all of it is still as it was."""
    folder = tmp_path / "treasure"
    for name in ("thesis.py", "runs/20260101T000000Z-abcdef/thesis.txt", "warm/restricted.json", "x.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)

    def listed():
        return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))

    before = listed()
    return folder, lambda: listed() == before


@pytest.fixture
def checkout(project):
    return project({"tox.ini": TOX, "test_it.py": TEST})


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("place", LINKS)
def test_a_link_in_the_state_directory_is_refused(checkout, envmatrix, treasure, place, verb):
    folder, untouched = treasure
    link = checkout / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder)
    result = envmatrix(*verb, cwd=checkout)
    assert untouched(), result
    assert result.returncode == 2, result
    assert f"{link}: is a symbolic link" in result.stderr
    link.unlink()
    assert envmatrix(*verb, cwd=checkout).returncode == 0


def entry(folder, **fields):
    usual = {"token": "0123abcd", "service": "mysql", "cell": "c", "folder": str(folder)}
    return usual | {"owner_pid": 1, "owner_started": "1", "host": platform.node()} | fields


FORGED = {
    "an empty token": lambda folder: entry(folder, token=""),
    "a token that ends the name": lambda folder: entry(folder, token=folder.name[-8:]),
    "a token of another form": lambda folder: entry(folder, token="treasure"),
    "an unknown service": lambda folder: entry(folder, service="treasure"),
    "another folder's name": lambda folder: entry(folder),
    "a way back": lambda folder: entry(f"{folder.parent}/envmatrix-mysql-0123abcd/../treasure"),
    "a way back at its end": lambda folder: entry(f"{folder}/x/envmatrix-mysql-0123abcd/.."),
    "a relative path": lambda folder: entry("envmatrix-mysql-0123abcd"),
    "the root": lambda folder: entry("/", token=""),
    "no object": lambda folder: [str(folder)],
}


@pytest.mark.parametrize("name", ["0123abcd", "", "x"])
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_an_entry_that_no_run_wrote_removes_nothing(checkout, envmatrix, treasure, forged, name):
    folder, untouched = treasure
    services = checkout / ".envmatrix/services"
    services.mkdir(parents=True)
    (services / f"{name}.json").write_text(json.dumps(forged(folder)))
    result = envmatrix("clean", cwd=checkout)
    assert result.returncode == 0, result
    assert untouched(), result


def test_a_folder_of_the_right_name_that_is_a_link_is_left_alone(checkout, envmatrix, treasure, tmp_path):
    folder, untouched = treasure
    link = tmp_path / "envmatrix-mysql-0123abcd"
    link.symlink_to(folder)
    services = checkout / ".envmatrix/services"
    services.mkdir(parents=True)
    (services / "0123abcd.json").write_text(json.dumps(entry(link)))
    envmatrix("clean", cwd=checkout)
    assert untouched()
    assert link.is_symlink()


def test_a_forged_entry_ends_no_process(checkout, envmatrix, tmp_path):
    """A process with a daemon's name that works in the folder which the entry names is the user's own."""
    daemon = tmp_path / "redis-server"
    shutil.copy(shutil.which("sleep"), daemon)
    services = checkout / ".envmatrix/services"
    services.mkdir(parents=True)
    with subprocess.Popen([daemon, "60"], cwd=tmp_path) as running:
        for token, name in (("", "x"), ("0123abcd", "0123abcd")):
            (services / f"{name}.json").write_text(json.dumps(entry(tmp_path, token=token, service="redis")))
        envmatrix("clean", cwd=checkout)
        alive = running.poll() is None
        running.kill()
    assert alive


def test_clean_removes_runs_and_nothing_else_beside_them(checkout, envmatrix):
    assert envmatrix("run", "restricted", cwd=checkout).returncode == 0
    assert envmatrix("run", "restricted", cwd=checkout).returncode == 0
    kept = checkout / ".envmatrix/runs/notes"
    kept.mkdir()
    (kept / "thesis.txt").write_text("mine")
    result = envmatrix("clean", "--runs", cwd=checkout)
    assert result.stdout.count("removed: ") == 1, result
    assert (kept / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "verb", [("plan",), ("explain", "restricted"), ("doctor",), ("run", "restricted")], ids=" ".join
)
def test_what_a_verb_keeps_in_the_checkout_is_out_of_gits_sight(checkout, envmatrix, verb):
    envmatrix(*verb, cwd=checkout)
    listed = subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True, text=True, check=True)
    assert ".envmatrix" not in listed.stdout
