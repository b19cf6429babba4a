"""Generated projects and changes, each run without tox where that is allowed and then through tox: no difference."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from envmatrix.config.matrix import load_matrix
from envmatrix.engine.launcher.client import ForkServer
from envmatrix.engine.run.cell import RunContext, Watcher, run_cell
from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.host.model import Interpreter
from envmatrix.plan import Runnable
from envmatrix.vcs.identity import Identity

# 20 projects take about four minutes of a processor: .ci/run has fewer, .ci/all has all of them
PROJECTS = int(os.environ.get("WARM_PROJECTS", "20"))
CHANGES = 10
PACKAGES, PACKAGE_CHANGES = max(1, PROJECTS * 3 // 10), 6  # each run through tox builds a wheel
SHOW = """
import json, os, sys
here = {"env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:], "version": sys.version}
try:
    import demo
    here["demo"] = [demo.VALUE, demo.data()]
except ImportError:
    pass
name = "seen-%d.json" % len([n for n in os.listdir(os.environ["ENVMATRIX_RECORD"] + "/..") if n.startswith("seen")])
with open(os.path.join(os.environ["ENVMATRIX_RECORD"], "..", name), "w") as file:
    json.dump(here, file)
"""
DEMO = """import os

VALUE = {value}


def data():
    place = os.path.join(os.path.dirname(__file__), *{place!r}.split("/"))
    return open(place).read() if os.path.exists(place) else None
"""
COMPUTED = """import os
from setuptools import setup

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
setup(package_dir={"": os.path.relpath(os.path.join(os.path.dirname(here), "sibling"))})
"""
# what is each run's own: where it records, its hash seed, its job, where its package was built
OWN = {"ENVMATRIX_RECORD", "PYTHONHASHSEED", "ENVMATRIX_JOB", "TOX_PACKAGE"}
VARIABLES = ("APP_MODE", "APP_LEVEL", "app_lower", "OTHER", "LANG", "UNRELATED")


def put(path: Path, content: str) -> None:
    """Write a file where its content changes, as an editor would."""
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


class Project:
    """A generated project, its caller's variables and its interpreter; every change is one of ``kinds``."""

    install = "skip_install = true"

    def __init__(self, root: Path, chance: random.Random, wheels: dict[str, Path], pythons: list[Path]) -> None:
        self.root, self.chance, self.wheels, self.pythons = root, chance, wheels, pythons
        self.places = 0
        self.python = pythons[0]
        self.environ = {name: os.environ[name] for name in ("PATH", "HOME")} | {"APP_MODE": "1", "OTHER": "x"}
        self.keys: dict[str, str] = {"pass_env": "APP_*"}
        self.set_env = {"FIRST": "1"}
        self.profile: dict[str, str] = {}
        self.requirements = [chance.choice(sorted(wheels))] if chance.random() < 0.5 else []
        self.outcomes = {f"test_{number}": "pass" for number in range(chance.randint(1, 4))}
        self.write()

    @property
    def place(self) -> Path:
        """The whole checkout."""
        return self.root

    def write(self) -> None:
        set_env = "".join(f"\n    {name} = {value}" for name, value in self.set_env.items())
        keys = "".join(f"{key} = {value}\n" for key, value in self.keys.items())
        commands = self.keys.get("commands") or "commands =\n    python show.py {posargs:none} {env:APP_LEVEL:unset}"
        keys = keys if "commands" not in self.keys else keys.replace(f"commands = {commands}", commands)
        put(
            self.root / "tox.ini",
            f"[testenv]\n{self.install}\ndeps =\n    -r requirements.txt\n"
            f"set_env ={set_env}\n{keys}"
            "commands_pre = python show.py pre\n"
            "commands =\n    python show.py {posargs:none} {env:APP_LEVEL:unset}\n    python -m unittest -q test_app\n",
        )
        put(self.root / "requirements.txt", "".join(f"{self.wheels[name]}\n" for name in self.requirements))
        put(self.root / "show.py", SHOW)
        bodies = {"pass": "pass", "fail": "self.fail('wrong')", "skip": "self.skipTest('requires nothing')"}
        tests = "".join(f"    def {name}(self):\n        {bodies[how]}\n" for name, how in self.outcomes.items())
        put(self.root / "test_app.py", f"import unittest\n\nclass App(unittest.TestCase):\n{tests}")
        (self.root / "profiles").mkdir(exist_ok=True)
        lines = "".join(f"{key} = {value}\n" for key, value in self.profile.items())
        put(self.root / "profiles" / "mine.toml", f"[env]\nsystem_site_packages = false\n{lines}")

    def nothing(self) -> None:
        """Change nothing."""

    def a_requirement(self) -> None:
        self.requirements = self.chance.choice([[], *([name] for name in sorted(self.wheels))])

    def a_tox_key(self) -> None:
        key, values = self.chance.choice(
            [
                ("pass_env", ["APP_*", "app_*", "*", "OTHER"]),
                ("change_dir", ["{tox_root}", "{env_tmp_dir}/.."]),
                ("ignore_errors", ["true", "false"]),
                ("ignore_outcome", ["true", "false"]),
                ("allowlist_externals", ["true", "*"]),
                ("unheard_of", ["1", "2"]),
            ]
        )
        if key == "change_dir":
            values = ["{tox_root}"]
        self.keys[key] = self.chance.choice(values)

    def a_set_variable(self) -> None:
        self.set_env[self.chance.choice(["FIRST", "SECOND", "APP_MODE"])] = self.chance.choice(
            ["1", "2", "{env:OTHER:none}", "{env:APP_LEVEL:low}"]
        )

    def the_profile(self) -> None:
        self.profile = self.chance.choice(
            [
                {},
                {"set_env": '{ append = { FROM_PROFILE = "1" } }'},
                {"set_env": '{ append = { FROM_PROFILE = "{env:OTHER:none}" } }'},
                {"ignore_errors": "true"},
            ]
        )

    def the_interpreter(self) -> None:
        self.python = self.chance.choice(self.pythons)

    def a_variable(self) -> None:
        name = self.chance.choice(VARIABLES)
        if self.environ.pop(name, None) is None or self.chance.random() < 0.5:
            self.environ[name] = self.chance.choice(["1", "2", "ü", ""])

    def a_source_file(self) -> None:
        self.outcomes[self.chance.choice(sorted(self.outcomes))] = self.chance.choice(["pass", "fail", "skip"])

    def the_environment(self) -> None:
        scripts = self.root / ".tox" / "mine" / "bin"
        (scripts / f"extra-{self.chance.randint(1, 3)}").write_text("#!/bin/sh\n")

    def another_place(self) -> None:
        """Go on in a copy of the checkout, or move it."""
        self.places += 1
        old, new = self.place, self.place.with_name(f"checkout-{self.places}")
        if self.chance.random() < 0.5:
            old.rename(new)
        else:
            shutil.copytree(old, new, symlinks=True)
        self.root = new / self.root.relative_to(old)

    def kinds(self) -> list[Callable[[], None]]:
        return [
            self.nothing,
            self.another_place,
            self.a_requirement,
            self.a_tox_key,
            self.a_set_variable,
            self.the_profile,
            self.the_interpreter,
            self.a_variable,
            self.a_variable,
            self.a_source_file,
            self.a_source_file,
            self.the_environment,
        ]

    def change(self) -> str:
        kind = self.chance.choice(self.kinds())
        kind()
        self.write()
        return kind.__name__


class Package(Project):
    """A project whose package is built from anywhere in its repository, with tracked data in a folder of any name."""

    def __init__(self, root: Path, chance: random.Random, wheels: dict[str, Path], pythons: list[Path]) -> None:
        self.layout = chance.choice(["named", "computed", "own"])
        self.folder = chance.choice(["data", "node_modules", ".cache", ".venv", ".tox"])
        self.manifest, self.version, self.value, self.content = False, 1, 1, "1"
        (root / "project").mkdir()
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        super().__init__(root / "project", chance, wheels, pythons)

    @property
    def place(self) -> Path:
        return self.root.parent

    install = "package = wheel\nrunner = virtualenv"

    def write(self) -> None:
        super().write()
        below = {"own": "lib", "named": "../sibling", "computed": ""}[self.layout]
        folder = self.root / (below or "../sibling")
        (folder / "demo" / self.folder).mkdir(parents=True, exist_ok=True)
        put(folder / "demo" / self.folder / "value", self.content)
        put(folder / "demo" / "__init__.py", DEMO.format(value=self.value, place=f"{self.folder}/value"))
        data = "include_package_data = true\n"
        if not self.manifest:
            data = f"[options.package_data]\ndemo = {self.folder}/*\n"
        directory = f"package_dir =\n    = {below}\n" if below else ""
        head = f"[metadata]\nname = demo\nversion = {self.version}\n[options]\npackages = demo\n"
        put(self.root / "setup.cfg", head + directory + data)
        put(self.root / "setup.py", "from setuptools import setup\n\nsetup()\n" if below else COMPUTED)
        put(self.root / "MANIFEST.in", "graft lib/demo\n" if self.manifest else "")
        put(self.root / "pyproject.toml", '[build-system]\nrequires = ["setuptools>=77"]\n')
        put(self.place / ".gitignore", "/project/.tox\n.envmatrix\nbuild\n*.egg-info\n__pycache__\n")
        subprocess.run(["git", "add", "-A"], cwd=self.place, check=True)

    def a_source(self) -> None:
        self.value += 1

    def tracked_data(self) -> None:
        self.content += "1"

    def the_setup_cfg(self) -> None:
        self.version += 1

    def the_manifest(self) -> None:
        self.manifest = self.layout == "own" and not self.manifest

    def kinds(self) -> list[Callable[[], None]]:
        own = [self.a_source, self.tracked_data, self.the_setup_cfg, self.the_manifest]
        return [self.nothing, self.nothing, *own, self.another_place, self.a_variable]


def wheel(folder: Path, version: str) -> Path:
    """A wheel of nothing but a version, made without any build tool."""
    path = folder / f"thing-{version}-py3-none-any.whl"
    info = f"thing-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def version_of(python: Path) -> str:
    return ".".join(os.popen(f"{python} -c 'import sys; print(*sys.version_info[:3])'").read().split())


@pytest.fixture(scope="module")
def helper() -> Iterator[ForkServer]:
    with ForkServer(os.environ) as server:
        yield server


def run(project: Project, helper: ForkServer, name: str, *, warm: bool) -> tuple[Evidence, list[object], str]:
    matrix = load_matrix(project.root, ("mine",))
    folder = project.root / ".envmatrix" / "runs" / name
    context = RunContext(
        matrix=matrix,
        identity=Identity(tree="t", commit="c", dirty=False, vcs="none"),
        host=HostRecord(name="host"),
        run_id=name,
        folder=folder,
        environ=project.environ,
        warm=warm,
        launcher=helper,
    )
    interpreter = Interpreter(path=str(project.python), version=version_of(project.python))
    quiet = Watcher(output=lambda cell, chunk: None, said=lambda cell, text: None, interrupted=lambda: False)
    evidence = run_cell(context, Runnable(cell=matrix.cells[0], interpreter=interpreter), quiet)
    seen = []
    for file in sorted((folder / "mine").glob("seen-*.json")):
        one = json.loads(file.read_text())
        one["env"] = {key: value for key, value in one["env"].items() if key not in OWN}
        seen.append(one)
    return evidence, seen, (folder / "mine" / "output.log").read_text(errors="replace")


def essence(evidence: Evidence) -> object:
    """What two runs of the same must have in common: everything but times, names and places of the run itself."""
    return msgspec.to_builtins(
        {
            "state": evidence.state,
            "commands": [(c.argv, c.cwd, c.exit_code, c.ignored, c.phase) for c in evidence.commands],
            "tests": [(t.id, t.outcome, t.reason, t.runner) for t in evidence.tests],
            "sessions": [(s.runner, s.version, s.finished, s.exit_code, s.tests, s.args) for s in evidence.sessions],
            "distributions": evidence.distributions,
            "reasons": evidence.reasons,
            "mismatches": evidence.mismatches,
            "ignored": evidence.ignored,
            "findings": evidence.findings,
            "interpreter": evidence.interpreter,
        }
    )


def compare(project: Project, helper: ForkServer, changes: int) -> None:
    """Change a project again and again, and run it without tox where that is allowed, and through tox."""
    run(project, helper, "first", warm=False)
    without = 0
    for number in range(changes):
        what = project.change()
        warm = run(project, helper, f"{number}-warm", warm=True)
        through = run(project, helper, f"{number}-tox", warm=False)
        without += "without tox" in warm[2]
        assert essence(warm[0]) == essence(through[0]), (number, what, warm[2], through[2])
        assert warm[1] == through[1], (number, what)
        assert len(warm[1]) >= 1 or warm[0].state != "finished", warm[2]
    assert without > 0


@pytest.mark.parametrize("seed", range(PROJECTS))
def test_without_tox_is_as_with_tox(seed: int, tmp_path: Path, helper: ForkServer, other_python: Path) -> None:
    wheels = {version: wheel(tmp_path, version) for version in ("1.0", "2.0")}
    (tmp_path / "project").mkdir()
    own = Path(sys.executable).resolve()
    compare(Project(tmp_path / "project", random.Random(seed), wheels, [own, own, other_python]), helper, CHANGES)


@pytest.mark.parametrize("seed", range(PACKAGES))
def test_a_package_without_tox_is_as_with_tox(seed: int, tmp_path: Path, helper: ForkServer) -> None:
    wheels = {"1.0": wheel(tmp_path, "1.0")}
    (tmp_path / "repository").mkdir()
    python = Path(sys.executable).resolve()
    project = Package(tmp_path / "repository", random.Random(seed), wheels, [python])
    compare(project, helper, PACKAGE_CHANGES)
