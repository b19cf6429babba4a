"""The profiles in valid/ and invalid/: a file dropped there is a case, its expectation lies beside it as .txt."""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).parent


def cases(kind: str) -> list[Path]:
    """Return the cases of a kind: TOML files, and folders that are a project of several files."""
    return sorted(path for path in (HERE / kind).iterdir() if path.suffix != ".txt")


def expected(case: Path) -> str:
    """Return what the case should give."""
    return (case.parent / f"{case.stem if case.is_file() else case.name}.txt").read_text(encoding="utf-8")


def project_of(case: Path, root: Path) -> Path:
    """Make the project that a case stands for in ``root`` and return it."""
    if case.is_dir():
        shutil.copytree(case, root, dirs_exist_ok=True)
    else:
        (root / "profiles").mkdir()
        shutil.copy(case, root / "profiles")
    return root
