"""The options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from envmatrix.cli.terminal import settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete profiles and cells."""
    from envmatrix.cli.completing import names

    return names(ctx, param, incomplete)


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the formats of reports."""
    from envmatrix.cli.completing import formats

    return formats(ctx, param, incomplete)


def profiles_argument(function: Function) -> Function:
    """Take PROFILE…: profile names, cell names and tox:NAME."""
    return click.argument("names", metavar="[PROFILE]...", nargs=-1, shell_complete=complete_names)(function)


def json_option(function: Function) -> Function:
    """Take --json: the document on stdout, and nothing else there."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the JSON document on stdout, and nothing else there."
    )(function)


def verbosity_options(function: Function) -> Function:
    """Take -q and -v after the verb too, where people look for them."""

    def note(sign: int) -> Callable[[click.Context, click.Parameter, int], None]:
        def callback(ctx: click.Context, param: click.Parameter, value: int) -> None:
            settings.verbosity += sign * value

        return callback

    louder = click.option("-v", "--verbose", count=True, expose_value=False, callback=note(1), help="Say more.")
    quieter = click.option("-q", "--quiet", count=True, expose_value=False, callback=note(-1), help="Say less.")
    return louder(quieter(function))
