"""Which reasons name a capability, and which only look as if they did."""

from __future__ import annotations

import pytest
from verdict_values import CAPABILITIES

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Capability
from envmatrix.verdict.skips.phrases import Phrases

ABOUT = [
    ("No module named 'libvirt'", "libvirt"),
    ("could not import 'libvirt': No module named 'libvirt'", "libvirt"),
    ("could not import 'yaml': No module named 'yaml'", "yaml"),
    ("could not import 'libvirt': /usr/lib/x.so: undefined symbol: foo", "libvirt"),
    ("Skipped: could not import 'a.b.c'", "a"),
    ("libvirt not present", "libvirt"),
    ("libvirt is not available", "libvirt"),
    ("libvirt isn't installed", "libvirt"),
    ("Libvirt python bindings not found", "libvirt"),
    ("libvirt could not be imported", "libvirt"),
    ("MySQL backend unavailable", "mysql"),
    ("Backend 'mysql' is unavailable: Could not connect", "mysql"),
    ("Backend 'postgresql' is unavailable: No DBAPI installed", "postgresql"),
    ("Backend 'postgresql+psycopg2' is unavailable: No such backend", "postgresql"),
    ("mysql backend not available", "mysql"),
    ("redis server not running", "redis"),
    ("No redis server found.", "redis"),
    ("No Redis!", "redis"),
    ("Redis is not available", "redis"),
    ("No redis server running at default broker url", "redis"),
    ("requires redis server", "redis"),
    ("Skipping test as redis is not available", "redis"),
    ("This test requires a running MySQL server", "mysql"),
    ("docker required", "docker"),
    ("docker is required for this test", "docker"),
    ("needs docker", "docker"),
    ("Docker daemon not running", "docker"),
    ("cannot connect to the Docker daemon", "docker"),
    ("Could not connect to PostgreSQL", "postgresql"),
    ("connection to postgres at 127.0.0.1 refused", "postgresql"),
    ("git not found", "git"),
    ("git: command not found", "git"),
    ("requires git", "git"),
    ("git executable not on PATH", "git"),
    ("cannot open /dev/kvm", "kvm"),
    ("/dev/kvm is not accessible", "kvm"),
    ("KVM not available", "kvm"),
    ("no kvm", "kvm"),
    ("requires libvirt>=9", "libvirt"),
    ("libvirt >= 9 not available", "libvirt"),
    ("HAVE_LIBVIRT is false", "libvirt"),
    ("condition: not HAVE_LIBVIRT", "libvirt"),
    ("condition: not has_docker", "docker"),
    ("LIBVIRT_AVAILABLE is False", "libvirt"),
    ("OS_TEST_URL not set", "test-url"),
    ("set OS_TEST_URL to run these tests", "test-url"),
    ("environment variable OS_TEST_URL is not set", "test-url"),
    ("cannot run without docker", "docker"),
    ("module 'libvirt' has __version__ '8', required is: '9'", "libvirt"),
    ("numpy not installed", "numpy"),
    ("requires root privileges", "root"),
    ("must be root", "root"),
    ("must be run as root", "root"),
    ("libvirt-python is not installed", "libvirt"),
    ("Requires MariaDB", "mysql"),
    ("only run when mysql is available", "mysql"),
    ("unless docker is running", "docker"),
    ("cannot import name 'virEvent' from 'libvirt'", "libvirt"),
    ("Unable to import libvirt", "libvirt"),
    ("pgsql server unreachable", "postgresql"),
    ("Test requires network", "network"),
    ("network access required", "network"),
    ("no C compiler", "compiler"),
    ("needs a C compiler", "compiler"),
    ("docker: not found", "docker"),
    ("NumPy not installed", "numpy"),
    ("The 'oslo.vmware' dependency is not installed.", "oslo.vmware"),
    ("GObject Introspection `gi` module not importable", "gi"),
    ("MySQL must be running", "mysql"),
    ("test should be run as root", "root"),
    ("Requires a postgres server. Sqlite does not support multiple schemas.", "postgresql"),
    ("unable to import module foo", "foo"),
    ("Compiler required", "compiler"),
    ("gcc, needed for test, not available", "compiler"),
]
NOT_ABOUT = [
    "could not import needed symbols from socket",
    "Options not importable",
    "non-root user required",
    "Cannot access shadow user database except as root",
    "Fails with MSVC compiler",
    "network resource disabled",
    'uid=0,gid=0 must be named "root"',
    "TRANSPORT_DRIVER is not set to a rabbit driver",
    "Not applicable, asyncio is available",
    "Skipping because redis is installed.",
    "This test can't be run reliably as root (issue #13308).",
    "Tested by the nova.tests.unit.virt.libvirt suite",
    "In threading mode this does not wrap the libvirt calls",
    "Only available from 2.1",
    "not implemented",
    "Requires Windows",
    "known failure",
    "requires python 3.12",
    "requires python3.12",
    "slow test",
    "needs --run-slow",
    "need --run-docker option to run",
    "unconditional skip",
    'The test "x" can be run only on mysql. Current engine is sqlite.',
    "Test not applicable (heartbeating not required)",
    "This driver is not based on timeout",
    "This test only works with coordinators that have the ability to destroy groups.",
    "This driver is not distributed across hosts",
    "MemcachedDriver does not support str member_id",
    "PyMySQL does not support this",
    "condition: HAVE_LIBVIRT",
    "requires libvirt not to be installed",
    "requires that redis is not running",
    "only runs when libvirt is not installed",
    "libvirt is installed",
    "docker-compose behaves differently",
    "mysql does not support deferred constraints",
    "MySQL ignores CHECK constraints",
    "git ignores this on Windows",
    "not supported on this platform",
    "flaky on redis",
    "no git changes",
    "wsrep_sync_wait option is not available",
    "requires 64bit platform",
    "POSIX-only test",
    "skipping, see issue #12958",
    "IPv6 not supported",
    "Fails with MySQL 8",
    "cannot run as root",
    "doesn't work when running as root",
    "TODO",
    "broken",
    "psycopg2 is not available",
    "got empty parameter set for (x)",
    "test is disabled in mysql",
    "need a debug build",
    "no postgresql equivalent",
    "requires os.fork()",
    "the tests are not installed",
    "Skipped: module skipped",
    "sqlite only",
    "not root",
    "redis cluster mode is not supported by this version of the protocol",
    "memcached does not have such a feature",
]

PHRASES = Phrases(CAPABILITIES)


@pytest.mark.parametrize(("reason", "capability"), ABOUT)
def test_a_reason_that_names_a_capability(reason: str, capability: str) -> None:
    assert PHRASES.find_capability(reason) == capability


@pytest.mark.parametrize("reason", NOT_ABOUT)
def test_a_reason_that_has_nothing_to_do_with_the_host(reason: str) -> None:
    assert PHRASES.find_capability(reason) == ""


@pytest.mark.parametrize("reason", [*NOT_ABOUT, "locale support broken for OS X < 10.4"])
def test_the_built_in_patterns_give_no_false_alarm(reason: str) -> None:
    assert Phrases(BUILTIN).find_capability(reason) == ""


@pytest.mark.parametrize(("reason", "capability"), [item for item in ABOUT if item[1] != "test-url"])
def test_the_built_in_capabilities_understand_all_of_it(reason: str, capability: str) -> None:
    assert Phrases(BUILTIN).find_capability(reason) == capability


def test_the_innermost_missing_module_is_the_one_that_counts() -> None:
    assert PHRASES.find_capability("could not import 'libvirt_helpers': No module named 'redis.client'") == "redis"


def test_a_modules_parent_names_the_capability() -> None:
    phrases = Phrases({"gi": Capability(name="gi", module="gi.repository")})
    assert phrases.find_capability("No module named 'gi.repository.Gtk'") == "gi"
    assert phrases.find_capability("No module named 'gi'") == "gi"


def test_patterns_that_a_capability_declares() -> None:
    hypervisor = Capability(name="hypervisor", program="hv", skip_reasons=(r"nested virt",))
    assert Phrases({"hypervisor": hypervisor}).find_capability("this wants nested virtualisation") == "hypervisor"


def test_a_known_module_wins_over_a_pattern_and_a_pattern_over_an_unknown_module() -> None:
    capabilities = {**CAPABILITIES, "stack": Capability(name="stack", program="s", skip_reasons=("No module named",))}
    assert Phrases(capabilities).find_capability("No module named 'libvirt'") == "libvirt"
    assert Phrases(capabilities).find_capability("No module named 'other'") == "stack"


def test_without_capabilities_only_imports_are_understood() -> None:
    assert Phrases({}).find_capability("MySQL not available") == ""
    assert Phrases({}).find_capability("No module named 'x.y'") == "x"


def test_a_capabilitys_own_name_wins_over_anothers_program() -> None:
    capabilities = {
        "cluster": Capability(name="cluster", program="docker"),
        "docker": Capability(name="docker", program="docker"),
    }
    assert Phrases(capabilities).find_capability("docker not found") == "docker"
