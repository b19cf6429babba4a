"""What ``envmatrix clean`` does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from envmatrix.config.project import find_project
from envmatrix.engine import services
from envmatrix.engine.run.run_dir import is_run_id
from envmatrix.evidence.store.store import Store
from envmatrix.util.state_dir import check_state_dir, state_path


def clean_project(start: Path, *, runs: bool) -> Iterator[str]:
    """Remove what killed runs left behind and yield a line for each thing removed."""
    root = Path(find_project(start).root)
    check_state_dir(root)
    state = state_path(root)
    removed = [f"stopped and removed: {item}" for item in services.clean(state)]
    if runs:
        last = Store(None, root).last_run()
        for folder in sorted((state / "runs").glob("*")):
            if is_run_id(folder.name) and (last is None or folder.name != last.run_id):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(f"removed: {folder.relative_to(root)}")
    yield from removed or ["nothing was left behind"]
