import pytest

from envmatrix.host.model import Finding
from envmatrix.host.requirements import applies, as_version, held, marker_environment, parse


def found(version: str) -> Finding:
    return Finding(capability="libvirt", status="ok", version=version, where="/usr/lib/libvirt.py", interpreter="/py")


@pytest.mark.parametrize(
    ("asked", "version", "words"),
    [
        ("libvirt>=10", "9.0.0", "is older than the >=10 asked for"),
        ("libvirt>=8,<9", "9.0.0", "is newer than the <9,>=8 asked for"),
        ("libvirt==8.0", "9.0.0", "is not the ==8.0 asked for"),
        ("libvirt>=1", "unheard of", "its version cannot be told"),
    ],
)
def test_another_version_is_broken_and_says_how(asked: str, version: str, words: str) -> None:
    finding = held(found(version), parse([asked])[0])
    assert finding.status == "broken"
    assert words in finding.message
    assert "/py" in finding.message
    assert finding.remedy


def test_a_version_that_will_do_changes_nothing() -> None:
    assert held(found("9.0.0"), parse(["libvirt>=9"])[0]) == found("9.0.0")


def test_markers_are_those_of_the_interpreter_that_is_asked() -> None:
    requirement = parse(["libvirt; python_version >= '3.12'"])[0]
    assert applies(requirement, marker_environment("3.12.1"))
    assert not applies(requirement, marker_environment("3.9.18"))
    assert marker_environment("3.10.14", "pypy", "7.3.17")["platform_python_implementation"] == "PyPy"


@pytest.mark.parametrize(
    ("text", "version"),
    [("10.11.6-MariaDB-0+deb12u1", "10.11.6"), ("9.0.0", "9.0.0"), ("6.1.0-18-amd64", "6.1.0"), ("none", "None")],
)
def test_versions_are_read_out_of_what_servers_say(text: str, version: str) -> None:
    assert str(as_version(text)) == version
