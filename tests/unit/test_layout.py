from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_each_test_module_has_a_name_of_its_own():
    """pytest imports test modules by their bare names: the second of a name is an error in a run of all of them."""
    names = Counter(path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []
