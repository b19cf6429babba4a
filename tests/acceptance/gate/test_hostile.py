"""Evidence that somebody wrote to break the gate or its readers: reported, bounded, never executed, never counted."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from gate_lab import FILES, LEFT, RIGHT, states

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[1A\r\u202e\u200b"
NASTY = (
    f"test_escape{ESCAPES}",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\n::error file=a::owned\n::set-output name=x::y",
    "\n##[group]owned\n##vso[task.setvariable variable=x]y",
    "##teamcity[testFailed name='x']",
    "]]></system-out><failure/>",
    "`x` | ![i](http://example.org/i.png) [l](javascript:alert(1)) @everyone /approve #1",
    "--> {{ constructor }} ${jndi:ldap://x}",
    "../../../etc/passwd",
    "\ud800",
)
FORMATS = ("text", "json", "markdown", "junit", "html", "gerrit", "github", "github-check", "gitlab")


@pytest.fixture
def judged(project, envmatrix):
    """A project of which one real run of each side is in the store, and the two records."""
    root = project(FILES)
    for env in (LEFT, RIGHT):
        assert envmatrix("run", "--allow-blocked", cwd=root, env=env).returncode == 0
    assert envmatrix("gate", "HEAD", cwd=root).returncode == 0
    return root


def store_of(root: Path) -> Path:
    return root / ".envmatrix/evidence"


def record_of(root: Path, cell: str) -> tuple[Path, dict]:
    (path,) = store_of(root).glob(f"*/{cell}/*.json")
    return path, json.loads(path.read_bytes())


def gate(envmatrix, root, *args):
    """The gate's answer, which must come soon and in little memory, whatever lies in the store."""
    begun = time.monotonic()
    limited = ("sh", "-c", 'ulimit -v 2000000; exec "$@"', "limited")
    result = envmatrix("gate", "HEAD", *args, cwd=root, within=limited, timeout_s=120)
    assert time.monotonic() - begun < 60
    assert "Traceback" not in result.output, result
    return result


def test_names_and_reasons_reach_no_reader_as_anything_but_text(judged, envmatrix):
    path, record = record_of(judged, "left")
    outcomes = ("failed", "skipped", "error", "xfailed", "passed")
    record["tests"] = [
        {"id": name.encode("utf-8", "replace").decode(), "outcome": outcome, "reason": "".join(NASTY[:-1])}
        for name in NASTY
        for outcome in outcomes
    ]
    for key in ("project", "attempt_reason", "partial"):
        record[key] = NASTY[0] + NASTY[1] + NASTY[2]
    record["host"]["name"] = "".join(NASTY[:-1])
    record["reasons"] = [{"code": "crashed", "message": NASTY[2] + NASTY[1], "remedy": NASTY[6], "detail": NASTY[3]}]
    path.write_text(json.dumps(record))
    for format_ in FORMATS:
        result = gate(envmatrix, judged, "--format", format_)
        assert result.returncode == 1, result
        assert "\x1b" not in result.stdout, format_
        assert "\u202e" not in result.stdout, format_
        assert not re.search(r"^\s*::", result.stdout, re.MULTILINE), format_
        assert "##[" not in result.stdout, format_
        assert "##vso[" not in result.stdout, format_
        assert "##teamcity[" not in result.stdout, format_
        if format_ in ("markdown", "github", "gitlab"):
            outside = re.sub(r"^ *(`{3,})\w*\n.*?^ *\1$", "", result.stdout, flags=re.MULTILINE | re.DOTALL)
            outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
            for markup in ("<script", "<img", "](", "@everyone", "/approve"):
                assert markup not in outside, (format_, outside)
        if format_ in ("junit", "html"):
            assert "<script>alert" not in result.stdout
            assert "<img src=x" not in result.stdout


def deep(root: Path, record: dict) -> bytes:
    return b'{"schema": "envmatrix/evidence/1", "axes": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"


def wide(root: Path, record: dict) -> bytes:
    return json.dumps(record | {"project": "x" * 80_000_000}).encode()


CONTENTS = {
    "deep": deep,
    "more-than-64-MiB": wide,
    "another-schema": lambda root, record: json.dumps(record | {"schema": "envmatrix/evidence/2"}).encode(),
    "no-schema-at-all": lambda root, record: b'{"state": "finished", "tests": []}',
    "wrong-types": lambda root, record: json.dumps(record | {"tests": {"a": "passed"}}).encode(),
    "an-outcome-of-its-own": lambda root, record: json.dumps(
        record | {"tests": [{"id": "a", "outcome": "ok"}]}
    ).encode(),
    "half-a-file": lambda root, record: json.dumps(record).encode()[:-20],
    "nothing": lambda root, record: b"",
    "no-text": lambda root, record: b"\xff\xfe\x00" * 1000,
    "another-id": lambda root, record: json.dumps(record | {"id": "another"}).encode(),
    "another-cell": lambda root, record: json.dumps(record | {"cell": "right"}).encode(),
    "another-tree": lambda root, record: json.dumps(record | {"tree": "b" * 40}).encode(),
    "a-path-for-an-id": lambda root, record: json.dumps(record | {"id": "../../../../x"}).encode(),
    "a-time-of-its-own": lambda root, record: json.dumps(record | {"finished": "tomorrow"}).encode(),
    "an-endless-duration": lambda root, record: json.dumps(record | {"duration_s": 1e999}).encode(),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_what_is_no_evidence_is_told_and_counts_for_nothing(judged, envmatrix, case):
    path, record = record_of(judged, "left")
    path.write_bytes(CONTENTS[case](judged, record))
    result = gate(envmatrix, judged, "--json")
    assert result.returncode == 3, result
    assert states(result.json) == {"left": "owed", "right": "passed"}
    told = [note for note in result.json["notes"] if note.startswith("not believed: ")]
    assert len(told) == 1, result
    assert path.name in told[0]


def test_files_that_are_no_files_are_not_opened(judged, envmatrix, tmp_path):
    path, _ = record_of(judged, "left")
    aside = tmp_path / "aside.json"
    path.rename(aside)
    path.symlink_to(aside)
    os.mkfifo(path.with_name("a-pipe.json"))
    (store_of(judged) / "..%2F..%2Fx").mkdir()
    (path.parent / "a-folder.json").mkdir()
    (path.parent / f"name{ESCAPES}.json").write_text("{}")
    result = gate(envmatrix, judged, "--json")
    assert (result.returncode, states(result.json)) == (3, {"left": "owed", "right": "passed"}), result
    assert len([note for note in result.json["notes"] if note.startswith("not believed: ")]) >= 3
    assert "\x1b" not in gate(envmatrix, judged).stdout


def test_a_flood_of_foreign_files_is_counted_and_not_listed(judged, envmatrix):
    path, _ = record_of(judged, "left")
    for number in range(3000):
        path.with_name(f"foreign-{number}.json").write_text("{}")
    result = gate(envmatrix, judged, "--json")
    assert (result.returncode, states(result.json)) == (0, {"left": "passed", "right": "passed"}), result
    notes = [note for note in result.json["notes"] if note.startswith("not believed: ")]
    assert len(notes) < 50
    assert notes[-1] == f"not believed: {3000 - len(notes) + 1} files more"


def test_a_record_of_another_matrix_or_profile_is_shown_and_not_counted(judged, envmatrix):
    path, record = record_of(judged, "left")
    for change in ({"matrix_digest": "sha256:" + "0" * 64}, {"profile": "right"}):
        path.write_text(json.dumps(record | change))
        result = gate(envmatrix, judged, "--json")
        assert (result.returncode, states(result.json)) == (3, {"left": "stale", "right": "passed"}), result
