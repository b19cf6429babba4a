"""``envmatrix evidence``."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from envmatrix.cli.options import json_option
from envmatrix.console.output import working_directory, write_text


@click.group("evidence", short_help="List, show, push, pull and prune evidence.")
@click.option("--store", metavar="URL", default=None, envvar="ENVMATRIX_STORE", help="Where evidence is.")
@click.pass_context
def evidence_command(ctx: click.Context, store: str | None) -> None:
    """List, show, push, pull and prune evidence.

    Example: envmatrix evidence push file:///srv/evidence
    """
    from envmatrix.config.project import find_project
    from envmatrix.evidence.store.store import Store

    root = Path(find_project(working_directory()).root)
    ctx.meta["envmatrix.root"] = root
    ctx.meta["envmatrix.store"] = Store(store, root)


@evidence_command.command("list")
@click.argument("trees", nargs=-1, metavar="[TREE]...")
@json_option
@click.pass_context
def list_(ctx: click.Context, trees: tuple[str, ...], as_json: bool) -> int:
    """List the records of trees, of all where none is named.

    Example: envmatrix evidence list
    """
    from envmatrix.commands.evidence import list_evidence, listing_lines

    evidence = list_evidence(ctx.meta["envmatrix.store"], trees)
    write_text(
        (json.dumps(msgspec.to_builtins(evidence), indent=2) if as_json else "\n".join(listing_lines(evidence))) + "\n"
    )
    return 0


@evidence_command.command()
@click.argument("ref")
@json_option
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "in-toto"]), default="text", help="How to show it."
)
@click.pass_context
def show(ctx: click.Context, ref: str, as_json: bool, format_: str) -> int:
    """Show one record: a file, a name, an id or its beginning.

    Example: envmatrix evidence show build1-2026
    """
    from envmatrix.commands.evidence import evidence_lines, find_evidence
    from envmatrix.evidence.codec import encode_evidence
    from envmatrix.report.formats.intoto import make_statement

    record = find_evidence(ctx.meta["envmatrix.store"], ref, working_directory())
    if as_json or format_ == "json":
        write_text(json.dumps(json.loads(encode_evidence(record)), indent=2) + "\n")
    elif format_ == "in-toto":
        write_text(json.dumps(make_statement(record), indent=2) + "\n")
    else:
        write_text("\n".join(evidence_lines(record)) + "\n")
    return 0


@evidence_command.command()
@click.argument("url")
@click.option("--tree", "trees", metavar="TREE", multiple=True, help="Only this tree; repeatable.")
@click.pass_context
def push(ctx: click.Context, url: str, trees: tuple[str, ...]) -> int:
    """Copy what the store has and URL lacks.

    Example: envmatrix evidence push /srv/evidence
    """
    return _copy_records(ctx, url, trees, push=True)


@evidence_command.command()
@click.argument("url")
@click.option("--tree", "trees", metavar="TREE", multiple=True, help="Only this tree; repeatable.")
@click.pass_context
def pull(ctx: click.Context, url: str, trees: tuple[str, ...]) -> int:
    """Copy what URL has and the store lacks.

    Example: envmatrix evidence pull /srv/evidence
    """
    return _copy_records(ctx, url, trees, push=False)


def _copy_records(ctx: click.Context, url: str, trees: tuple[str, ...], *, push: bool) -> int:
    from envmatrix.commands.evidence import transfer_lines
    from envmatrix.evidence.store.store import Store

    local, other = ctx.meta["envmatrix.store"], Store(url, ctx.meta["envmatrix.root"])
    other.check_directory(there=not push)
    done = local.push(other, trees or None) if push else local.pull(other, trees or None)
    ends = (local.location, other.location) if push else (other.location, local.location)
    write_text("\n".join(transfer_lines(done, *ends)) + "\n")
    return 0


@evidence_command.command()
@click.option("--keep-days", metavar="N", type=float, help="Keep what is younger than this many days.")
@click.option("--keep-trees", metavar="N", type=int, help="Keep what belongs to the N newest trees.")
@click.pass_context
def prune(ctx: click.Context, keep_days: float | None, keep_trees: int | None) -> int:
    """Remove old records; the last run's stay.

    What either option keeps stays; one of them has to be given.

    Example: envmatrix evidence prune --keep-days 30
    """
    from envmatrix.commands.evidence import prune_lines
    from envmatrix.commands.evidence import prune_store as remove

    store = ctx.meta["envmatrix.store"]
    write_text("\n".join(prune_lines(remove(store, keep_days=keep_days, keep_trees=keep_trees), store.location)) + "\n")
    return 0
