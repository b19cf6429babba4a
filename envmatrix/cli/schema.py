"""``envmatrix schema``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from envmatrix.cli.terminal import say
from envmatrix.errors import EnvmatrixError


@click.command("schema", short_help="Print the JSON Schema of a document or of the profile files.")
@click.argument("name", metavar="NAME")
def command(name: str) -> int:
    """Print a JSON Schema: profile, capabilities, host, plan, verdict or evidence.

    Example: envmatrix schema profile > profile.schema.json
    """
    from envmatrix.config import schema as config_schema
    from envmatrix.report.schemas import SCHEMAS

    makers: dict[str, Callable[[], Any]] = {
        **SCHEMAS,
        **{one: partial(config_schema.schema, one) for one in ("profile", "capabilities")},
    }
    if name not in makers:
        raise EnvmatrixError(f"there is no schema {name!r}; choose one of {', '.join(sorted(makers))}")
    say(json.dumps(makers[name](), indent=2, sort_keys=True) + "\n")
    return 0
