"""The documentation: it builds without a warning, is what the code says, and each console example does what it shows.

A console block below ``<!-- test: example -->`` is run in a copy of the example project, all blocks of a page in the
same one and in order. ``...`` is any text, on a line of its own any lines; ``# ends with 3`` is the exit code.
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
MARKED = re.compile(
    r"^( *)<!-- test: example( without-libvirt)? -->\n\1```console\n(.*?)^\1```$", re.MULTILINE | re.DOTALL
)
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if MARKED.search(path.read_text())]


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(text):
    """Yield (command, expected output, without libvirt) of the marked blocks of a page."""
    for indent, without, block in MARKED.findall(text):
        lines = [line.removeprefix(indent) for line in block.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield lines[start][2:], lines[start + 1 : end], bool(without)


def pattern(lines):
    """A regular expression for expected lines."""
    parts = [r"(?:.*\n)*?" if line.strip() == "..." else _line(line) for line in lines]
    return re.compile("".join(parts) + r"\Z")


def _line(line):
    words = re.sub(r"\s+", " ", line.rstrip())
    return re.escape(words).replace(re.escape("..."), ".*") + r"\n"


def flat(text):
    return "".join(re.sub(r"\s+", " ", line.rstrip()) + "\n" for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_examples_do_what_the_page_says(page, example, execute, clean_env, without_libvirt, stock_tox):
    environ = {"PATH": f"{Path(sys.executable).parent}:{clean_env['PATH']}"}
    for command, expected, without in examples(page.read_text()):
        bare, _, comment = command.partition("    # ends with ")
        within = without_libvirt if without else ()
        plain = {"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix,tox-uv"} if bare == "tox" else {}
        result = execute(*within, "bash", "-c", bare, cwd=example, env={**environ, **plain}, timeout_s=300)
        assert result.returncode == int(comment or 0), result
        shown = flat(result.stdout)
        assert pattern(expected).match(shown), f"{page.name} says\n" + "\n".join(expected) + f"\nand it was\n{result}"


def test_every_page_has_examples_that_are_run_or_none():
    marked = {path.name for path in PAGES}
    assert {"tutorial.md", "from-tox.md", "libvirt-laptop.md", "mysql-gate.md", "two-ci.md", "ci.md"} <= marked


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
