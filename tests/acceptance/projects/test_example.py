"""The example project tells its story: what stock tox makes of it, and what envmatrix makes of it."""

import re

import pytest

SILENT = {"passed": 7, "skipped": 6}


@pytest.fixture
def tox(stock_tox):
    """``tox(project, python, *args)`` runs the example's only environment in that interpreter, system packages seen."""

    def run(project, python):
        settings = ("testenv.system_site_packages=true", f"testenv.base_python={python}")
        return stock_tox("-e", "py", *(part for setting in settings for part in ("-x", setting)), cwd=project)

    return run


def counts(result):
    """What pytest's closing line says: {"passed": 12, "skipped": 3}."""
    closing = re.findall(r"^=+ (.+) in [\d.]+s", result.output, re.MULTILINE)
    assert closing, result
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", closing[-1])}


def test_stock_tox_is_green_without_the_bindings(example, stock_tox):
    result = stock_tox(cwd=example)
    assert result.returncode == 0, result
    assert counts(result) == SILENT


def test_stock_tox_misses_the_regression_in_another_interpreter(example, tox, git, other_python):
    result = tox(example, other_python)
    assert (result.returncode, counts(result)) == (0, SILENT), result
    git("apply", "regression.patch", cwd=example)
    result = tox(example, other_python)
    assert (result.returncode, counts(result)) == (0, SILENT), result


def test_stock_tox_finds_the_regression_with_the_bindings(example, tox, git, system_python):
    result = tox(example, system_python)
    assert (result.returncode, counts(result)) == (0, {"passed": 12, "skipped": 3}), result
    git("apply", "regression.patch", cwd=example)
    result = tox(example, system_python)
    assert (result.returncode, counts(result)) == (1, {"failed": 2, "passed": 10, "skipped": 3}), result


def test_all_of_it_runs_and_passes_where_everything_is(example, envmatrix, git, path_first, other_python):
    result = envmatrix("run", "--json", cwd=example, env={"PATH": path_first(other_python)})
    assert result.returncode == 0, result
    verdict = result.json
    assert {cell["name"]: cell["state"] for cell in verdict["cells"]} == {
        "libvirt": "passed",
        "mysql": "passed",
        "unit": "passed",
    }
    assert verdict["ran_nowhere"] == []
    assert git("status", "--porcelain", cwd=example) == ""


def test_without_the_bindings_the_run_is_incomplete_and_names_what_ran_nowhere(
    example, envmatrix, git, without_libvirt
):
    git("apply", "regression.patch", cwd=example)
    result = envmatrix("run", "unit", "libvirt", "--json", cwd=example, within=without_libvirt)
    assert result.returncode == 3, result
    verdict = result.json
    assert verdict["verdict"] == "incomplete"
    states = {cell["name"]: cell["state"] for cell in verdict["cells"]}
    assert states == {"libvirt": "blocked", "unit": "passed"}
    nowhere = {missing["test"] for missing in verdict["ran_nowhere"]}
    assert {name for name in nowhere if "libvirt" in name} == {
        "tests/test_libvirt_driver.py",
        "tests/test_libvirt_errors.py::LibvirtErrorsTest::test_a_running_guest_is_not_started_twice",
        "tests/test_libvirt_errors.py::LibvirtErrorsTest::test_unknown_guest",
    }


def test_the_regression_is_found_in_the_interpreter_that_has_the_bindings(
    example, envmatrix, git, path_first, other_python, system_python
):
    git("apply", "regression.patch", cwd=example)
    env = {"PATH": path_first(other_python)}
    plan = envmatrix("plan", "libvirt", "--json", cwd=example, env=env)
    assert [cell["interpreter"]["path"] for cell in plan.json["cells"]] == [str(system_python)], plan
    result = envmatrix("run", "libvirt", "--json", cwd=example, env=env)
    assert result.returncode == 1, result
    (cell,) = result.json["cells"]
    assert (cell["state"], cell["tests"]["failed"], cell["tests"]["passed"]) == ("failed", 2, 10)


def test_tests_that_still_skip_with_the_bindings_are_a_breach(example, envmatrix):
    module = example / "tests" / "test_libvirt_errors.py"
    switched = module.read_text().replace("HAVE_LIBVIRT = True", 'HAVE_LIBVIRT = "LIBVIRT_TESTS" in os.environ')
    module.write_text("import os\n" + switched)
    result = envmatrix("run", "libvirt", "--json", cwd=example)
    assert result.returncode == 3, result
    assert {breach["code"] for breach in result.json["breaches"]} >= {"must_run", "capability_skip"}
