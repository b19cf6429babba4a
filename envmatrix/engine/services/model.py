"""The values of a cell's services."""

from __future__ import annotations

import msgspec


class ServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a cell's commands can reach.

    ``client`` is the program that asks a daemon of our own, where its protocol is not spoken here.
    ``host`` and ``port`` are "" and 0 where it is reached by ``socket`` alone, and the other way round; ``folder`` is
    the private folder of a daemon of our own (data, log), ``baseline`` how many connections it had counted when it
    was handed over; ``ours`` is false for a server that the user pointed to, whose ``pid`` is then 0.
    """

    name: str
    url: str
    host: str = ""
    port: int = 0
    socket: str = ""
    user: str = ""
    password: str = ""
    database: str = ""
    version: str = ""
    pid: int = 0
    started: str = ""  # what tells the process from a later one with the same pid
    ours: bool = True
    folder: str = ""
    client: str = ""
    baseline: int = 0

    @property
    def address(self) -> str:
        """The URL after its scheme, for a profile that wants another driver: ``mysql+mysqldb://{mysql.address}``."""
        return self.url.partition("://")[2]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The services of one cell and the environment variables by which its commands find them."""

    services: tuple[ServiceInfo, ...] = ()
    env: dict[str, str] = {}
