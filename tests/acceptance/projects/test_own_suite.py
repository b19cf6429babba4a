"""What tests/conftest.py holds this suite to."""

import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[2] / "conftest.py"
SKIPS = """
import pytest

def test_by_call():
    pytest.skip("no server")

@pytest.mark.skipif(True, reason="no bindings")
def test_by_mark():
    pass

@pytest.mark.parametrize("case", [])
def test_of_nothing(case):
    pass

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


def run_pytest(project, execute):
    return execute(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cwd=project)


def test_no_skip_is_silent(project, execute):
    root = project({"conftest.py": CONFTEST, "test_skips.py": SKIPS})
    result = run_pytest(root, execute)
    assert result.returncode == 1, result
    assert "1 failed, 1 xfailed, 2 errors" in result.stdout
    assert "test_by_call skipped itself (Skipped: no server)" in result.stdout


def test_a_module_that_skips_itself_is_an_error(project, execute):
    module = 'import pytest\n\npytest.importorskip("absent_bindings")\n\ndef test():\n    pass\n'
    result = run_pytest(project({"conftest.py": CONFTEST, "test_module.py": module}), execute)
    assert result.returncode == 2, result
    assert "test_module.py skipped itself" in result.stdout
