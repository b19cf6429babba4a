"""``envmatrix clean``.

``envmatrix completion``.

``envmatrix init``.

``envmatrix schema``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from envmatrix.console.output import fitted_to_terminal, working_directory, write_text
from envmatrix.errors import EnvmatrixError


@click.command("clean", short_help="Stop and remove what killed runs left behind.")
@click.option("--runs", is_flag=True, help="Also the folders of finished runs (logs, recordings); evidence stays.")
def clean_command(runs: bool) -> int:
    """Stop daemons and remove folders that runs left behind because they were killed; what is in use stays.

    Example: envmatrix clean
    """
    from envmatrix.commands.clean import clean_project

    for line in clean_project(working_directory(), runs=runs):
        write_text(f"{line}\n")
    return 0


SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> int:
    """Print the script that makes SHELL complete verbs, options, profiles, cells and capabilities.

    \b
    bash: echo 'eval "$(envmatrix completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(envmatrix completion zsh)"' >> ~/.zshrc   (after compinit)
    fish: envmatrix completion fish > ~/.config/fish/completions/envmatrix.fish

    Example: envmatrix completion bash
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    assert maker is not None
    click.echo(maker(ctx.find_root().command, {}, "envmatrix", "_ENVMATRIX_COMPLETE").source())
    return 0


@click.command("init", short_help="Look at the project and write what it lacks to use envmatrix.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def init_command(dry_run: bool) -> int:
    """Write what the project lacks: a tox file that runs its tests, and profiles to start from.

    Nothing that exists is changed.

    Example: envmatrix init --dry-run
    """
    from envmatrix.commands.init.propose import explain_package_clash, propose_files, write_proposals

    proposals = propose_files(working_directory())
    if not dry_run:
        write_proposals(working_directory(), proposals)
    for path, text in proposals:
        write_text(f"{'would write' if dry_run else 'wrote'} {path}:\n\n")
        write_text("".join(f"    {line}\n" for line in text.splitlines()) + "\n")
    if not proposals:
        write_text("nothing to write: the project has a tox file and profiles; try `envmatrix plan`\n")
    elif not dry_run:
        write_text("next: `envmatrix plan` says what of it can run here, `envmatrix run` runs it\n")
    if note := explain_package_clash(working_directory()):
        write_text(fitted_to_terminal(note) + "\n")
    return 0


@click.command("schema", short_help="Print the JSON Schema of a document or of the profile files.")
@click.argument("name", metavar="NAME")
def schema_command(name: str) -> int:
    """Print a JSON Schema: profile, capabilities, host, plan, verdict or evidence.

    Example: envmatrix schema profile > profile.schema.json
    """
    from envmatrix.config import schema as config_schema
    from envmatrix.report.schemas import SCHEMAS

    makers: dict[str, Callable[[], Any]] = {
        **SCHEMAS,
        **{item: partial(config_schema.schema, item) for item in ("profile", "capabilities")},
    }
    if name not in makers:
        raise EnvmatrixError(f"there is no schema {name!r}; choose one of {', '.join(sorted(makers))}")
    write_text(json.dumps(makers[name](), indent=2, sort_keys=True) + "\n")
    return 0
