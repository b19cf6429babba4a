"""Two runs at once on one checkout, and checkouts and disks that do not let us write.

``RUN_PAIRS=200 pytest tests/acceptance/test_concurrent.py`` is the long form.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAIRS = int(os.environ.get("RUN_PAIRS", "20"))
TOOL = str(Path(sys.executable).with_name("envmatrix"))
TOX_INI = "[tox]\nenv_list = a, b\n[testenv]\nskip_install = true\ncommands = python -m unittest -q test_a\n"
TEST = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that each pair of runs shares."""
    root = tmp_path_factory.mktemp("shared")
    (root / "tox.ini").write_text(TOX_INI)
    (root / "test_a.py").write_text(TEST)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.mark.parametrize("seed", range(PAIRS))
def test_two_runs_at_once_break_nothing(seed: int, shared: Path, clean_env: dict[str, str]) -> None:
    chance = random.Random(seed)
    if chance.random() < 0.4:
        shutil.rmtree(shared / ".tox", ignore_errors=True)
    pair = []
    for _ in range(2):
        more = chance.choice([[], ["--no-warm"], ["--recreate"], ["--missing"]])
        args = [TOOL, "run", "--json", "-j", chance.choice(["1", "2"]), "tox:a", "tox:b", *more]
        pair.append(
            subprocess.Popen(args, cwd=shared, env=clean_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        time.sleep(chance.uniform(0, 0.5))
    for process in pair:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (process.args, out, err)
        assert {cell["state"] for cell in json.loads(out)["cells"]} == {"passed"}


@pytest.mark.parametrize("free_kb", [0, 4, 16, 40, 100, 200])
def test_a_full_disk_is_said_and_survived(
    free_kb: int, project: Callable[..., Path], execute: Callable[..., Any], tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    script = f"""
        mount -t tmpfs -o size=4m none {small} && cp -r {root}/. {small} && cd {small} || exit 99
        dd if=/dev/zero of=.git/fill bs=1k count=$(($(df -k --output=avail . | tail -1) - {free_kb})) 2>/dev/null
        "$@"
    """
    within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "full-disk")
    result = execute(*within, TOOL, "run", "tox:a", cwd=root)
    assert "this is a bug" not in result.output, result
    assert "No space left" in result.output or "disk is full" in result.output, result
    assert result.returncode in (1, 3, 4), result


def test_a_disk_that_fills_while_cells_run_fails_no_test(
    project: Callable[..., Path], execute: Callable[..., Any], tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    fills = (
        "commands = python -m unittest -q test_a\n    python -c \"open('big.{env_name}', 'wb').write(bytes(6000000))\""
    )
    test = "import unittest\n\n\nclass Case(unittest.TestCase):\n"
    test += "".join(f"    def test_{n}(self):\n        print('x' * 20000)\n\n" for n in range(300))
    ini = f"[tox]\nenv_list = a, b, c\n[testenv]\nskip_install = true\n{fills}\n"
    root = project({"tox.ini": ini, "test_a.py": test, ".gitignore": "big.*\n"})
    script = f"""
        mount -t tmpfs -o size=24m none {small} && cp -r {root}/. {small} && cd {small} || exit 99
        "$@"
    """
    within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "full-disk")
    result = execute(*within, TOOL, "run", "-j3", "tox:a", "tox:b", "tox:c", cwd=root)
    assert "this is a bug" not in result.output, result
    assert "the disk is full" in result.stdout, result
    assert "the process died" not in result.stdout, result
    assert (result.returncode, "FAILED" in result.stdout) == (3, False), result


def test_a_read_only_checkout_runs_with_its_environments_elsewhere(
    project: Callable[..., Path], execute: Callable[..., Any], tmp_path: Path
) -> None:
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    script = f'mount --bind -o ro {root} {root} && mount -o remount,ro,bind {root} && cd {root} && "$@"'
    within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "read-only")
    environ = {"TOX_WORK_DIR": str(tmp_path / "work"), "PYTHONDONTWRITEBYTECODE": "1"}
    result = execute(*within, TOOL, "run", "tox:a", cwd=root, env=environ)
    assert "1 of 1 cell passed" in result.stdout, result
    assert "this is a bug" not in result.output, result


def test_no_home_and_a_clock_that_was_set_back(project: Callable[..., Path], clean_env: dict[str, str]) -> None:
    root = project({"tox.ini": TOX_INI, "test_a.py": TEST})
    for path in root.rglob("*.*"):
        os.utime(path, (4_000_000_000, 4_000_000_000))  # from a future that the clock no longer knows
    environ = {name: value for name, value in clean_env.items() if name != "HOME"}
    for _ in range(2):
        done = subprocess.run(
            [TOOL, "run", "tox:a"], cwd=root, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done
