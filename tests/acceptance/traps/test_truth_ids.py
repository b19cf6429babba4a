"""One id, one test: different tests that have the same id are all counted, and no skip hides behind another's pass."""

import pytest
from traps import GOOD

VIRT = {
    "profiles/unit.toml": 'description = "Unit"\nextends = "restricted"\n',
    "profiles/virt.toml": 'description = "Virt"\nextends = "libvirt"\nunused = "allow"\n',
}
DRIVERS = """import pytest


class Driver:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize("driver", [Driver("sqlite"), Driver("libvirt"), Driver("mysql")], ids=repr)
def test_opens(driver):
    if driver.name != "sqlite":
        pytest.skip(f"requires {driver.name}")


def test_z():
    pass
"""
CASE = "import unittest\n\n\nclass Api(unittest.TestCase):\n    def test_open(self):\n        {}\n"
LOADED = """import unittest


class Driver(unittest.TestCase):
    name = ""

    def test_opens(self):
        if self.name != "sqlite":
            self.skipTest("requires " + self.name)


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for name in ("sqlite", "libvirt", "mysql"):
        test = Driver("test_opens")
        test.name = name
        suite.addTest(test)
    return suite
"""
DISCOVER = "python -m unittest discover -s tests -t ."
SUITES = {
    "addresses": ("python -m pytest -q", {"test_drivers.py": DRIVERS}, 2, 2),
    "load_tests": ("python -m unittest discover", {"test_drivers.py": LOADED}, 1, 2),
    "two folders": (
        f'sh -c "cd a && {DISCOVER}"\nsh -c "cd b && {DISCOVER}"',
        {
            "a/tests/test_api.py": CASE.format("pass"),
            "b/tests/test_api.py": CASE.format('self.skipTest("requires libvirt")'),
            "a/tests/__init__.py": "",
            "b/tests/__init__.py": "",
        },
        1,
        1,
    ),
}


@pytest.mark.parametrize("name", SUITES)
def test_different_tests_of_one_id(trap, name):
    commands, files, passed, skipped = SUITES[name]
    case = trap(commands, {**files, **VIRT})
    assert case.stock() == 0
    found = case.run("unit", "virt")
    assert (found.exit, found.codes) == (3, {"capability_skip"}), found
    assert [cell["tests"]["passed"] for cell in found.document["cells"]] == [passed, passed], found
    assert [cell["tests"]["skipped"] for cell in found.document["cells"]] == [skipped, skipped], found


def test_failing_and_passing_tests_of_one_id_under_stestr(trap):
    config = "[DEFAULT]\ntest_path=.\n"
    case = trap("stestr run", {"test_drivers.py": LOADED, ".stestr.conf": config, **VIRT})
    found = case.run("unit")
    assert found.counts(passed=1, skipped=2), found
    assert {entry["test"] for entry in found.document["ran_nowhere"]} == {
        "test_drivers.Driver.test_opens#2",
        "test_drivers.Driver.test_opens#3",
    }


def test_a_test_that_a_second_command_runs_again_is_one_test(trap):
    found = trap("pytest\npytest test_it.py", {"test_it.py": GOOD}).run()
    assert found.exit == 0, found
    assert found.counts(passed=2), found


def test_a_skip_does_not_vanish_behind_a_second_command_that_runs_a_decoy(trap):
    test = (
        'import os\nimport pytest\n\n\ndef test_it():\n    "DECOY" in os.environ or pytest.skip("requires libvirt")\n'
    )
    found = trap("pytest\nenv DECOY=1 pytest", {"test_it.py": test, **VIRT}).run("virt")
    assert (found.exit, found.codes) == (3, {"capability_skip"}), found
    assert found.counts(passed=1, skipped=1), found


def test_items_that_a_plugin_replaces_by_copies_of_another_class_did_run(trap):
    plugin = """import pytest


def pytest_collection_modifyitems(session, config, items):
    copies = []
    for item in items:
        if item.cls is None:
            copies.append(item)
            continue
        name = item.cls.__name__ + "_sqlite+pysqlite_3_40_1"
        made = type(name, (item.cls,), {"__test__": True})
        module = item.getparent(pytest.Module)
        setattr(module.module, name, made)
        parent = pytest.Class.from_parent(module, name=name)
        copies += [one for one in parent.collect() if one.name == item.name]
    items[:] = copies
"""
    tests = "class TestIt:\n    def test_a(self):\n        pass\n\n    def test_b(self):\n        pass\n"
    found = trap("pytest", {"test_it.py": tests, "conftest.py": plugin}).run()
    assert found.exit == 0, found
    assert found.counts(passed=2), found
    assert found.ran_nowhere == {}


def test_items_that_a_plugin_drops_are_still_told(trap):
    plugin = "def pytest_collection_modifyitems(items):\n    items[:] = items[:1]\n"
    found = trap("pytest", {"test_it.py": GOOD, "conftest.py": plugin}).run()
    assert found.ran_nowhere == {"test_it.py::test_two": "deselected"}, found
