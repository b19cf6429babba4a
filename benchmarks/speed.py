"""How fast a matrix runs, against tox on the same project: ``python benchmarks/speed.py [MEASURE…] [--repeats N]``.

Every measure alternates its two sides, so that another load of the machine meets both; medians and ratios are printed
as the table of docs/performance.md. Without names all measures are made, which takes some minutes and an index.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
TOX, TOOL = str(BIN / "tox"), str(BIN / "envmatrix")
PLAIN = {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix,tox-uv"}
WITH_UV = {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix"}
WITHOUT_UV = {"TOX_DISABLED_EXTERNAL_PLUGINS": "tox-uv"}
# An installation has its bytecode; one for development writes it at the first run, unless this is set.
BASE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "thing"
version = "1.0"
"""


def run(argv: Sequence[str], cwd: Path, env: dict[str, str] | None = None, codes: Sequence[int] = (0,)) -> float:
    """Seconds that a command takes; any exit code but ``codes`` ends the benchmark with its output."""
    begun = time.perf_counter()
    done = subprocess.run(
        argv, cwd=cwd, env={**BASE, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    taken = time.perf_counter() - begun
    if done.returncode not in codes:
        sys.exit(f"{' '.join(argv)} -> {done.returncode}\n{(done.stdout + done.stderr).decode()[-3000:]}")
    return taken


def project(folder: Path, name: str, ini: str, **files: str) -> Path:
    """A project with a tox.ini in a git repository."""
    root = folder / name
    root.mkdir()
    (root / "tox.ini").write_text(ini)
    (root / ".gitignore").write_text(".tox\nbuild/\n*.egg-info\n__pycache__\n")
    for path, content in files.items():
        place = root / path.replace("__", "/").replace("_py", ".py").replace("_toml", ".toml")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    person = ["-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run(["git", *person, "commit", "-q", "-m", "x"], cwd=root, check=True)
    return root


class Measures:
    """The measures by name; each prints its rows."""

    def __init__(self, folder: Path, repeats: int) -> None:
        self.folder, self.repeats = folder, repeats

    def row(self, name: str, sides: dict[str, Callable[[], float]], base: str, goals: dict[str, float]) -> None:
        """Alternate the sides and print the median of each with its ratio to ``base``."""
        times: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(self.repeats):
            for side, measure in sides.items():
                times[side].append(measure())
        median = {side: statistics.median(values) for side, values in times.items()}
        for side, value in median.items():
            if side != base:
                goal = f"{goals[side]:.2f}" if side in goals else ""
                ratio = value / median[base]
                print(
                    f"| {name}: {side} | {base} | {value:.2f} | {median[base]:.2f} | {ratio:.2f} | {goal} |", flush=True
                )

    def warm(self) -> None:
        """One warm cell."""
        ini = "[tox]\nenv_list = a\n[testenv]\nskip_install = true\ncommands = python -c pass\n"
        root, other = project(self.folder, "warm", ini), project(self.folder, "warm-tox", ini)
        run([TOOL, "run", "tox:a"], root)
        run([TOX, "run", "-e", "a"], other, PLAIN)
        self.row(
            "one warm cell",
            {
                "tox": lambda: run([TOX, "run", "-e", "a"], other, PLAIN),
                "without tox": lambda: run([TOOL, "-q", "run", "tox:a"], root),
                "through tox": lambda: run([TOOL, "-q", "run", "--no-warm", "tox:a"], root),
            },
            "tox",
            {"without tox": 0.6, "through tox": 1.15},
        )

    def many(self) -> None:
        """Twenty warm trivial cells."""
        names = [f"e{number}" for number in range(20)]
        ini = f"[tox]\nenv_list = {','.join(names)}\n[testenv]\nskip_install = true\ncommands = python -c pass\n"
        root, other = project(self.folder, "many", ini), project(self.folder, "many-tox", ini)
        cells = [f"tox:{name}" for name in names]
        run([TOOL, "-q", "run", "-j", "2", *cells], root)
        run([TOX, "run-parallel", "-p", "2"], other, PLAIN)
        self.row(
            "20 warm cells",
            {
                "tox run-parallel -p 2": lambda: run([TOX, "run-parallel", "-p", "2"], other, PLAIN),
                "without tox": lambda: run([TOOL, "-q", "run", "-j", "2", *cells], root),
                "through tox": lambda: run([TOOL, "-q", "run", "-j", "2", "--no-warm", *cells], root),
            },
            "tox run-parallel -p 2",
            {"without tox": 0.5},
        )

    def cold(self) -> None:
        """Eight cold cells with pytest."""
        names = [f"e{number}" for number in range(8)]
        ini = f"[tox]\nenv_list = {','.join(names)}\n[testenv]\nskip_install = true\ndeps = pytest\n"
        ini += "commands = pytest -q test_a.py\n"
        test = {"test_a_py": "def test_a(): pass\n"}
        root, other = project(self.folder, "cold", ini, **test), project(self.folder, "cold-tox", ini, **test)
        cells = [f"tox:{name}" for name in names]

        def tool(env: dict[str, str]) -> float:
            shutil.rmtree(root / ".tox", ignore_errors=True)
            return run([TOOL, "-q", "run", "-j", "2", *cells], root, env)

        def tox() -> float:
            shutil.rmtree(other / ".tox", ignore_errors=True)
            return run([TOX, "run-parallel", "-p", "2"], other, PLAIN)

        self.row(
            "8 cold cells with pytest",
            {"tox with pip, run-parallel -p 2": tox, "with uv": lambda: tool({}), "with pip": lambda: tool(WITHOUT_UV)},
            "tox with pip, run-parallel -p 2",
            {"with uv": 0.2, "with pip": 1.05},
        )

    def package(self) -> None:
        """Eight cold cells that install the project."""
        names = [f"e{number}" for number in range(8)]
        ini = f"[tox]\nenv_list = {','.join(names)}\n[testenv]\ncommands = python -c 'import thing'\n"
        files = {"pyproject_toml": PYPROJECT, "src__thing__init_py": "A = 1\n"}
        sides = {}
        cells = [f"tox:{name}" for name in names]
        for kind, argv, env in (
            ("tox-uv, run-parallel -p 2", [TOX, "run-parallel", "-p", "2"], WITH_UV),
            ("with uv", [TOOL, "-q", "run", "-j", "2", *cells], {}),
        ):
            root = project(self.folder, f"package-{len(sides)}", ini, **files)

            def measure(root: Path = root, argv: list[str] = argv, env: dict[str, str] = env) -> float:
                shutil.rmtree(root / ".tox", ignore_errors=True)
                return run(argv, root, env)

            sides[kind] = measure
        self.row("8 cold cells that install the project", sides, "tox-uv, run-parallel -p 2", {"with uv": 0.8})

    def uneven(self) -> None:
        """Twelve cells of 1 to 12 s, with history."""
        names = [f"e{number}" for number in range(1, 13)]
        ini = f"[tox]\nenv_list = {','.join(names)}\n[testenv]\nskip_install = true\n"
        ini += 'commands = python -c "import sys, time; time.sleep(int(sys.argv[1][1:]))" {env_name}\n'
        root, other = project(self.folder, "uneven", ini), project(self.folder, "uneven-tox", ini)
        cells = [f"tox:{name}" for name in names]
        run([TOOL, "-q", "run", "-j", "2", *cells], root)
        run([TOX, "run-parallel", "-p", "2"], other, PLAIN)
        self.row(
            "12 uneven cells",
            {
                "max(longest, sum / 2)": lambda: max(12.0, sum(range(1, 13)) / 2),
                "envmatrix": lambda: run([TOOL, "-q", "run", "-j", "2", *cells], root),
                "tox run-parallel -p 2": lambda: run([TOX, "run-parallel", "-p", "2"], other, PLAIN),
            },
            "max(longest, sum / 2)",
            {"envmatrix": 1.08},
        )

    def wide(self) -> None:
        """A thousand cells defined: one is run, all are planned."""
        one, two = (
            ", ".join(f'"{first}{letter}{number}"' for letter in "abcd" for number in range(8)) for first in "vw"
        )
        axes = f"[axes]\na = [{one}]\nb = [{two}]\n[env]\nsystem_site_packages = false\nskip_install = true\n"
        axes += 'commands = [["python", "-c", "pass"]]\n[gate]\nmin_tests = 0\n'
        ini = "[tox]\nenv_list = v{" + ",".join(f"a{n}" for n in range(1000)) + "}\n[testenv]\nskip_install = true\n"
        ini += "commands = python -c pass\n"
        root = project(self.folder, "wide", "[testenv]\nskip_install = true\n", profiles__p_toml=axes)
        other = project(self.folder, "wide-tox", ini)
        cell = "p-va0-wa0"
        run([TOOL, "-q", "run", cell], root)
        run([TOX, "run", "-e", "va0"], other, PLAIN)
        self.row(
            "plan of 1,024 cells",
            {
                "tox list of 1,000": lambda: run([TOX, "list"], other, PLAIN),
                "envmatrix": lambda: run([TOOL, "plan", "p"], root),
            },
            "tox list of 1,000",
            {"envmatrix": 0.2},
        )
        self.row(
            "one of 1,024 cells",
            {
                "tox run -e with 1,000 defined": lambda: run([TOX, "run", "-e", "va0"], other, PLAIN),
                "envmatrix": lambda: run([TOOL, "-q", "run", cell], root),
            },
            "tox run -e with 1,000 defined",
            {"envmatrix": 0.5},
        )

    def start(self) -> None:
        """Starting up, as seconds more than an empty Python."""
        root = project(
            self.folder, "start", "[testenv]\nskip_install = true\n", profiles__p_toml="[relevant]\npaths = ['x']\n"
        )
        sides = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--help": [TOOL, "--help"],
            "list": [TOOL, "list"],
            "hook with nothing relevant": [TOOL, "-q", "run", "--staged", "p"],
        }
        for argv in sides.values():
            run(argv, root, codes=(0, 3))
        times: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(self.repeats):
            for side, argv in sides.items():
                times[side].append(run(argv, root, codes=(0, 3)))
        base = statistics.median(times.pop("python -c pass"))
        goals = {"--help": 0.15, "list": 0.25, "hook with nothing relevant": 0.35}
        for side, values in times.items():
            more = statistics.median(values) - base
            row = ["envmatrix " + side, "python -c pass", f"{base + more:.2f}", f"{base:.2f}", f"+{more:.2f} s"]
            print(f"| {' | '.join(row)} | +{goals[side]} s |")


def main() -> None:
    """Make the measures that are asked for."""
    names = [name for name in vars(Measures) if not name.startswith("_") and name != "row"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", nargs="*", choices=[*names, []], default=names)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print("| measure | against | s | s of that | ratio | goal |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="envmatrix-speed-") as folder:
        for name in asked.measure:
            getattr(Measures(Path(folder), asked.repeats), name)()


if __name__ == "__main__":
    main()
