from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.config.model import Profile, Relevant
from envmatrix.config.relevance import pattern_problem, relevant


def profile(*paths: str) -> Profile:
    return Profile(name="libvirt", origin="profiles/libvirt.toml", relevant=Relevant(paths=paths))


@pytest.mark.parametrize(
    ("pattern", "path", "needed"),
    [
        ("nova/virt/**", "nova/virt/libvirt/driver.py", True),
        ("nova/virt/**", "nova/virt.py", False),
        ("nova/virt/**", "x/nova/virt/a.py", False),
        ("nova/*.py", "nova/a.py", True),
        ("nova/*.py", "nova/deep/a.py", False),
        ("**/libvirt*.py", "a/b/libvirt_x.py", True),
        ("**/libvirt*.py", "libvirt_x.py", True),
        ("*.xml", "a/b/c.xml", True),
        ("/doc", "doc/index.rst", True),
        ("/doc", "src/doc/index.rst", False),
        ("doc/", "src/doc/index.rst", True),
        ("../common/**", "../common/a.py", True),
        ("nova/virt/**", "../nova/virt/a.py", False),
        ("a[0-9].py", "a7.py", True),
        ("a b/**", "a b/c", True),
        ("ä/**", "ä/c", True),
        ("x/**", "x/new\nline", True),
    ],
)
def test_patterns_mean_what_git_makes_of_them(pattern: str, path: str, needed: bool) -> None:
    assert relevant(profile(pattern), [path]).needed is needed


def test_a_later_pattern_takes_back() -> None:
    taken = profile("nova/**", "!nova/README")
    assert not relevant(taken, ["nova/README"]).needed
    assert relevant(taken, ["nova/README", "nova/a.py"]).paths == ("nova/a.py",)


def test_patterns_that_only_take_back_leave_nothing_out() -> None:
    assert relevant(profile("!doc/**"), ["README"]).needed


def test_patterns_that_no_file_of_the_project_meets_leave_nothing_out() -> None:
    moved = profile("nova/virt/**")
    assert relevant(moved, ["docs/a.rst"], there=lambda: ["nova/hypervisor/driver.py"]).needed
    assert not relevant(moved, ["docs/a.rst"], there=lambda: ["docs/a.rst", "nova/virt/driver.py"]).needed


def test_a_profile_without_paths_is_always_needed() -> None:
    assert relevant(profile(), []).needed
    assert relevant(profile(), ["README"]).needed


def test_what_is_not_needed_says_rule_and_paths() -> None:
    found = relevant(profile("nova/virt/**", "etc/**"), ["README", "doc/a"])
    assert found == (
        False,
        "no changed path matches the [relevant] paths of libvirt: nova/virt/**, etc/**",
        ("README", "doc/a"),
    )


@pytest.mark.parametrize(
    "path",
    [
        "profiles/full.toml",
        "profiles/capabilities.toml",
        "tox.ini",
        "tox.toml",
        "setup.cfg",
        "setup.py",
        "pyproject.toml",
        "requirements.txt",
        "test-requirements.txt",
        "requirements-dev.txt",
        "requirements/base.txt",
        "upper-constraints.txt",
        "bindep.txt",
        "uv.lock",
        "pylock.dev.toml",
        "sub/pyproject.toml",
        "../tox.ini",
        ".gitmodules",
        "pytest.ini",
    ],
)
def test_what_decides_over_environments_needs_every_profile(path: str) -> None:
    found = relevant(profile("nova/**"), ["README", path])
    assert found.needed
    assert found.paths == (path,)


def test_a_folder_called_profiles_elsewhere_does_not() -> None:
    assert not relevant(profile("nova/**"), ["src/profiles/user.py"]).needed


def test_files_that_tox_reads_under_other_names_can_be_added() -> None:
    assert not relevant(profile("nova/**"), ["ci/pins.txt"]).needed
    assert relevant(profile("nova/**"), ["ci/pins.txt"], also=["ci/pins.txt"]).needed


@pytest.mark.parametrize("pattern", ["", "  ", "# nova", "!", "/", "a/***/", "\\"])
def test_a_pattern_that_can_match_nothing_never_leaves_a_profile_out(pattern: str) -> None:
    found = relevant(profile("nova/**", pattern), ["README"])
    assert found.needed is bool(pattern_problem(pattern))


@pytest.mark.parametrize("pattern", ["", "  ", "# nova", "/"])
def test_unusable_patterns_are_known(pattern: str) -> None:
    assert pattern_problem(pattern)


@given(st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_no_pattern_and_no_path_raises(patterns: list[str], paths: list[str]) -> None:
    found = relevant(profile(*patterns), paths)
    assert found.rule
    assert found.needed or found.paths == tuple(paths)
