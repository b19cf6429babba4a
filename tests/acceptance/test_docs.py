"""The documentation: it builds without a warning, is what the code says, and each console example does what it shows.

A console block below ``<!-- test: example -->`` is run in a copy of the example project, all blocks of a page in the
same one and in order. ``...`` is any text, on a line of its own any lines; ``# ends with 3`` is the exit code. What is
another every time (seconds, ids, and which phases take long enough to be told) is compared as equal.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from envmatrix.report.codes import BREACHES, REASONS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
MARKED = re.compile(r"^( *)<!-- test: example( without-\w+)? -->\n\1```console\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PAGES = [path for path in (REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))) if MARKED.search(path.read_text())]
PHASE = r"creating the environment|installing |building |preparing: |running: |cleaning up: "
EVERY_TIME_ANOTHER = (
    (re.compile(rf"^\[ *[\d.]+ s\] [^ ]+: (?:{PHASE}).*\n", re.MULTILINE), ""),
    (re.compile(r"\[ *[\d.]+ s\]"), "[0.0 s]"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b(?!\])"), "0 s"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "0" * 12),
)


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(text):
    """Yield (command, expected output, what the host is without) of a page's marked blocks."""
    for indent, without, block in MARKED.findall(text):
        lines = [line.removeprefix(indent) for line in block.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield lines[start][2:], lines[start + 1 : end], without.removeprefix(" without-")


def pattern(lines):
    """A regular expression for expected lines."""
    parts = [r"(?:.*\n)*?" if line == "..." else _line(line) for line in flat("\n".join(lines)).splitlines()]
    return re.compile("".join(parts) + r"\Z")


def _line(line):
    return re.escape(line).replace(re.escape("..."), ".*") + r"\n"


def flat(text):
    """The text with one blank where it has several, and without what is another in every run."""
    flattened = "".join(re.sub(r"\s+", " ", line.rstrip()) + "\n" for line in text.splitlines())
    for found, same in EVERY_TIME_ANOTHER:
        flattened = found.sub(same, flattened)
    return flattened


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
    assert {
        "README.md",
        "tutorial.md",
        "from-tox.md",
        "libvirt-laptop.md",
        "mysql-gate.md",
        "two-ci.md",
        "ci.md",
    } <= marked


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
        assert re.search(rf"Example: +{re.escape(words)}", " ".join(shown.stdout.split())), shown
        assert isinstance(command, click.Command)


def test_every_code_in_the_sources_is_documented():
    text = "".join(path.read_text() for path in (REPOSITORY / "envmatrix").rglob("*.py"))
    breaches = set(re.findall(r'\.breach\(\s*"(\w+)"', text)) | set(re.findall(r'Breach\(\s*code="(\w+)"', text))
    assert breaches == set(BREACHES)
    reasons = set(re.findall(r'(?<!Breach\()\bcode=\s*"([a-z_]+)"', text)) | set(
        re.findall(r'"code": "([a-z_]+)"', text)
    )
    states = re.search(r"RunState = Literal\[(.*?)\]", text, re.DOTALL)
    reasons |= set(re.findall(r'"(\w+)"', states[1])) - {"finished"}
    assert reasons - set(BREACHES) <= set(REASONS)
