"""What the gate's tests share: a project whose environments need nothing but Python, and readers of what it left."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

INI = """[tox]
skipsdist = true
[testenv]
commands = python -m unittest -v {posargs:test_both}
"""
TESTS = """import os
import unittest


class Case(unittest.TestCase):
    def test_everywhere(self):
        pass

    @unittest.skipUnless(os.environ.get("LEFT"), "requires left")
    def test_left(self):
        pass

    @unittest.skipUnless(os.environ.get("RIGHT"), "requires right")
    def test_right(self):
        pass
"""
CAPABILITIES = '[left]\nenv = "LEFT"\n\n[right]\nenv = "RIGHT"\n'
SIDE = """extends = "restricted"
requires = ["{side}"]
must_run = ["*test_{side}"]

[env]
pass_env = {{ append = ["LEFT", "RIGHT"] }}

[relevant]
paths = ["{side}/**", "test_both.py"]

[gate]
required = true
"""
FILES = {
    "tox.ini": INI,
    "test_both.py": TESTS,
    "profiles/capabilities.toml": CAPABILITIES,
    "profiles/left.toml": SIDE.format(side="left"),
    "profiles/right.toml": SIDE.format(side="right"),
    "left/code.py": "",
    "right/code.py": "",
}
LEFT, RIGHT = {"ENVMATRIX_HOST": "west", "LEFT": "1"}, {"ENVMATRIX_HOST": "east", "RIGHT": "1"}


def records(store: Path) -> list[dict[str, Any]]:
    """Every record of a store, by host and cell."""
    found = [json.loads(path.read_bytes()) for path in store.glob("*/*/*.json")]
    return sorted(found, key=lambda record: (record["host"]["name"], record["cell"], record["started"]))


def states(verdict: dict[str, Any]) -> dict[str, str]:
    """The states of a verdict's cells by name."""
    return {cell["name"]: cell["state"] for cell in verdict["cells"]}


def only_index(url: str, **more: str) -> dict[str, str]:
    """Variables with which pip builds and asks that index alone, whatever this machine is set up to ask."""
    empty = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_PROXY", "PIP_CONSTRAINT")
    of_uv = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_CONSTRAINT")
    own = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return dict.fromkeys((*empty, *of_uv, *proxies), "") | own | more
