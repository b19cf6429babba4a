"""What the trap tests share: small projects in one prepared tox environment, run by stock tox and by envmatrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results import Result

GOOD = "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n"
BAD = "def test_bad():\n    assert False, 'wrong'\n"
CASE = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
INI = """[tox]
skipsdist = true
work_dir = {work}
[testenv]
deps =
    pytest
    pytest-xdist
    stestr
allowlist_externals = *
pass_env = TRAP*
{more}commands =
    {commands}
"""


class Trap:
    """One project that goes wrong in silence, as stock tox and envmatrix see it."""

    def __init__(self, root: Path, stock_tox: Callable[..., Result], envmatrix: Callable[..., Result]) -> None:
        self.root = root
        self._stock_tox = stock_tox
        self._envmatrix = envmatrix

    def stock(self, env: Mapping[str, str] | None = None) -> int:
        """What stock tox ends with."""
        result = self._stock_tox("-e", "py", cwd=self.root, env=env)
        assert "congratulations" in result.output or result.returncode, result
        return result.returncode

    def run(self, *names: str, env: Mapping[str, str] | None = None) -> Found:
        """What envmatrix finds in the profile ``trap``, or in those named."""
        return Found(self._envmatrix("run", "--json", *(names or ("trap",)), cwd=self.root, env=env))


class Found:
    """A verdict; its text is the whole result, for an assertion that fails."""

    def __init__(self, result: Result) -> None:
        assert result.stdout, result
        self.result = result
        self.exit = result.returncode
        self.document = result.json
        (self.cell, *_) = self.document["cells"]

    @property
    def codes(self) -> set[str]:
        """The codes of all breaches."""
        return {breach["code"] for breach in self.document["breaches"]}

    @property
    def messages(self) -> str:
        """The sentences of all breaches and of why the first cell is not passed, a line each."""
        told = [breach["message"] for breach in self.document["breaches"]]
        return "\n".join(told + [reason["message"] for reason in self.cell["reasons"]])

    @property
    def ran_nowhere(self) -> dict[str, str]:
        """Test -> the class of its absence in the cell where it was seen first."""
        return {entry["test"]: entry["seen_in"][0]["class"] for entry in self.document["ran_nowhere"]}

    def counts(self, **expected: int) -> bool:
        """Whether these are all outcomes of the first cell."""
        return {name: count for name, count in self.cell["tests"].items() if count} == expected

    def __repr__(self) -> str:
        return str(self.result)
