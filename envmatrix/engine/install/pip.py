"""How pip is started: what it keeps to itself is read, and it compiles nothing.

It goes on without an index that gives no answer, and tells that to its log alone. Without retries, and with them where
a server or a proxy answers 502 and the like, its last words are then those of an index that was asked and has no such
package: "No matching distribution found" (seen with pip 18.1 to 26.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from envmatrix.engine.install.pip_config import read_settings

VARIABLE: Final = "PIP_LOG"
MOST: Final = 5  # pages of a kind; one tells what happened, and a dead index has one for each package
_LONGEST: Final = 300
# The answer of an index that has no such package.
ABSENT: Final = re.compile(r": (?:404|410) Client Error")
_UNFETCHED = re.compile(r"Could not fetch URL (\S+: .+)")
_INSTALLS = re.compile(r"(?:^|[\s/;&])(?:pip3?(?:\.\d+)?|uv|pip-sync)\s(?:.*\s)?(?:install|sync|download)\b", re.DOTALL)


def is_install_command(argv: Sequence[str]) -> bool:
    """Tell whether a command gets packages by pip or uv."""
    return bool(_INSTALLS.search(" ".join(argv)))


@contextmanager
def capture_pip_log(variables: MutableMapping[str, str], path: Path) -> Iterator[Callable[[], list[str] | None]]:
    """Have a pip that is started with ``variables`` keep its log at ``path``, for as long as the context lasts.

    Gives a function that returns the pages that it could not fetch, as ``URL: why``, and None where no pip wrote a log.
    One that the user asked for stays where it is, and is read there.
    """
    local = variables.get(VARIABLE)
    log = Path(local) if local else path
    start = _file_size(log)
    if not local:
        variables[VARIABLE] = str(path)
    try:
        yield lambda: _read_unfetched_pages(log, start)
    finally:
        if not local:
            variables.pop(VARIABLE, None)
            with suppress(OSError):
                path.unlink()


@contextmanager
def disable_compiling(variables: MutableMapping[str, str]) -> Iterator[None]:
    """Have a pip that is started with ``variables`` leave compiling to the first import, as uv does.

    Compiling what no test imports takes a third of an installation. Where somebody has said how he wants it, or the
    environment's Python may not write bytecode and would compile at every start, pip does as it always does.
    """
    output = bool(variables.get("PYTHONDONTWRITEBYTECODE"))
    output = output or not {"compile", "no-compile"}.isdisjoint(
        read_settings(variables, variables.get("VIRTUAL_ENV", ""))
    )
    if not output:
        variables["PIP_COMPILE"] = "0"  # PIP_NO_COMPILE=1 would have it compile (pip 26.3)
    try:
        yield
    finally:
        if not output:
            variables.pop("PIP_COMPILE", None)


def _file_size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _read_unfetched_pages(log: Path, start: int) -> list[str] | None:
    if _file_size(log) <= start:
        return None
    result: dict[str, None] = {}
    try:
        with log.open("rb") as file:
            file.seek(start)
            for line in file:
                if match := _UNFETCHED.search(line.decode("utf-8", "replace")):
                    result[match[1].strip().removesuffix(" - skipping")[:_LONGEST]] = None
    except OSError:
        return None
    plain = [line for line in result if ABSENT.search(line)]
    return [line for line in result if line not in plain][:MOST] + plain[:MOST]
