"""Real projects as their source archives have them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path


def unpack(requirement: str, cache: Path, folder: Path) -> Path:
    """Unpack the source archive of ``name==version`` into ``folder``, fetched once into ``cache``; where it lies."""
    kept = cache / requirement
    if not kept.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", requirement]
        subprocess.run([*command, "-d", kept], check=True)
    (archive,) = kept.iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root
