"""Two hosts of which neither can run the whole matrix: what each proves, and what both prove together."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gate_lab import FILES, LEFT, RIGHT, only_index, records, states

ROUNDS = 20


@pytest.fixture
def clone(git, tmp_path):
    """``clone(origin, "name")``: a clone of its own, as each host has one."""

    def make(origin: Path, name: str) -> Path:
        git("clone", "-q", str(origin), name, cwd=tmp_path)
        return tmp_path / name

    return make


def only(store: Path, host: str, into: Path) -> Path:
    """A store with the records of one host."""
    for path in store.glob(f"*/*/{host}-*"):
        target = into / path.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return into


def test_neither_host_passes_alone_and_both_do_together(
    example, clone, envmatrix, without_libvirt, without_mysql, tmp_path
):
    store = tmp_path / "store"
    virt, data = clone(example, "virt"), clone(example, "data")
    on_virt = {"cwd": virt, "env": {"ENVMATRIX_HOST": "virt-host"}, "within": without_mysql}
    on_data = {"cwd": data, "env": {"ENVMATRIX_HOST": "data-host"}, "within": without_libvirt}
    plans = [envmatrix("plan", "--json", **host).json for host in (on_virt, on_data)]
    assert plans[0]["matrix_digest"] == plans[1]["matrix_digest"]
    blocked = [{c["name"] for c in plan["cells"] if c["state"] == "blocked"} for plan in plans]
    assert blocked == [{"mysql"}, {"libvirt"}]
    labels = [set(envmatrix("doctor", "--labels", "jenkins", **host).stdout.split()) for host in (on_virt, on_data)]
    assert [found & {"cap-libvirt", "cap-mysql"} for found in labels] == [{"cap-libvirt"}, {"cap-mysql"}]
    for host in (on_virt, on_data):
        assert envmatrix("run", "--json", "--store", str(store), **host, timeout_s=900).returncode == 3
    for host, owed in (("virt-host", "mysql"), ("data-host", "libvirt")):
        alone = envmatrix("gate", "HEAD", "--json", "--store", str(only(store, host, tmp_path / host)), cwd=example)
        assert alone.returncode == 3, alone
        assert states(alone.json) == {"unit": "passed", "libvirt": "passed", "mysql": "passed"} | {owed: "owed"}
        assert any(owed in test["would_run"] for test in alone.json["ran_nowhere"])
    together = envmatrix("gate", "HEAD", "--json", "--store", str(store), cwd=example)
    assert together.returncode == 0, together
    assert set(states(together.json).values()) == {"passed"}
    assert together.json["ran_nowhere"] == []
    assert together.json["matrix_digest"] == plans[0]["matrix_digest"]
    missing = envmatrix("gate", "HEAD", "--json", "--store", str(store), "--expect", "third-host", cwd=example)
    assert missing.returncode == 3
    assert [breach["code"] for breach in missing.json["breaches"]] == ["host_missing"]


def test_two_hosts_that_start_at_the_same_time_lose_no_evidence(project, clone, envmatrix, clean_env, tmp_path):
    origin = project(FILES)
    west, east = clone(origin, "west"), clone(origin, "east")
    command = [str(Path(sys.executable).with_name("envmatrix")), "-q", "run", "--allow-blocked", "--store"]
    for round_ in range(ROUNDS):
        store = tmp_path / f"store-{round_}"
        started = [
            subprocess.Popen([*command, str(store)], cwd=root, env=clean_env | host, stdout=subprocess.DEVNULL)
            for root, host in ((west, LEFT), (east, RIGHT))
        ]
        assert [process.wait(timeout=300) for process in started] == [0, 0]
        kept = records(store)
        assert [(one["host"]["name"], one["cell"], one["state"]) for one in kept] == [
            ("east", "right", "finished"),
            ("west", "left", "finished"),
        ]
        assert all(len(one["tests"]) == 3 for one in kept)
        assert not list(store.rglob("*.tmp"))
        both = envmatrix("gate", "HEAD", "--json", "--store", str(store), cwd=origin)
        assert both.returncode == 0, both
        assert both.json["ran_nowhere"] == []


@pytest.fixture
def no_index():
    """Settings of pip with which no index can be reached: a port of loopback that is bound and not listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield only_index(f"http://127.0.0.1:{held.getsockname()[1]}/simple", PIP_RETRIES="1")


def test_a_silent_skip_noise_and_an_old_patchset_let_nothing_in(
    example, clone, envmatrix, git, without_libvirt, no_index, tmp_path
):
    """The sequence by which a regression once came in: noise hid it where it could be seen, skips everywhere else."""
    for path in ("profiles/mysql.toml", "tests/test_migrations.py"):
        (example / path).unlink()
    git("commit", "-qam", "The change, patchset 1", cwd=example)
    store = ("--store", str(tmp_path / "store"))
    here, there = clone(example, "a"), clone(example, "b")
    on_a = {"cwd": here, "env": {"ENVMATRIX_HOST": "host-a"}, "timeout_s": 900}
    on_b = {"cwd": there, "env": {"ENVMATRIX_HOST": "host-b"}, "timeout_s": 900, "within": without_libvirt}
    assert envmatrix("run", "libvirt", *store, **on_a).returncode == 0

    def patchset(message: str) -> None:
        git("commit", "-qa", "--amend", "-m", message, cwd=example)
        for host in (here, there):
            git("fetch", "-q", cwd=host)
            git("reset", "-q", "--hard", "origin/main", cwd=host)

    git("apply", "regression.patch", cwd=example)
    patchset("The change, patchset 2")
    unlucky = {**on_a, "env": on_a["env"] | no_index}
    transient = envmatrix("run", "libvirt", "-r", "--retries", "1", "--json", *store, **unlucky)
    assert transient.returncode == 3, transient
    assert [reason["code"] for reason in transient.json["cells"][0]["reasons"]] == ["index_unreachable"]

    with (example / "README.md").open("a") as readme:
        readme.write("\nA remark of a reviewer.\n")
    patchset("The change, patchset 4")
    green = envmatrix("run", "--allow-blocked", "--json", *store, **on_b)
    assert (green.returncode, states(green.json)) == (0, {"unit": "passed", "libvirt": "owed"}), green

    gate = envmatrix("gate", "HEAD", "--json", *store, cwd=example)
    assert gate.returncode == 3, gate
    assert states(gate.json) == {"unit": "passed", "libvirt": "stale"}
    stale = next(cell for cell in gate.json["cells"] if cell["name"] == "libvirt")
    assert "host-a" in stale["reasons"][0]["message"]
    assert "run it on host-a" in stale["reasons"][0]["remedy"]
    named = {test["test"] for test in gate.json["ran_nowhere"]}
    assert sum(name.startswith("tests/test_libvirt_driver.py::") for name in named) >= 2
    assert sum(name.startswith("tests/test_libvirt_errors.py::") for name in named) >= 1
    vote = envmatrix("gate", "HEAD", "--format", "gerrit", *store, cwd=example).json
    assert vote["labels"] == {"Verified": 0}
    assert vote["message"].startswith("Not run: 1 of 2 cells: libvirt (stale")

    assert envmatrix("run", "libvirt", *store, **on_a).returncode == 1
    found = envmatrix("gate", "HEAD", "--json", *store, cwd=example)
    assert found.returncode == 1, found
    assert states(found.json) == {"unit": "passed", "libvirt": "failed"}
    reason = next(cell for cell in found.json["cells"] if cell["name"] == "libvirt")["reasons"][0]
    assert "tests/test_libvirt_driver.py" in reason["message"]
