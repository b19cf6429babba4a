"""What a snapshot of tracked files sees, and what it costs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from envmatrix.vcs.snapshot import Snapshot, join_snapshots


def test_every_touch_of_a_file_is_seen(tmp_path: Path) -> None:
    names = ("same", "edited", "forged", "gone", "replaced", "mode", "late")
    for name in names[:-1]:
        (tmp_path / name).write_text("1")
    before = Snapshot(str(tmp_path), names)
    times = (tmp_path / "forged").stat()
    (tmp_path / "edited").write_text("2")
    (tmp_path / "edited").write_text("1")
    (tmp_path / "forged").write_text("1")
    os.utime(tmp_path / "forged", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("1")
    (tmp_path / "new").replace(tmp_path / "replaced")
    (tmp_path / "mode").chmod(0o700)
    (tmp_path / "late").write_text("1")
    assert before.find_differing(before.take_again()) == ("edited", "forged", "gone", "late", "mode", "replaced")


def test_nested_repositories_count_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a", "inner/b"):
        (tmp_path / name).write_text("1")
    whole = join_snapshots(Snapshot(str(tmp_path), ("a",)), "inner", Snapshot(str(tmp_path / "inner"), ("b",)))
    assert whole.find_differing(whole.take_again()) == ()
    (tmp_path / "inner/b").write_text("2")
    assert whole.find_differing(whole.take_again()) == ("inner/b",)


def test_a_look_at_a_thousand_files_is_cheap(tmp_path: Path) -> None:
    names = tuple(f"f{number}" for number in range(1000))
    for name in names:
        (tmp_path / name).touch()
    snapshot, taken_s = Snapshot(str(tmp_path), names), []
    for _ in range(5):
        start = time.process_time()
        assert not snapshot.find_differing(snapshot.take_again())
        taken_s.append(time.process_time() - start)
    assert min(taken_s) < 0.0075  # two of them a cell, within 15 ms
