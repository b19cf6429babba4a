"""Regular expressions that are compiled when they are first used: most runs need few, and all of them take long."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Lazy:
    def __init__(self, pattern: Any, flags: int) -> None:
        self._written = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._written)
        # once compiled, its methods are found without coming here
        for method in ("match", "fullmatch", "search", "sub", "findall", "finditer", "split", "pattern"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what behaves like ``re.compile(pattern, flags)``; an error in the pattern is raised at its first use."""
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))
