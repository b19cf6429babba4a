import re

import pytest

from envmatrix.config.capabilities import BUILTIN, builtin, find, is_known, kind, python_of

REASONS = [
    ("libvirt", "No module named 'libvirt'"),
    ("libvirt", "could not import 'libvirt': No module named 'libvirt'"),
    ("libvirt", "libvirt is not available"),
    ("libvirt", "libvirt not installed"),
    ("libvirt", "libvirt-python is not present"),
    ("libvirt", "requires libvirt"),
    ("mysql", "Backend 'mysql+pymysql' is unavailable: Could not connect"),
    ("mysql", "Backend 'mysql' is unavailable: No such backend"),
    ("mysql", "MySQL unavailable"),
    ("mysql", "MySQL server is not available"),
    ("postgresql", "Backend 'postgresql+psycopg2' is unavailable: No DBAPI installed"),
    ("redis", "cannot connect to redis"),
    ("docker", "needs a running docker daemon"),
    ("root", "requires root"),
    ("kvm", "/dev/kvm is not available"),
]


@pytest.mark.parametrize(("name", "reason"), REASONS)
def test_a_skip_reason_is_about_one_capability(name: str, reason: str) -> None:
    about = [one for one, item in BUILTIN.items() if any(re.search(pattern, reason) for pattern in item.skip_reasons)]
    assert about == [name]


@pytest.mark.parametrize(
    "reason", ["requires a nested hypervisor", "not on this platform", "slow", "libvirt's driver has no such feature"]
)
def test_other_skips_are_about_none(reason: str) -> None:
    assert not [one for one, item in BUILTIN.items() for pattern in item.skip_reasons if re.search(pattern, reason)]


def test_every_built_in_capability_says_how_it_is_probed() -> None:
    assert {name: kind(item) for name, item in BUILTIN.items() if kind(item) == "nothing"} == {}
    assert all(item.origin == "built-in" for item in BUILTIN.values())


def test_interpreters_are_known_by_pattern() -> None:
    assert python_of("python3.13t") == "3.13t"
    assert python_of("pypy3.10") == "pypy3.10"
    assert is_known("python3.15") and not is_known("python") and not is_known("pytohn3.12")
    assert builtin("nonsense") is None
    assert (find("python3.12", {}) or BUILTIN["git"]).value == "3.12"
