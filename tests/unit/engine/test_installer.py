import pytest

from envmatrix.config.builtin import BUILTIN
from envmatrix.engine.installer import explain_install

LIBVIRT = """\
      Package libvirt was not found in the pkg-config search path.
      subprocess.CalledProcessError: Command '['pkg-config', '--libs-only-L', 'libvirt']' returned non-zero.
      [end of output]
ERROR: Failed to build 'libvirt-python' when getting requirements to build wheel
"""


def test_bindings_without_headers_name_the_packages_and_the_profile_that_needs_none():
    reason = explain_install(LIBVIRT, BUILTIN)
    assert (reason.code, reason.capability) == ("cannot_build", "libvirt")
    assert reason.message == "libvirt-python has no wheel for this Python and cannot be built here (libvirt not found)"
    assert reason.remedy.startswith("install libvirt-dev and pkg-config, or run the profile `full`")
    assert reason.detail.endswith("when getting requirements to build wheel")


@pytest.mark.parametrize(
    ("said", "code", "part"),
    [
        ("ERROR: No matching distribution found for nosuchthing==9", "no_distribution", "nosuchthing==9"),
        (
            "Temporary failure in name resolution\nERROR: No matching distribution found for x",
            "index_unreachable",
            "index",
        ),
        ("NewConnectionError('<x>: Failed to establish a new connection')", "index_unreachable", "index"),
        ("OSError: [Errno 28] No space left on device", "disk_full", "disk"),
        ("ERROR: ResolutionImpossible: for help visit", "conflict", "contradict"),
        ("  fatal error: foo.h: No such file\nerror: Failed building wheel for foo", "cannot_build", "foo.h not found"),
        ("something else", "install_failed", "installer"),
    ],
)
def test_the_cause_is_told_from_the_words(said, code, part):
    reason = explain_install(said, {})
    assert reason.code == code
    assert part in reason.message
    assert reason.remedy


def test_an_environment_with_the_systems_packages_is_told_to_install_the_systems_own():
    reason = explain_install(LIBVIRT, BUILTIN, system_site_packages=True)
    own, _, built = reason.remedy.partition("; or, to build it, ")
    assert own == "install python3-libvirt, which this environment will then use"
    assert built == "install libvirt-dev and pkg-config"


def test_frames_of_tracebacks_are_left_out_of_the_installers_words():
    said = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    run()\n    ^^^^^\nKeyError: 3\n'
    assert explain_install(said, {}).detail == "Traceback (most recent call last):\nKeyError: 3"
