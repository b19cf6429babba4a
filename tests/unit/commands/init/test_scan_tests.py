import pytest

from envmatrix.commands.init.scan_tests import read_suite

DRIVER = """
import os
import unittest
import pytest
libvirt = pytest.importorskip("libvirt")
if not os.environ.get("DATABASE_URL"):
    pytest.skip("MySQL is not running", allow_module_level=True)

@unittest.skipUnless(HAVE, "kvm not present")
class DriverTest(unittest.TestCase):
    def setUp(self):
        if gone():
            self.skipTest("redis not available")

    def test_it(self):
        raise unittest.SkipTest("no " + "docker")

    def helper(self):
        self.skipTest("no memcached")

@pytest.mark.skipif(not ROOT, reason=f"{NAME} requires root")
def test_function():
    os.getenv("REDIS_URL"); os.environ["DSN"]; settings.get("NOT_A_VARIABLE")
"""


@pytest.fixture
def suite(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return read_suite(tmp_path)

    return write


def test_skips_are_found_with_the_tests_that_they_are_about(suite):
    found = suite(tests__test_driver_py=DRIVER)
    assert {(skip.reason, skip.pattern) for skip in found.skips} == {
        ("could not import 'libvirt': No module named 'libvirt'", "*test_driver*"),
        ("MySQL is not running", "*test_driver*"),
        ("kvm not present", "*test_driver*DriverTest*"),
        ("redis not available", "*test_driver*DriverTest*"),
        ("no docker", "*test_driver*DriverTest*test_it*"),
        ("no memcached", ""),
        ("… requires root", "*test_driver*test_function*"),
    }


def test_variables_and_imports_are_found(suite):
    found = suite(tests__test_driver_py=DRIVER)
    assert {variable.name for variable in found.variables} == {"DATABASE_URL", "REDIS_URL", "DSN"}
    assert found.imports >= {"os", "unittest", "pytest"}


def test_only_tests_are_read_and_nothing_that_is_installed(suite, tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    skip = "import pytest\npytest.skip('no kvm')\n"
    found = suite(src__driver_py=skip, env__test_a_py=skip, build__test_b_py=skip, pkg__tests__util_py=skip)
    assert [found.file for found in found.skips] == ["pkg/tests/util.py"]


@pytest.mark.parametrize("text", ["def broken(:", "x = '\x00'", "(" * 1000, "pytest.importorskip()", "skip()"])
def test_a_file_that_cannot_be_parsed_is_passed_over(suite, text):
    assert suite(test_a_py=text).skips == ()
