"""The documentation: it builds without a warning, is what the code says, and its console examples do what they show."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from consoles import examples, flat, pattern

from envmatrix.report.codes import BREACHES, REASONS

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
PAGES = [path for path in (REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))) if list(examples(path.read_text()))]


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def place(request, project, example):
    """The folder in which a page's commands are run: README.md's in a clone, the others' in the example project."""
    if request.param.parent == REPOSITORY:
        return project({"examples/hypervisor": REPOSITORY / "examples" / "hypervisor"}, name="clone")
    return example


@pytest.mark.parametrize(
    ("page", "place"), [(page, page) for page in PAGES], indirect=["place"], ids=[path.name for path in PAGES]
)
def test_examples_do_what_the_page_says(page, place, execute, clean_env, without_libvirt, without_mysql, stock_tox):
    hosts = {"": (), "libvirt": without_libvirt, "mysql": without_mysql}
    environ = {"PATH": f"{Path(sys.executable).parent}:{clean_env['PATH']}"}
    for command, expected, without in examples(page.read_text()):
        bare, _, comment = command.partition("    # ends with ")
        plain = {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix,tox-uv"} if bare == "tox" else {}
        seen = ("bash", "-c", f"exec 2>&1; {bare}")  # a console shows both
        result = execute(*hosts[without], *seen, cwd=place, env={**environ, **plain}, timeout_s=300)
        assert result.returncode == int(comment or 0), result
        shown = flat(result.stdout)
        assert pattern(expected).match(shown), f"{page.name} says\n" + "\n".join(expected) + f"\nand it was\n{result}"


def test_every_page_has_examples_that_are_run_or_none():
    marked = {path.name for path in PAGES}
    howto = {"from-tox.md", "libvirt-laptop.md", "mysql-gate.md", "two-ci.md", "ci.md"}
    assert {"README.md", "tutorial.md", *howto} <= marked


def test_the_reference_is_what_the_code_says():
    for place, text in generator().files().items():
        assert (REPOSITORY / place).read_text() == text, f"{place} is old: run python docs/generate.py"


def test_the_documentation_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in DOCS.rglob("*.md"):
        assert (tmp_path / page.relative_to(DOCS)).with_suffix(".html").exists()


def test_every_public_verb_has_help_with_an_example(execute, tmp_path):
    for words, command in generator().commands():
        program = Path(sys.executable).with_name("envmatrix")
        shown = execute(program, *words.split()[1:], "--help", cwd=tmp_path)
        assert shown.returncode == 0
        assert not [line for line in shown.stdout.splitlines() if len(line) > 80]
        assert re.search(rf"Example: +{re.escape(words)}", " ".join(shown.stdout.split())), shown
        assert isinstance(command, click.Command)


def test_every_code_in_the_sources_is_documented():
    text = "".join(path.read_text() for path in (REPOSITORY / "envmatrix").rglob("*.py"))
    breaches = set(re.findall(r'\.make_breach\(\s*"(\w+)"', text)) | set(re.findall(r'Breach\(\s*code="(\w+)"', text))
    assert breaches == set(BREACHES)
    reasons = set(re.findall(r'(?<!Breach\()\bcode=\s*"([a-z_]+)"', text)) | set(
        re.findall(r'"code": "([a-z_]+)"', text)
    )
    states = re.search(r"RunState = Literal\[(.*?)\]", text, re.DOTALL)
    reasons |= set(re.findall(r'"(\w+)"', states[1])) - {"finished"}
    assert reasons - set(BREACHES) <= set(REASONS)
