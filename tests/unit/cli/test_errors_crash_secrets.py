"""A report of a bug is pasted into an issue: no secret of an address is in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envmatrix.cli.errors import report_bug


def test_no_password_of_the_command_line_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("platform.platform", lambda: "here")  # which starts a process
    monkeypatch.setattr(sys, "argv", ["envmatrix", "run", "--store=sftp://u:s3c/r@t@host/x", "https://h/?t=t0ken"])
    report_bug(RuntimeError("cannot open sftp://u:s3c/r@t@host/x"))
    (report,) = tmp_path.iterdir()
    told = report.read_text() + capsys.readouterr().err
    assert "sftp://host/x" in told
    assert not any(secret in told for secret in ("s3c", "r@t", "t0ken"))
