from __future__ import annotations

import os
from pathlib import Path

import pytest

from envmatrix.vcs.content import hash_content, hash_files, is_dropping
from envmatrix.vcs.git import extract_complaint
from envmatrix.vcs.worktree import _SPECIAL, _parse_status


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    "path",
    [
        ".tox/py311/bin/python",
        ".envmatrix/evidence/x.json",
        "pkg/__pycache__/a.cpython-311.pyc",
        "a.pyc",
        ".coverage",
        ".coverage.host.12",
        "pkg.egg-info",
        "src/pkg.egg-info/PKG-INFO",
        "build/lib/pkg/a.py",
        "build/bdist.linux-x86_64/x",
        ".stestr/0",
    ],
)
def test_what_a_run_leaves_behind_is_no_content(path: str) -> None:
    assert is_dropping(path)


@pytest.mark.parametrize(
    "path", ["a.py", "build/ci.sh", "src/build/lib/x.py", ".env", "coverage.py", "dist/x", "tox.ini"]
)
def test_everything_else_is_content(path: str) -> None:
    assert not is_dropping(path)


def test_content_id_is_that_of_paths_bytes_and_modes(tmp_path: Path) -> None:
    root = make(tmp_path / "a", {"x.py": "1", "d/y.py": "2"})
    same = make(tmp_path / "b", {"d/y.py": "2", "x.py": "1", ".tox/z": "3", "d/__pycache__/y.pyc": ""})
    first, unreadable = hash_content(root)
    assert first.startswith("content-sha256:")
    assert unreadable == ()
    assert hash_content(same)[0] == first
    seen = {first}
    for change in (
        lambda: (root / "x.py").write_text("2"),
        lambda: (root / "x.py").chmod(0o755),
        lambda: (root / "x.py").rename(root / "w.py"),
        lambda: (root / "link").symlink_to("w.py"),
        lambda: ((root / "link").unlink(), (root / "link").symlink_to("d")),
        lambda: os.mkfifo(root / "pipe"),
    ):
        change()
        seen.add(hash_content(root)[0])
    assert len(seen) == 7


def test_a_virtual_environment_is_no_content(tmp_path: Path) -> None:
    root = make(tmp_path, {"x.py": "1"})
    before = hash_content(root)
    make(root, {"myenv/pyvenv.cfg": "", "myenv/lib/a.py": "1"})
    assert hash_content(root) == before


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "a", {"x.py": "1"})
    (root / "loop").symlink_to(root)
    assert hash_content(root)[0].startswith("content-sha256:")


def test_the_same_names_cannot_be_split_otherwise(tmp_path: Path) -> None:
    one = make(tmp_path / "one", {"a": "", "b": "x"})
    two = make(tmp_path / "two", {"a\n1:b": "", "b": "x"})
    assert hash_content(one) != hash_content(two)


def test_files_digest_tells_absent_from_empty(tmp_path: Path) -> None:
    absent = hash_files(tmp_path, [".env"])
    (tmp_path / ".env").write_text("")
    empty = hash_files(tmp_path, [".env"])
    (tmp_path / ".env").write_text("A=1")
    assert len({absent, empty, hash_files(tmp_path, [".env"])}) == 3


def test_status_is_parsed_with_odd_names() -> None:
    status = (
        b"1 .M N... 100644 100644 100644 aaa bbb a b.py\0"
        b"u UU N... 100644 100644 100644 100644 h1 h2 h3 c d.py\0"
        b"? new\nline.py\0? nested/\0? x/__pycache__/y.pyc\0! .env\0! .tox/\0"
    )
    changed, ignored, untracked = _parse_status(status)
    assert (changed, ignored) == (["a b.py", "c d.py", "new\nline.py", "nested/"], (".env", ".tox/"))
    assert untracked == {"new\nline.py", "nested/"}


def test_only_links_and_overlooked_entries_get_a_second_look() -> None:
    listing = (
        b"H 100644 aaaa 0\tplain.py\0h 100644 bbbb 0\tassumed.py\0S 100644 cccc 0\tsparse.py\0"
        b"H 160000 dddd 0\tsub module\0H 100755 eeee 0\todd h 100644 ffff 0\tname\0"
    )
    assert _SPECIAL.findall(listing) == [
        (b"h", b"", b"assumed.py"),
        (b"S", b"", b"sparse.py"),
        (b"H", b"dddd", b"sub module"),
    ]


def test_complaint_is_the_line_that_says_what_is_wrong() -> None:
    assert extract_complaint(b"warning: x\nfatal: not a git repository\nmore") == "not a git repository"
    assert extract_complaint(b"\nhint\n") == "hint"
    assert extract_complaint(b"") == ""
    assert extract_complaint(b"fatal: bad \x1b[31m\xff") == "bad ?[31m\ufffd"
