"""Addresses without the secrets in them, for everything that is printed or kept."""

from __future__ import annotations

import re
from typing import Final

# The user's part of an address. Against RFC 3986, passwords are written with "/" and "@" in them: the last "@" ends it.
# Rather too much is left out than too little.
_OF_ONE: Final = re.compile(r"(?<=://)(?:[^/@:]*:.*@|[^/?#]*@)", re.DOTALL)
_IN_TEXT: Final = re.compile(r"(?<=://)(?:[^/@:\s]*:\S*@|[^/?#\s]*@)")
_QUERY: Final = re.compile(r"(://[^\s?]*)\?[^\s'\"]*")


def redact_url(url: str) -> str:
    """Return an address without its user, password and query."""
    return _OF_ONE.sub("", url).split("?")[0]


def redact_urls(text: str) -> str:
    """Return a text whose addresses have neither users, passwords nor queries."""
    return _QUERY.sub(r"\1?…", _IN_TEXT.sub("", text))
