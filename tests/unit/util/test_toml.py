import os

import pytest

from envmatrix.util.toml import LARGEST, Lines, Unreadable, dotted, read_toml

TEXT = '''description = """
axes = "not a key"
"""
[axes]
python = [
    "3.11",
    "3.12",
]
backend.inner = ["a"]

[[skips]]
match = "one"
[[skips]]
match = "two"
'''


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("description",), None, 1),
        (("axes",), None, 4),
        (("axes", "python"), None, 5),
        (("axes", "python", 1), "3.12", 7),
        (("axes", "python", 5), "3.99", 5),
        (("axes", "backend", "inner"), None, 9),
        (("skips",), None, 11),
        (("skips", 1, "match"), "two", 14),
        (("skips", 1, "owner"), None, 13),
        (("nothing",), None, 0),
    ],
)
def test_lines(path, value, line):
    assert Lines(TEXT).find(path, value) == line


def test_a_path_as_a_user_says_it():
    assert dotted(("axes", "python", 1)) == "axes.python[1]"
    assert dotted(("a b", "c")) == "'a b'.c"


def message(path):
    with pytest.raises(Unreadable) as caught:
        read_toml(path, "profiles/unit.toml")
    return str(caught.value)


def test_a_file_that_is_none(tmp_path):
    path = tmp_path / "unit.toml"
    path.mkdir()
    assert message(path) == "profiles/unit.toml: is a folder; a TOML file is expected here"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("unit.toml", "cannot be read: too many levels of symbolic links"),
        ("nowhere.toml", "cannot be read: no such file or directory"),
        ("/dev/zero", "is no regular file; a TOML file is expected here"),
    ],
)
def test_links_that_lead_to_no_file(tmp_path, target, why):
    (tmp_path / "unit.toml").symlink_to(target)
    assert message(tmp_path / "unit.toml") == f"profiles/unit.toml: {why}"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "unit.toml")
    assert "is no regular file" in message(tmp_path / "unit.toml")


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "unit.toml"
    path.write_text("")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)  # root reads everything
    assert message(path) == "profiles/unit.toml: cannot be read: permission denied"


def test_a_file_too_large_to_be_meant(tmp_path):
    path = tmp_path / "unit.toml"
    path.write_bytes(b"#" * (LARGEST + 1))
    assert "larger than 1 MiB" in message(path)
