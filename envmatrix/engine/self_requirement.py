"""How a provisioned tox installs this very envmatrix."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, distribution
from typing import Any

from packaging.requirements import Requirement


def self_requirement() -> Requirement:
    """Return a requirement that installs the envmatrix that is running: by URL where it was installed from one (a
    checkout, an archive, a version control system; PEP 610's direct_url.json), else by its exact version.
    """
    own = distribution("envmatrix")
    url = _direct_url(own)
    return Requirement(f"envmatrix @ {url}" if url else f"envmatrix=={own.version}")


def _direct_url(own: Distribution) -> str:
    try:
        document: Any = json.loads(own.read_text("direct_url.json") or "null")
    except ValueError:
        return ""
    if not isinstance(document, dict) or not isinstance(url := document.get("url"), str):
        return ""
    if isinstance(vcs := document.get("vcs_info"), dict):
        return f"{vcs.get('vcs')}+{url}@{vcs.get('commit_id')}"
    return url
