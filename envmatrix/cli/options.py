"""The options that verbs share.

What a shell completes: names out of the configuration alone, so that a key press costs no probe and no tox.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from envmatrix.console.output import settings
from envmatrix.errors import EnvmatrixError

if TYPE_CHECKING:
    from envmatrix.config.load import Loaded


Function = TypeVar("Function", bound=Callable[..., Any])


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete profiles and cells."""

    return complete_profiles(ctx, param, incomplete)


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the formats of reports."""

    return list_formats(ctx, param, incomplete)


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


MOST = 300


def complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return profiles with their descriptions, then cells; the project's own first."""
    loaded = _load_profiles(ctx)
    if loaded is None:
        return []
    from envmatrix.config.select import cell_names

    profiles = (*loaded.own, *sorted(set(loaded.profiles) - set(loaded.own)))
    result = {name: loaded.profiles[name].description for name in profiles}
    for cell in cell_names(loaded):
        if len(result) >= MOST and not cell.startswith(incomplete):
            continue
        result.setdefault(cell, "")
    taken = set(ctx.params.get(param.name or "", None) or ())
    items = [(name, help_) for name, help_ in result.items() if name.startswith(incomplete) and name not in taken]
    return [CompletionItem(name, help=help_ or None) for name, help_ in items[:MOST]]


def complete_profiles_and_capabilities(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what ``names`` does, then capabilities."""
    loaded, matches = _load_profiles(ctx), complete_profiles(ctx, param, incomplete)
    known = {item.value for item in matches}
    capabilities = sorted(loaded.capabilities) if loaded is not None else []
    return matches + [
        CompletionItem(name, help="capability")
        for name in capabilities
        if name.startswith(incomplete) and name not in known
    ]


def list_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the formats of reports."""
    from envmatrix.report import FORMATS

    return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete)]


def _load_profiles(ctx: click.Context) -> Loaded | None:
    from envmatrix.config.load import load
    from envmatrix.config.project import find_project

    try:
        # the group's callback, which would change to that folder, does not run while a shell completes
        return load(find_project(Path.cwd() / (ctx.find_root().params.get("directory") or "")))
    except (EnvmatrixError, OSError):
        return None
