"""Completion in real shells: what a press of the tab key offers."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from terminal import screen

__all__ = ["screen"]

PROFILES = {
    "tox.ini": "[testenv]\ncommands = python -c pass\n",
    "profiles/unit.toml": 'description = "Fast ones"\nextends = "restricted"\n[axes]\npython = ["3.11", "3.12"]\n',
    "profiles/unusual.toml": 'extends = "restricted"\n',
    "profiles/capabilities.toml": '[hypervisor]\ncheck = "pass"\n',
}
# what stands on the command line before the key is pressed, and what is offered
CASES = [
    ("envmatrix do", {"doctor"}),
    ("envmatrix run --st", {"--staged", "--store"}),
    ("envmatrix run un", {"unit", "unit-py311", "unit-py312", "unusual"}),
    ("envmatrix run unit unu", {"unusual"}),
    ("envmatrix explain unit-", {"unit-py311", "unit-py312"}),
    ("envmatrix doctor hy", {"hypervisor"}),
    ("envmatrix report --format gi", {"github", "github-check", "gitlab"}),
    ("envmatrix completion f", {"fish"}),
]
BASH = """
eval "$(envmatrix completion bash)"
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}
_envmatrix_completion envmatrix; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = 'envmatrix completion fish | source; complete -C "{line}"'


@pytest.fixture
def shell(execute, clean_env, project):
    root = project(PROFILES)
    path = f"{Path(sys.executable).parent}:{clean_env['PATH']}"

    def run(name, script):
        options = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}[name]
        return execute(shutil.which(name, path=path), *options, script, cwd=root, env={"PATH": path, "TERM": "dumb"})

    return run


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_bash(shell, line, offered):
    result = shell("bash", BASH.format(line=line))
    assert set(result.stdout.split()) == offered, result


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_fish(shell, line, offered):
    result = shell("fish", FISH.format(line=line))
    assert {told.split("\t")[0] for told in result.stdout.splitlines()} == offered, result


@pytest.mark.parametrize(("line", "offered"), [*CASES[:4], CASES[5]])
def test_zsh(screen, project, line, offered):
    terminal = screen(project(PROFILES), "zsh -f")
    terminal.type("autoload -U compinit; compinit -u -D; eval \"$(envmatrix completion zsh)\"; echo re''ady")
    terminal.wait("^ready$")
    terminal.type(line, "Tab")
    for name in offered:
        terminal.wait(rf"(^|\s){re.escape(name)}(\s|$)", 10)


def test_nothing_is_offered_and_nothing_said_where_profiles_are_broken(shell, tmp_path):
    (tmp_path / "project" / "profiles" / "unit.toml").write_text("=")
    result = shell("bash", BASH.format(line="envmatrix run un"))
    assert result.output.strip() == "", result
