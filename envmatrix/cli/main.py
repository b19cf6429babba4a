"""The group of verbs, each imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

from envmatrix import __version__
from envmatrix.cli.errors import end_with
from envmatrix.console.output import begin_output, fitted_to_terminal, write_text
from envmatrix.errors import ExitCode

VERBS = {
    "init": "Look at the project and write what it lacks to use envmatrix.",
    "list": "List profiles, their cells, and the project's own tox environments.",
    "plan": "Say what can run on this host and what cannot, and why.",
    "run": "Run profiles on this host and judge what really ran.",
    "explain": "Say where each setting of a cell comes from, and why this interpreter.",
    "doctor": "Say what this host has, what it lacks, and how to change that.",
    "report": "Show the last run, or given evidence, in some format.",
    "gate": "Judge a revision by all evidence that hosts have reported for it.",
    "evidence": "List, show, push, pull and prune evidence.",
    "clean": "Stop and remove what killed runs left behind.",
    "schema": "Print the JSON Schema of a document or of the profile files.",
    "completion": "Print the completion script of a shell.",
}


# Verb -> the module of envmatrix.cli that holds its command, where that is not the verb's own.
_MODULES = {
    **dict.fromkeys(("doctor", "explain", "list", "plan", "report"), "show"),
    **dict.fromkeys(("clean", "completion", "init", "schema"), "project"),
}


class LazyGroup(click.Group):
    """A group that knows its verbs' names and imports a verb's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb; None for a name that is none."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"envmatrix.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their one-line help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the verb; for an unknown one say which is near."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            if near and "Did you mean" not in str(error.message):
                raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from None
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envmatrix")
@click.option("-C", "directory", metavar="DIR", default="", help="Work as if started in DIR, as in git and make.")
@click.option("--color/--no-color", default=None, help="Colour the output, or never (also: NO_COLOR=1).")
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.option("-q", "--quiet", count=True, help="Say less: only what is wrong, and the verdict.")
def cli(directory: str, color: bool | None, verbose: int, quiet: int) -> None:
    """Run a test matrix through tox on what this host can really do, and judge only what really ran.

    \b
    envmatrix run          run the project's profiles, or `restricted` and `full`
    envmatrix run full     with the system's packages, where those can be seen
    envmatrix plan         what would run here, what not, and why

    Exit codes: 0 passed, 1 failed, 2 usage or configuration, 3 incomplete, 4 envmatrix itself failed, 130 interrupted.
    """
    begin_output(directory, color, verbose - quiet)


def _show_click_error(error: click.ClickException) -> None:
    """Say what click found wrong, in the width of the terminal."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        write_text(f"{error.message}\n", err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        write_text(error.ctx.get_usage() + "\n", err=True)
        write_text(f"Try '{error.ctx.command_path} --help' for help.\n\n", err=True)
    write_text(fitted_to_terminal(f"Error: {error.format_message()}") + "\n", err=True)


def main() -> NoReturn:
    """Run the command line and exit: every known error is a sentence on stderr, a bug is a report to paste."""
    end_with(_run_command, next((word for word in sys.argv[1:] if word in VERBS), ""))


def _run_command() -> object:
    try:
        return cli(standalone_mode=False)
    except click.exceptions.Abort:  # click's word for an interrupt, after which it has begun a new line
        write_text("envmatrix: interrupted\n", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        _show_click_error(error)
        return ExitCode.USAGE
