"""``envmatrix init``."""

from __future__ import annotations

import click

from envmatrix.cli.terminal import fitted_to_terminal, say, start


@click.command("init", short_help="Look at the project and write what it lacks to use envmatrix.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def command(dry_run: bool) -> int:
    """Write what the project lacks: a tox file that runs its tests, and profiles to start from.

    Nothing that exists is changed.

    Example: envmatrix init --dry-run
    """
    from envmatrix.cli.starting import mistaken, propose, write

    proposals = propose(start())
    if not dry_run:
        write(start(), proposals)
    for path, text in proposals:
        say(f"{'would write' if dry_run else 'wrote'} {path}:\n\n")
        say("".join(f"    {line}\n" for line in text.splitlines()) + "\n")
    if not proposals:
        say("nothing to write: the project has a tox file and profiles; try `envmatrix plan`\n")
    elif not dry_run:
        say("next: `envmatrix plan` says what of it can run here, `envmatrix run` runs it\n")
    if note := mistaken(start()):
        say(fitted_to_terminal(note) + "\n")
    return 0
