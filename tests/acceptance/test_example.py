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
