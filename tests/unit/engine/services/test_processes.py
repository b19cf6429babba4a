import os

import pytest

from envmatrix.engine.services import processes

FOLDER = "/tmp/envmatrix-redis-0a1b2c3d"


def ours(**properties):
    known = {"environ": {}, "name": "bash", "cwd": "/", "arguments": []}
    return processes.is_ours("0a1b2c3d", FOLDER, **{**known, **properties})


@pytest.mark.parametrize(
    "properties",
    [
        {"environ": {processes.MARK: "0a1b2c3d"}, "name": "python"},
        {"name": "postgres", "cwd": f"{FOLDER}/tmp1"},
        {"name": "redis-server", "cwd": FOLDER},
        {"name": "mariadbd", "arguments": ["mariadbd", f"--datadir={FOLDER}/tmp1/data"]},
        {"name": "postgres: writer", "cwd": f"{FOLDER}/tmp1"},
    ],
)
def test_keeper_and_daemons_are_known(properties):
    assert ours(**properties)


@pytest.mark.parametrize(
    "properties",
    [
        {"environ": {processes.MARK: "another"}},
        {"cwd": FOLDER},
        {"name": "less", "arguments": ["less", f"{FOLDER}/log"]},
        {"name": "postgres", "cwd": "/var/lib/postgresql/15/main"},
        {"name": "postgres", "cwd": f"{FOLDER}2/tmp1"},
        {"name": "redis-server", "arguments": ["redis-server", "*:6379"]},
    ],
)
def test_a_shell_in_the_folder_and_other_daemons_are_not_ours(properties):
    assert not ours(**properties)


def test_identity_is_stable_and_empty_for_no_process():
    assert processes.identity(os.getpid()) == processes.identity(os.getpid()) != ""
    assert processes.identity(2**22 + 1) == ""
