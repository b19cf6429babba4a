"""The derived properties of records."""

from __future__ import annotations

import pytest
from store_values import record

from envmatrix.evidence.model import CommandRun, ContentLook, RanReason, Session


@pytest.mark.parametrize(
    ("command", "failed"),
    [
        (CommandRun(argv=("x",)), False),
        (CommandRun(argv=("x",), exit_code=1), True),
        (CommandRun(argv=("x",), exit_code=1, ignored=True), True),
        (CommandRun(argv=("x",), exit_code=1, inverted=True), False),
        (CommandRun(argv=("x",), exit_code=0, inverted=True), True),
        (CommandRun(argv=("x",), not_started="no such file"), True),
    ],
)
def test_a_command_fails_by_its_exit_code_even_if_tox_ignores_it(command: CommandRun, failed: bool) -> None:
    assert command.has_failed is failed


def test_content_has_moved_if_a_file_or_a_reason_says_so() -> None:
    assert not record(content=ContentLook(before="x", after="y")).has_moved
    assert record(content=ContentLook(before="x", after="y", moved=("a.py",))).has_moved
    assert record(reasons=(RanReason(code="content_moved", message="x"),)).has_moved


def test_nested_sessions_are_not_runs() -> None:
    outer = Session(runner="pytest")
    assert record(sessions=(outer, Session(runner="pytest", nested=True))).counted_sessions == (outer,)
