"""A command line that is understood without click is understood as click would."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmatrix.cli import quick, wanted
from envmatrix.cli.main import cli
from envmatrix.cli.run import command
from envmatrix.cli.terminal import settings as told
from envmatrix.cli.wanted import Wanted
from envmatrix.errors import EnvmatrixError

Meaning = tuple[Path, bool | None, int, Wanted]


def by_click(argv: Sequence[str]) -> Meaning | str | None:
    """Return what click and ``run`` make of the arguments; None for a usage error, a sentence for another."""
    found: list[Meaning] = []

    def note(start: Path, asked: Wanted, environ: object) -> int:
        found.append((start, told.color, told.verbosity, asked))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wanted, "run", note)
        patch.chdir(Path(__file__).parent)
        try:
            cli(list(argv), standalone_mode=False)
        except click.ClickException:
            return None
        except EnvmatrixError as error:
            return str(error)
    return found[0] if found else None


def by_quick(argv: Sequence[str]) -> Meaning | str | None:
    """Return what is understood without click; None where that is left to it, a sentence for an error."""
    asked = quick.understood(argv, {})
    if asked is None:
        return None
    found: list[Path] = []

    def note(start: Path, asked: Wanted, environ: object) -> int:
        found.append(start)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "run", note)
        patch.chdir(Path(__file__).parent)
        try:
            asked.run()
        except EnvmatrixError as error:
            return str(error)
    return found[0], told.color, told.verbosity, asked.wanted


PLAIN = [
    "run",
    "run full",
    "-q run -j 2 tox:a tox:b",
    "-C . -v --no-color run -vv --no-warm full",
    "--color run full --format markdown --allow-blocked --fail-fast -r",
    "run --jobs=auto -qj4 --retries 0 --rerun-failed 10 --progress plain",
    "run full -- -k 'a b' -q --json",
    "run --json --format text --warm --no-warm",
    "run --staged --reuse --changed-since HEAD~1 --store s3://a/b",
]


@pytest.mark.parametrize("line", PLAIN)
def test_plain_lines_need_no_click(line: str) -> None:
    assert by_quick(line.split()) == by_click(line.split()) is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plan",
        "runs",
        "run --help",
        "run -h",
        "-h run",
        "--version run",
        "run --nope",
        "run --all",
        "run --jobs",
        "run --json=yes",
        "run --retries 11",
        "run --retries -1",
        "run --rerun-failed=1x",
        "run --progress loud",
        "run -",
        "-- run",
        "run --format=",
        "-j 2 run",
    ],
)
def test_what_is_not_certain_is_left_to_click(line: str) -> None:
    assert quick.understood(line.split(), {}) is None


@pytest.mark.parametrize("name", quick.VARIABLES)
def test_a_variable_that_has_a_say_is_left_to_click(name: str) -> None:
    assert quick.understood(["run"], {"HOME": "/"}) is not None
    assert quick.understood(["run"], {name: ""}) is None


def test_every_option_that_click_knows_is_known_and_no_other() -> None:
    def spellings(one: click.Command) -> set[str]:
        options = [option for option in one.params if isinstance(option, click.Option)]
        return {name for option in options for name in (*option.opts, *option.secondary_opts)} - {"--version"}

    assert {*quick.GROUP, *quick.LOUDNESS} == spellings(cli)
    assert {*quick.RUN, *quick.LOUDNESS} == spellings(command)


def test_every_variable_that_click_reads_is_known() -> None:
    variables = [option.envvar for option in (*cli.params, *command.params) if option.envvar]
    assert {*variables, "_ENVMATRIX_COMPLETE"} == set(quick.VARIABLES)


words = st.sampled_from(
    [
        *(word for line in PLAIN for word in line.split()),
        *quick.RUN,
        *quick.GROUP,
        *(f"{option}=3" for option in quick.RUN),
        *[
            "-j3",
            "-jq",
            "-qr",
            "-rqj",
            "-rx",
            "--",
            "-",
            "",
            "=",
            "--j",
            "--all",
            "--no",
            "-C.",
            "10",
            "011",
            "+1",
            "é",
        ],
    ]
)


@settings(deadline=None, max_examples=400)
@given(before=st.lists(words, max_size=2), after=st.lists(words, max_size=6), posix=st.booleans())
def test_what_is_understood_is_what_click_understands(before: list[str], after: list[str], posix: bool) -> None:
    argv = [*before, "run", *after]
    with pytest.MonkeyPatch.context() as patch:
        if posix:  # which has getopt stop at the first name
            patch.setitem(os.environ, "POSIXLY_CORRECT", "1")
        mine = by_quick(argv)
    if mine is not None:
        assert mine == by_click(argv)
