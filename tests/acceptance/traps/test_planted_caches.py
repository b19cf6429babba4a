"""Files that a commit, or anything else, puts into the cache: they are unknown, and never an error of the tool."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

INI = "[testenv]\nskip_install = true\ncommands = python -m unittest -q test_a\n"
TEST = "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
MUTATIONS = 200
VALUES = [None, True, 0, -1, 1e300, "", "\0", "x" * 5000, "/etc", [], {}, [[]], {"": None}, "\ud800"]
PLANTED = [
    b"",
    b"{}",
    b"null",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe",
    b'"\\ud800"',
    b'{"seal":"","content":{}}',
]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Change a JSON document: some of its bytes, its length, or one of its values."""
    kind = chance.randrange(4)
    if kind == 0:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 1:
        return content[: chance.randrange(len(content))]
    document = json.loads(content)
    place, key = chance.choice(list(_places(document)))
    if kind == 2:
        del place[key]
    else:
        place[key] = chance.choice(VALUES)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def test_a_file_of_the_cache_of_any_content_is_unknown(
    project: Callable[..., Path], envmatrix: Callable[..., Any], clean_env: dict[str, str]
) -> None:
    root = project({"tox.ini": INI, "test_a.py": TEST})
    assert envmatrix("run", "restricted", cwd=root).returncode == 0
    place = root / ".envmatrix" / "cache" / "warm" / "restricted.json"
    known = place.read_bytes()
    assert "without tox" in envmatrix("explain", "restricted", cwd=root).stdout
    for number in range(MUTATIONS):
        place.write_bytes(mutate(known, random.Random(number)))
        found = envmatrix("explain", "restricted", "--json", cwd=root)
        assert found.returncode == 0 and "this is a bug" not in found.stderr, (number, found)
        assert found.json["way"].startswith("through tox") or place.read_bytes() == known, (number, found)
    place.write_bytes(known)
    assert "without tox" in envmatrix("explain", "restricted", cwd=root).stdout  # in its own place it is known again


@pytest.mark.parametrize("number", range(len(PLANTED)))
def test_a_run_with_planted_files_goes_through_tox(
    project: Callable[..., Path], envmatrix: Callable[..., Any], number: int
) -> None:
    root = project({"tox.ini": INI, "test_a.py": TEST})
    envmatrix("run", "restricted", cwd=root)
    for path in (root / ".envmatrix" / "cache").rglob("*.json"):
        path.write_bytes(PLANTED[number])
    result = envmatrix("run", "restricted", cwd=root)
    assert (result.returncode, "without tox" in result.stderr) == (0, False), result


@pytest.mark.parametrize("kind", ["copy", "link", "fifo", "directory"])
def test_a_file_that_is_not_our_own_is_unknown(
    project: Callable[..., Path], envmatrix: Callable[..., Any], kind: str
) -> None:
    root = project({"tox.ini": INI, "test_a.py": TEST})
    envmatrix("run", "restricted", cwd=root)
    place = root / ".envmatrix" / "cache" / "warm" / "restricted.json"
    other = place.with_name("other.json")
    other.write_bytes(place.read_bytes())
    place.unlink()
    if kind == "copy":
        other.rename(place)
    elif kind == "link":
        place.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.mkdir()
    result = envmatrix("run", "restricted", cwd=root, timeout_s=60)
    assert (result.returncode, "without tox" in result.stderr) == (0, False), result


@pytest.fixture
def sealed_checkout(project: Callable[..., Path], tmp_path: Path) -> Iterator[Path]:
    """A checkout that is mounted read-only. Needs root."""
    root = project({"tox.ini": INI, "test_a.py": TEST})
    subprocess.run(["mount", "--bind", root, root], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
    yield root
    subprocess.run(["umount", "--lazy", root], check=True)


@pytest.mark.parametrize("kind", ["own", "link", "another user's", "open to all", "inner link"])
def test_locks_of_a_read_only_checkout_lie_in_a_directory_of_this_user(
    sealed_checkout: Path, envmatrix: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    shared, target = tmp_path / "tmp", tmp_path / "target"
    shared.mkdir()
    target.mkdir()
    place = shared / f"envmatrix-locks-{os.getuid()}"
    if kind == "link":
        place.symlink_to(target)
    elif kind != "own":
        place.mkdir(mode=0o700)
    if kind == "another user's":
        os.chown(place, 65534, 65534)
    elif kind == "open to all":
        place.chmod(0o777)
    variables = {
        "TMPDIR": str(shared),
        "TOX_WORK_DIR": str(tmp_path / "work"),
        "ENVMATRIX_STORE": str(tmp_path / "store"),
    }
    variables = {name: str(path) for name, path in variables.items()}
    if kind == "inner link":
        first = envmatrix("run", "restricted", cwd=sealed_checkout, env=variables)
        assert first.returncode == 0, first
        (inner,) = place.iterdir()
        (lock,) = inner.iterdir()
        lock.unlink()
        lock.symlink_to(target / "made")
    result = envmatrix("run", "restricted", cwd=sealed_checkout, env=variables)
    assert (result.returncode == 0) == (kind == "own"), result
    assert "this is a bug" not in result.stderr, result
    assert not list(target.iterdir())
