"""Suites whose counts are compared with their runner's own: where they come from and what runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archives import unpack

PYTEST_INI = "[testenv]\ndeps =\n    pytest\n    {}\ncommands = pytest -v tests\n"
EVERY = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Suite:
    """A project by its requirement, the built-in profile that it runs in and the Pythons that it allows.

    ``tests`` is how many its runner reports (0 where that depends on the Python); ``tox_ini`` stands where it has none.
    """

    requirement: str
    profile: str = "restricted"
    pythons: Sequence[str] = ("3.11", "3.12", "3.13")
    tests: int = 0
    tox_ini: str = ""

    @property
    def name(self) -> str:
        """The project's name."""
        return self.requirement.partition("==")[0]

    def prepare(self, cache: Path, folder: Path, pythons: Sequence[str] = ()) -> Path:
        """Unpack it with a profile ``counts`` over these Pythons (none: whichever the host offers); where it lies."""
        root = unpack(self.requirement, cache, folder)
        if self.tox_ini:
            (root / "tox.ini").write_text(self.tox_ini)
        axes = f"[axes]\npython = [{', '.join(map(repr, pythons))}]\n" if pythons else ""
        (root / "profiles").mkdir()
        (root / "profiles" / "counts.toml").write_text(
            f'description = "The whole suite"\nextends = "{self.profile}"\n{axes}'
        )
        return root

    def environ(self, constraints: str) -> dict[str, str]:
        """What it wants to be told: no constraints of a server, and its version where there is no git history."""
        return {"TOX_CONSTRAINTS_FILE": constraints, "PBR_VERSION": self.requirement.partition("==")[2]}


SUITES = {
    suite.name: suite
    for suite in (
        Suite(requirement="virtualbmc==3.3.0", profile="full", pythons=("3.11",), tests=66),
        Suite(requirement="tooz==9.1.0"),
        Suite(requirement="oslo.db==18.1.1", tests=579),
        Suite(requirement="packaging==25.0", pythons=EVERY, tox_ini=PYTEST_INI.format("pretend")),
        Suite(
            requirement="python-dateutil==2.9.0.post0",
            pythons=EVERY,
            tox_ini=PYTEST_INI.format("pytest<8\n    pytest-cov\n    freezegun\n    hypothesis\n    six"),
        ),
    )
}
