"""pip's configuration says where packages come from, whichever of pip and uv builds an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_index import publish

from envmatrix.engine.install.pip_config import read_settings

INI = """\
[tox]
env_list = a
[testenv]
skip_install = true
pass_env = XDG_*
deps = envmatrix-sample
commands = python -c "import envmatrix_sample"
"""
FILES = ("dirs/pip/pip.conf", "home/.pip/pip.conf", "config/pip/pip.conf", "own.conf")


@pytest.fixture
def index(tmp_path: Path) -> str:
    """The address of an index with one package, which no other index has."""
    publish(tmp_path / "index", "envmatrix_sample", "1.0")
    return (tmp_path / "index" / "simple").as_uri()


def _of_pip(folder: Path) -> dict[str, str]:
    """The variables of a user whose configuration of pip is in the folder."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "XDG_"))}
    return {
        **plain,
        "HOME": str(folder / "home"),
        "XDG_CONFIG_DIRS": str(folder / "dirs"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


@pytest.mark.parametrize("plugins", ["tox-uv,", ""], ids=["pip", "uv"])
def test_the_index_of_the_machines_pip_is_that_of_every_cell(envmatrix, project, index, tmp_path, plugins):
    conf = tmp_path / "xdg" / "pip" / "pip.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f"[global]\nindex-url = {index}\n")
    env = {"XDG_CONFIG_DIRS": str(tmp_path / "xdg"), "TOX_DISABLED_EXTERNAL_PLUGINS": f"{plugins}nothing"}
    root = project({"tox.ini": INI})
    planned = envmatrix("plan", "tox:a", cwd=root, env=env)
    assert planned.returncode == 0, planned
    result = envmatrix("run", "tox:a", cwd=root, env=env)
    assert result.returncode == 0, result
    assert list(root.glob(".tox/a/lib/*/site-packages/envmatrix_sample-1.0.dist-info"))


@pytest.mark.parametrize("number", range(1, 1 << len(FILES)))
def test_of_several_files_the_one_counts_that_counts_for_pip(tmp_path, number):
    for at, name in enumerate(FILES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if number & 1 << at:
            path.write_text(f"[global]\nindex-url = file:///nowhere/{at}\n")
    variables = {**_of_pip(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "own.conf")}
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", tmp_path, "envmatrix-nothing"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert f"Looking in indexes: {read_settings(variables)['index-url']}\n" in done.stdout, done
