"""``envmatrix completion``."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
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
