"""An index of packages in a folder, as pip and uv read it: by http or as file://."""

from __future__ import annotations

import zipfile
from pathlib import Path


def publish(index: Path, name: str, version: str) -> None:
    """Add a version of a package to an index in a folder."""
    folder = index / "simple" / name.replace("_", "-")
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "A = 1\n")
        wheel.writestr(f"{name}/unused.py", "B = 1\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {folder.name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    links = (f'<a href="{path.name}">{path.name}</a>' for path in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text(f"<html><body>{''.join(links)}</body></html>")
