"""Real projects as their source archives have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def extract(archive: Path, folder: Path) -> None:
    """Unpack an archive by the system's tar: Debian 12's Python has no filter yet that says what may be in one."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "--no-same-owner", "-xf", archive, "-C", folder], check=True)


def unpack(requirement: str, cache: Path, folder: Path) -> Path:
    """Unpack the source archive of ``name==version`` into ``folder``, fetched once into ``cache``; where it lies."""
    kept = cache / requirement
    if not kept.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", requirement]
        subprocess.run([*command, "-d", kept], check=True)
    (archive,) = kept.iterdir()
    extract(archive, folder)
    (root,) = folder.iterdir()
    return root
