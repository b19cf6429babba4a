from pathlib import Path

import pytest

from envmatrix.evidence import test_ids

PROJECT = Path("/srv/project")


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("tests/test_a.py::test_b[x-1]", "tests/test_a.py::test_b[x-1]"),
        ("tests/test_a.py::test_b[/srv/project/data/x]", "tests/test_a.py::test_b[data/x]"),
        (".tox/full-py311/lib/python3.11/site-packages/pkg/test_a.py::t", "pkg/test_a.py::t"),
        ("../env/lib/python3/dist-packages/pkg/test_a.py::t", "pkg/test_a.py::t"),
        ("test_a.py::t[<object object at 0x7f12aabb>]", "test_a.py::t[<object object at 0x…>]"),
        ("test_a.py::t[0x7f0123456789]", "test_a.py::t[0x…]"),
        ("test_a.py::t[0xdeadbeef]", "test_a.py::t[0xdeadbeef]"),
        ("test_a.py::t[/tmp/pytest-of-root/pytest-12/x0]", "test_a.py::t[<tmp>/x0]"),
        ("test_a.py::t[/tmp/tmpab12_xyz/x]", "test_a.py::t[<tmp>/x]"),
        ("test_a.py::t[/tmp/fixed]", "test_a.py::t[/tmp/fixed]"),
        ("test_a.py::t[mysql-8.0.36]", "test_a.py::t[mysql-8.0.36]"),
        ("test_a.py::t[\udc80]", "test_a.py::t[\\udc80]"),
        ("mod.function:1\n'a'", "mod.function:1\\n'a'"),
    ],
)
def test_normalise_folds_only_what_differs_from_run_to_run(raw, wanted):
    assert test_ids.normalise_id(raw, PROJECT) == wanted
    assert test_ids.normalise_id(wanted, PROJECT) == wanted


@pytest.mark.parametrize(
    ("rootdir", "nodeid", "wanted"),
    [
        ("/srv/project", "tests/test_a.py::t", "tests/test_a.py::t"),
        ("/srv/project/sub", "tests/test_a.py::t", "sub/tests/test_a.py::t"),
        ("/srv", "project/tests/test_a.py::t", "tests/test_a.py::t"),
        ("", "tests/test_a.py::t", "tests/test_a.py::t"),
        ("/srv/project", "/srv/project/tests/test_a.py::t", "tests/test_a.py::t"),
        ("/srv/project", "test_a.py::t[a::b]", "test_a.py::t[a::b]"),
    ],
)
def test_a_node_id_counts_from_the_project(rootdir, nodeid, wanted):
    assert test_ids.normalise_pytest_id(nodeid, rootdir, PROJECT) == wanted


def test_the_group_of_a_distributed_run_is_no_part_of_the_id():
    assert test_ids.normalise_pytest_id("test_a.py::t[x@y]@group", "", PROJECT, grouped=True) == "test_a.py::t[x@y]"
    assert test_ids.normalise_pytest_id("test_a.py::t[x@y]", "", PROJECT, grouped=True) == "test_a.py::t[x@y]"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("pkg.test_a.TestB.test_c", ("pkg.test_a.TestB.test_c", False)),
        ("unittest.loader._FailedTest.pkg.test_a", ("pkg.test_a", True)),
        ("unittest.loader.ModuleSkipped.pkg.test_a", ("pkg.test_a", True)),
        ("setUpClass (pkg.test_a.TestB)", ("pkg.test_a.TestB", True)),
        ("setUpModule (pkg.test_a)", ("pkg.test_a", True)),
        ("tearDownClass (pkg.test_a.TestB)", ("pkg.test_a.TestB.tearDownClass", False)),
    ],
)
def test_what_stands_for_a_module_carries_its_name(raw, wanted):
    assert test_ids.normalise_unittest_id(raw, PROJECT) == wanted
