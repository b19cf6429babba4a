"""What is counted in real suites is what their own runner says, test by test."""

import pytest
from counting import compare, evidence_of
from suites import SUITES


@pytest.fixture
def counted(source, tmp_path, constraints, envmatrix):
    """``counted("tooz")``: run the suite in the system's Python; the comparison, and the verdict's document."""

    def run(name):
        suite = SUITES[name]
        root = suite.prepare(tmp_path / "archives", tmp_path / "src")
        result = envmatrix("run", "counts", "--json", cwd=root, env=suite.environ(constraints), timeout_s=1200)
        assert result.stdout, result
        (cell,) = result.json["cells"]
        return compare(root, evidence_of(root, cell["evidence"])), result

    return run


def test_virtualbmc_in_stestr(counted):
    comparison, result = counted("virtualbmc")
    assert (comparison.tests, comparison.differences) == (66, []), result
    assert result.returncode == 0, result


def capability_skips(result):
    """What is said to wait for a capability: nothing, in suites whose skips have nothing to do with the host."""
    seen = [one for entry in result.json["ran_nowhere"] for one in entry["seen_in"]]
    return [one for one in seen if one["class"] == "capability"], {one["reason"] for one in seen}


def test_tooz_in_two_runs_of_stestr(counted):
    comparison, result = counted("tooz")
    assert (comparison.tests, comparison.differences) == (330, []), result
    found, reasons = capability_skips(result)
    assert found == []
    assert {"not implemented", "This driver is not based on timeout"} <= reasons
    assert result.returncode == 0, result


def test_dateutil_in_pytest(counted):
    comparison, result = counted("python-dateutil")
    assert comparison.tests > 1000
    assert comparison.differences == [], result
    found, reasons = capability_skips(result)
    assert found == []
    assert "Requires Windows" in reasons


def test_packaging_in_pytest(counted):
    comparison, result = counted("packaging")
    assert comparison.tests > 3000
    assert comparison.differences == [], result
    assert result.returncode == 0, result
