"""Every file in tests/profiles is a case: valid ones give the cells beside them, invalid ones the message."""

import importlib.util
from pathlib import Path

import pytest

from envmatrix.config.load import load
from envmatrix.config.model import Project
from envmatrix.config.select import select
from envmatrix.errors import ConfigError

SPEC = importlib.util.spec_from_file_location("cases", Path(__file__).parents[2] / "profiles" / "cases.py")
CASES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CASES)


@pytest.mark.parametrize("case", CASES.cases("valid"), ids=lambda case: case.name)
def test_a_valid_profile_gives_its_cells(case, tmp_path):
    loaded = load(Project(root=str(CASES.project_of(case, tmp_path))))
    assert [cell.name for cell in select(loaded).cells] == CASES.expected(case).splitlines()


@pytest.mark.parametrize("case", CASES.cases("invalid"), ids=lambda case: case.name)
def test_an_invalid_profile_gives_its_message(case, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(Project(root=str(CASES.project_of(case, tmp_path))))
    assert str(caught.value) == CASES.expected(case).rstrip("\n")


def test_every_problem_names_its_file(tmp_path):
    assert len(CASES.cases("invalid")) >= 100
    for case in CASES.cases("invalid"):
        for line in CASES.expected(case).splitlines():
            assert line.startswith(("profiles/", "tox.")), line
