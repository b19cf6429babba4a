"""What git is asked with, and which of its lines is told."""

from __future__ import annotations

import pytest

from envmatrix.evidence.git import LOCAL_VARIABLES, complaint


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (b"warning: x\nfatal: bad object HEAD\n", "bad object HEAD"),
        (b"error: a\x1b[1m\n", "a?[1m"),
        (b"", ""),
    ],
)
def test_the_line_that_says_what_is_wrong_is_told(stderr: bytes, told: str) -> None:
    assert complaint(stderr) == told


def test_an_operators_refusal_of_replaced_objects_is_no_variable_of_a_hook() -> None:
    assert "GIT_NO_REPLACE_OBJECTS" not in LOCAL_VARIABLES
    assert "GIT_DIR" in LOCAL_VARIABLES
