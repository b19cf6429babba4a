import pytest

from envmatrix.config.load import load
from envmatrix.config.model import Project


@pytest.fixture
def profiles(tmp_path):
    def write(**files):
        (tmp_path / "profiles").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "profiles" / f"{name}.toml").write_text(text)
        return load(Project(root=str(tmp_path))).profiles

    return write


def test_a_list_is_merged_left_to_right_and_the_profile_itself_comes_last(profiles):
    found = profiles(
        a="timeout_s = 1\nunused = 'allow'\n[axes]\nback = ['x']\n[gate]\nmin_tests = 3\n",
        b="timeout_s = 2\n[axes]\nback = ['y', 'z']\n[gate]\nexpect = ['h']\n",
        c="extends = ['a', 'b']\n[gate]\nrequired = true\n",
    )["c"]
    assert (found.timeout_s, found.unused, found.axes) == (2, "allow", {"back": ("y", "z")})
    assert (found.gate.min_tests, found.gate.expect, found.gate.required) == (3, ("h",), True)


def test_what_parents_promise_adds_up(profiles):
    found = profiles(
        a="requires = ['libvirt']\nmust_run = ['a*']\n",
        b="extends = 'a'\nrequires = ['mysql', 'libvirt']\n",
        c="extends = ['a', 'b']\nmust_run = ['c*']\ndescription = 'mine'\n",
    )["c"]
    assert (found.requires, found.must_run, found.description) == (("libvirt", "mysql"), ("a*", "c*"), "mine")


def test_append_adds_to_what_is_inherited_and_a_plain_value_replaces_it(profiles):
    found = profiles(
        a="[env]\ndeps = ['one']\nsetenv = { append = { A = '1' } }\n",
        b="extends = 'a'\n[env]\ndeps = { append = ['two'] }\nset_env = { append = { B = '2' } }\n",
        c="extends = 'b'\n[env]\nset_env = { C = '3' }\npassenv = { append = ['D'] }\n",
    )
    deps, set_env = found["b"].env["deps"], found["b"].env["set_env"]
    assert (deps.replaces, deps.replace, deps.appends) == (True, ["one"], (["two"],))
    assert (set_env.replaces, set_env.appends) == (False, ({"A": "1"}, {"B": "2"}))
    assert found["c"].env["set_env"].replace == {"C": "3"}
    assert found["c"].env["set_env"].appends == ()
    assert found["c"].env["pass_env"].source == "profiles/c.toml:4"


def test_a_profile_that_two_parents_share_is_laid_once(profiles):
    found = profiles(
        base="[env]\ndeps = { append = ['one'] }\n",
        a="extends = 'base'\n[env]\ndeps = { append = ['two'] }\n",
        b="extends = 'base'\n[env]\ndeps = { append = ['three'] }\n",
        c="extends = ['a', 'b']\n",
    )["c"]
    assert found.env["deps"].appends == (["one"], ["two"], ["three"])


def test_where_each_value_was_written_is_known(profiles):
    found = profiles(a="[env]\ndeps = ['one']\n[gate]\nrequired = true\n", b="extends = 'a'\n[gate]\nmin_tests = 2\n")[
        "b"
    ]
    assert found.sources["env.deps"] == "profiles/a.toml:2"
    assert found.sources["gate.required"] == "profiles/a.toml:4"
    assert found.sources["gate.min_tests"] == "profiles/b.toml:3"
