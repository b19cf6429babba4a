"""What of a command line is taken for a run that is about to start processes."""

from __future__ import annotations

import pytest

from envmatrix.cli.entry import runs


@pytest.mark.parametrize(
    "line",
    ["run", "run full", "-q run -j 2 tox:a", "-C run-here run", "run full -- --help", "--no-color run --no-warm"],
)
def test_a_run_is_known(line: str) -> None:
    assert runs(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plan",
        "--help",
        "run --help",
        "run -h",
        "run --staged",
        "run --reuse a",
        "run --changed-since=main",
        "-- run",
    ],
)
def test_what_may_start_nothing_is_not(line: str) -> None:
    assert not runs(line.split())
