import pytest

from envmatrix.config.capabilities import BUILTIN
from envmatrix.engine.install.failure import explain_install

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


def test_both_sides_of_a_conflict_are_told():
    said = """
The conflict is caused by:
    The user requested virtualenv<20.22.0
    tool 1.0 depends on virtualenv>=20.31

To fix this you could try to:
ERROR: ResolutionImpossible: for help visit
"""
    sides = "virtualenv<20.22.0 is asked for, and tool 1.0 depends on virtualenv>=20.31"
    assert explain_install(said, {}).message == f"the requirements of the environment contradict each other: {sides}"


def test_an_environment_with_the_systems_packages_is_told_to_install_the_systems_own():
    reason = explain_install(LIBVIRT, BUILTIN, system_site_packages=True)
    own, _, built = reason.remedy.partition("; or, to build it, ")
    assert own == "install python3-libvirt, which this environment will then use"
    assert built == "install libvirt-dev and pkg-config"


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("psycopg/psycopg.h:35:10: fatal error: pg_config.h: No such file", "install libpq-dev (its name on Debian)"),
        ("fatal error: odd/thing.h: No such file", "install the development files of odd/thing"),
    ],
)
def test_a_header_that_is_missing_is_told_with_its_package(missing, remedy):
    reason = explain_install(f"{missing}\nFailed to build psycopg2\n", {})
    assert (reason.code, reason.remedy) == ("cannot_build", remedy)


def test_frames_of_tracebacks_are_left_out_of_the_installers_words():
    said = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    run()\n    ^^^^^\nKeyError: 3\n'
    assert explain_install(said, {}).detail == "Traceback (most recent call last):\nKeyError: 3"


GONE = "ERROR: Could not find a version that satisfies the requirement six (from versions: none)\nERROR: No matching "
GONE += "distribution found for six\n"
PAGE = "http://index.test/simple/six/: "
REFUSED = PAGE + "connection error: [Errno 111] Connection refused"
BAD_GATEWAY = PAGE + "502 Server Error: Bad Gateway for url: http://index.test/simple/six/"
NOT_FOUND = PAGE + "404 Client Error: Not Found for url: http://index.test/simple/six/"
FORBIDDEN = PAGE + "403 Client Error: Forbidden for url: http://index.test/simple/six/"
RETRYING = "WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/six/\n"


@pytest.mark.parametrize(
    ("said", "unfetched", "code"),
    [
        (GONE, [REFUSED], "index_unreachable"),
        (GONE, [BAD_GATEWAY, NOT_FOUND], "index_unreachable"),
        (GONE, [NOT_FOUND], "no_distribution"),
        (GONE, [], "no_distribution"),
        (GONE, [FORBIDDEN], "index_unreachable"),
        (GONE, [FORBIDDEN, NOT_FOUND], "no_distribution"),
        (GONE.replace("none", "1.0, 1.1"), [FORBIDDEN], "no_distribution"),
        (RETRYING + GONE, None, "index_unreachable"),
        (RETRYING + GONE, [NOT_FOUND], "no_distribution"),
        ("WARNING: The repository located at i is not a trusted or secure host and is being ignored.\n" + GONE, [],
         "index_unreachable"),
        ("ERROR: Failed to build 'x' when installing build dependencies for x\n" + GONE, [REFUSED],
         "index_unreachable"),
        ("ERROR: Failed building wheel for x\n", [REFUSED], "cannot_build"),
        ("ERROR: something else", [REFUSED], "install_failed"),
    ],
)  # fmt: skip
def test_what_pip_went_on_without_tells_an_index_without_an_answer(said, unfetched, code):
    assert explain_install(said, {}, unfetched=unfetched).code == code


def test_pages_without_an_answer_are_shown():
    assert explain_install(GONE, {}, unfetched=[NOT_FOUND, BAD_GATEWAY]).detail.startswith(BAD_GATEWAY)


BECAUSE = "error: No solution found when resolving dependencies\n  cause: Because "


@pytest.mark.parametrize(
    ("said", "code", "part"),
    [
        (BECAUSE + "six was not found in the package registry and you require six, we can", "no_distribution", "six"),
        (BECAUSE + "there are no versions of six and you require six, we can", "no_distribution", "six"),
        (BECAUSE + "only six<=1.17.0 is available and you require six>=99, we can", "no_distribution", "six"),
        (BECAUSE + "a==1 depends on b<2 and you require b>=2, we can", "conflict", "contradict"),
        (BECAUSE + "only a==1 is available and\n  a==1 depends on b>=2, we can", "conflict", "contradict"),
        (BECAUSE + "only a<=1 is available and you require a>=2, we can", "no_distribution", "a has no"),
        ("error: Request failed after 3 retries in 8.2s\n  cause: Failed to fetch: http://x/", "index_unreachable", ""),
        ("  cause: HTTP status server error (502 Bad Gateway) for url (http://x/)", "index_unreachable", ""),
        ("  cause: HTTP status client error (404 Not Found) for url (http://x/a.whl)", "install_failed", ""),
        (BECAUSE + "six was not found in the package registry\nhint: An index (x) returned a 403 Forbidden error",
         "index_unreachable", ""),
    ],
)  # fmt: skip
def test_uv_is_understood(said, code, part):
    reason = explain_install(said, {})
    assert reason.code == code
    assert part in reason.message
