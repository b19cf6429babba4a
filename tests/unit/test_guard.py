import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "touch",
    [
        lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.system("true"),
        os.fork,
    ],
)
def test_starting_a_process_raises(touch):
    with pytest.raises(AssertionError, match="starts no process"):
        touch()


def test_the_network_is_out_of_reach():
    with socket.socket() as client, pytest.raises(AssertionError, match="touches no network"):
        client.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    "touch", [lambda path: path.read_text(), lambda path: path.mkdir(), lambda path: list(path.iterdir())]
)
def test_the_home_directory_is_out_of_reach(touch):
    with pytest.raises(AssertionError, match="home directory"):
        touch(Path.home() / "of-a-unit-test")


def test_temporary_folders_and_the_repository_are_free(tmp_path):
    (tmp_path / "a").write_text("b")
    assert Path(__file__).read_text()
