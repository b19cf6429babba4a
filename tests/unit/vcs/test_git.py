"""What git is asked with, and which of its lines is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from envmatrix.vcs.git import LOCAL_VARIABLES, GitError, extract_complaint, find_absent_program


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (b"warning: x\nfatal: bad object HEAD\n", "bad object HEAD"),
        (b"error: a\x1b[1m\n", "a?[1m"),
        (b"", ""),
    ],
)
def test_the_line_that_says_what_is_wrong_is_told(stderr: bytes, told: str) -> None:
    assert extract_complaint(stderr) == told


@pytest.mark.parametrize(
    ("line", "program"),
    [
        (b"git-lfs filter-process: 1: git-lfs: not found", "git-lfs"),
        (b"git-lfs filter-process: line 1: git-lfs: command not found", "git-lfs"),
        (b"error: cannot run nbstripout: No such file or directory", "nbstripout"),
        (b"error: external filter 'x' failed", ""),
        (b"fatal: x: origin/next: not found", ""),
    ],
)
def test_a_filters_program_that_is_missing_is_named(line: bytes, program: str) -> None:
    stderr = line + b"\nerror: packet write with format failed\nfatal: a.bin: clean filter 'lfs' failed\n"
    assert find_absent_program(stderr) == program
    assert ("install git-lfs" in GitError("x", program=program).suggest_remedy(Path())) == (program == "git-lfs")


def test_an_operators_refusal_of_replaced_objects_is_no_variable_of_a_hook() -> None:
    assert "GIT_NO_REPLACE_OBJECTS" not in LOCAL_VARIABLES
    assert "GIT_DIR" in LOCAL_VARIABLES
