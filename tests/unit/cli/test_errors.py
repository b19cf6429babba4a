from pathlib import Path

from envmatrix.cli import errors
from envmatrix.errors import ExitCode


def test_a_report_holds_what_is_no_text_too(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(errors.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(errors.platform, "platform", lambda: "here")  # which starts a process
    monkeypatch.setattr(errors.sys, "argv", ["envmatrix", "run", "a\udcff"])
    assert errors.report_bug(ValueError("b\udcfe")) == ExitCode.INTERNAL
    (report,) = tmp_path.iterdir()
    assert "$ envmatrix run a\\udcff" in report.read_text()
    assert str(report) in "".join(capsys.readouterr().err.split())
