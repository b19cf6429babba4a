"""What a skip says, in whatever words: about a promised capability, about the runner, or about nothing at all."""

import datetime
import tempfile
import time
from pathlib import Path

import pytest
from traps import GOOD

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Profile
from envmatrix.evidence.model import TestResult as Skip  # or pytest would collect it
from envmatrix.verdict.skips.classify import classify_skips

SOON = datetime.date.today() + datetime.timedelta(days=100)
PROFILES = {
    "profiles/unit.toml": 'description = "Unit"\nextends = "restricted"\n',
    "profiles/virt.toml": 'description = "Virt"\nextends = "libvirt"\n',
}
OPENS = """import pytest
libvirt = pytest.importorskip("libvirt")


def test_open():
    assert libvirt.open("test:///default").getHostname()


def test_migrate():
    try:
        connection = libvirt.open("qemu:///no-such-place")
    except libvirt.libvirtError as error:
        pytest.skip(str(error))
    assert connection.listAllDomains() is not None
"""
SAYS = "import pytest\n\n\ndef test_one():\n    pass\n\n\ndef test_it():\n    pytest.skip({!r})\n"
ALL_SKIP = """import unittest


@unittest.skip("requires libvirt")
class Case(unittest.TestCase):
    def test_one(self):
        pass
"""


def test_a_skip_in_the_drivers_own_words_settles_nothing(trap):
    case = trap("python -m pytest -q", {"tests/test_virt.py": OPENS, "tests/test_u.py": GOOD, **PROFILES})
    found = case.run("unit", "virt")
    assert (found.exit, found.codes) == (3, {"capability_skip"}), found
    (skipped,) = [entry for entry in found.document["ran_nowhere"] if entry["test"].endswith("::test_migrate")]
    assert skipped["would_run"] == ""


REASONS = [
    "(2002, \"Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\")",
    "MySQL ist nicht installiert",
    "pas de serveur MySQL",
    "no hay servidor MariaDB",
    "未安装 mysql",
    "mysql не установлен",
    "[Errno 111] Connection refused",
    "DATABASE_URL not given",
    "mysql version 5.5 is older than 8",
    "mysql disabled",
]


def test_reasons_in_other_words_and_languages_are_about_the_promise(trap):
    mark = f"@pytest.mark.parametrize('number', range({len(REASONS)}))\n"
    test = f"{mark}def test_it(number):\n    pytest.skip({REASONS!r}[number])\n"
    profile = 'description = "Db"\nextends = "mysql"\nunused = "allow"\n'
    files = {"test_it.py": f"import pytest\n\n\n{test}\n\n{GOOD}", "profiles/db.toml": profile}
    found = trap("pytest", files).run("db")
    assert (found.exit, found.codes) == (3, {"capability_skip"}), found
    (breach,) = found.document["breaches"]
    assert len(breach["tests"]) == len(REASONS), found


def test_a_declared_skip_wins_and_is_shown(trap):
    rule = f'[[skips]]\nmatch = "too old"\nowner = "virt team"\nexpires = {SOON}\n'
    files = {"test_it.py": SAYS.format("libvirt 9.0.0 is probably too old"), **PROFILES}
    files["profiles/virt.toml"] += f'unused = "allow"\n{rule}'
    found = trap("pytest", files).run("virt")
    assert found.exit == 0, found
    assert "1 test skipped for want of libvirt, which the profile promises" in found.cell["notes"][0]
    assert f"([[skips]] of virt team until {SOON})" in found.cell["notes"][0]


def test_a_reason_that_negates_is_no_wish_for_the_capability(trap):
    files = {"test_it.py": SAYS.format("Requires libvirt library not installed"), **PROFILES}
    found = trap("pytest", files).run("unit")
    assert [entry["would_run"] for entry in found.document["ran_nowhere"]] == [""], found


ASYNC = "async def test_a():\n    assert False\n\n\ndef test_ok():\n    pass\n"
COROUTINE = "async def work():\n    assert False\n\n\ndef test_a():\n    return work()\n\n\ndef test_ok():\n    pass\n"
OLD = "[tox]\nskipsdist = true\n[testenv]\ndeps = pytest==8.3.5\ncommands = pytest\n"


@pytest.mark.parametrize("tests", [ASYNC, COROUTINE])
@pytest.mark.parametrize("name", ["trap", "tox:py"])
def test_tests_that_the_runner_cannot_execute(trap, tests, name):
    found = trap("pytest", {"test_it.py": tests, "tox.ini": OLD}).run(name)
    assert (found.exit, found.codes) == (3, {"unrun"}), found


@pytest.mark.parametrize("commands", ["python -m unittest", "pytest", "pytest --setup-plan", "pytest --collect-only"])
def test_a_session_that_executed_none_of_its_tests_proves_nothing(trap, commands):
    found = trap(commands, {"test_it.py": ALL_SKIP}).run("tox:py")
    assert (found.exit, found.codes) == (3, {"no_tests"}), found


@pytest.mark.parametrize("command", ["green -vv .", 'sh -c "python -m green -vv ."'])
def test_a_known_runner_that_nothing_records_is_not_counted(trap, command):
    ini = f"[tox]\nskipsdist = true\n[testenv]\ndeps = green\nallowlist_externals = sh\ncommands = {command}\n"
    found = trap("", {"tox.ini": ini, "test_it.py": ALL_SKIP}).run("tox:py")
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "its tests are not counted" in found.messages
    assert "results = [" in found.messages


def test_all_tests_skipped_under_stestr_is_no_failure(trap):
    found = trap("stestr run", {"test_it.py": ALL_SKIP, ".stestr.conf": "[DEFAULT]\ntest_path=.\n"}).run()
    assert (found.exit, found.codes) == (3, {"no_tests"}), found
    assert "although all its tests passed" not in found.messages


def test_a_fixture_that_skips_in_its_teardown_is_no_skip_of_the_test(trap):
    tests = """import unittest

import pytest


@pytest.fixture
def server():
    yield
    pytest.skip("requires libvirt to clean up")


def test_it(server):
    pass


class Case(unittest.TestCase):
    def test_unit(self):
        self.addCleanup(self.skipTest, "requires libvirt")
"""
    found = trap("pytest -k test_it\npython -m unittest test_it", {"test_it.py": tests}).run()
    assert found.exit == 0, found
    assert found.cell["tests"]["passed"] == 2, found


@pytest.fixture
def readable():
    """A folder that everybody may read; pytest takes that from the parents of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("commands", ["pytest -p no:cacheprovider", "pytest -p no:cacheprovider -n1"])
def test_a_suite_that_drops_its_rights_did_not_crash(trap, workshop, readable, commands):
    conftest = """import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def rights():
    os.setgid(65534)
    os.setuid(65534)
"""
    case = trap(commands, {"test_it.py": GOOD, "conftest.py": conftest})
    case.root = case.root.rename(readable / "project")
    workshop.chmod(0o700)
    assert case.stock() == 0
    found = case.run()
    assert found.exit == 0, found
    assert found.counts(passed=2), found


def _classify(reason, count, records=1):
    """Classify skips with these reasons, as many records as are asked for; return the processor time in seconds."""
    profile = Profile(name="p", origin="p.toml", services=("mysql",))
    begun = time.process_time()
    for record in range(records):
        tests = [Skip(id=str(at), outcome="skipped", reason=reason(record * count + at)) for at in range(count)]
        classify_skips(tests, profile=profile, capabilities=BUILTIN, today=SOON)
    return time.process_time() - begun


DIFFERENT = ["requires thing {} of libvirt", "no such thing as {:032x}", "thing{:x}: libvirt is no option"]


@pytest.mark.parametrize("text", DIFFERENT)
def test_many_different_reasons_are_looked_at_in_time(text):
    assert _classify(text.format, 3000, records=100) < 20


@pytest.mark.parametrize("word", ["a", "a.", "requires ", "libvirt ", "No module named ", "because x ", "(", "needs '"])
def test_a_huge_reason_is_looked_at_at_once(word):
    assert _classify(lambda at: word * (500_000 // len(word)), 1) < 1
