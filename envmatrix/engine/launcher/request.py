"""What the helper is asked; apart, because a helper that has loaded little forks fast: it reads with json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Mark = tuple[str, str]


class ProcessRequest(NamedTuple):
    """One process to start: ``exec`` replaces the fork by ``argv``, ``tox`` runs the child's main with ``argv`` in it.

    ``mark`` (name, value) is a variable by which what it leaves behind is known, and which ``clear`` kills.
    """

    kind: Literal["exec", "tox", "preload", "clear"]
    argv: tuple[str, ...] = ()
    cwd: str = ""
    environ: Mapping[str, str] = {}
    mark: Mark = ("", "")

    def encode(self) -> bytes:
        """Return it as JSON; what of arguments and variables is no UTF-8 survives as lone surrogates."""
        import msgspec

        plain = self._replace(environ=dict(self.environ))
        try:
            return msgspec.json.encode(plain)
        except UnicodeEncodeError:
            import json

            return json.dumps(plain).encode()


def decode_request(data: bytes) -> ProcessRequest:
    """Return the request that was encoded."""
    import json

    kind, argv, cwd, environ, (name, value) = json.loads(data)
    return ProcessRequest(kind=kind, argv=tuple(argv), cwd=cwd, environ=environ, mark=(name, value))
