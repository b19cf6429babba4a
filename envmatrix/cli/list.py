"""``envmatrix list``."""

from __future__ import annotations

import json

import click

from envmatrix.cli.common import json_option
from envmatrix.cli.terminal import say, start


@click.command("list", short_help="List profiles, their cells, and the project's own tox environments.")
@json_option
@click.option("--tox", "with_tox", is_flag=True, help="Also the project's own tox environments (asks tox).")
def command(as_json: bool, with_tox: bool) -> int:
    """List the profiles that can be run here by name, with their cells.

    A `*` marks those that `envmatrix run` takes without a name. With --tox the project's own environments follow; each
    can be run as tox:NAME.

    Example: envmatrix list --tox
    """
    from envmatrix.cli.listing import listing

    found = listing(start(), with_tox=with_tox)
    say((json.dumps(found.document(), indent=2) if as_json else found.text()) + "\n")
    return 0
