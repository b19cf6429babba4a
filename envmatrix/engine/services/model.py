"""The values of a cell's services.

From services to environment variables: the profile's own names and the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from envmatrix.errors import ServiceError
from envmatrix.host.protocols.servers import variable_part


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


FIELDS: Final = ("url", "address", "host", "port", "socket", "user", "password", "database", "version")
_FIELD = re.compile(r"\{(?P<service>[A-Za-z][\w-]*)\.(?P<field>\w+)\}")


def unknown_fields(template: str, services: Iterable[str]) -> tuple[str, ...]:
    """The fields of ``template`` that name no service of ``services`` or nothing that a service has."""
    names = set(services)
    return tuple(
        match[0] for match in _FIELD.finditer(template) if match["service"] not in names or match["field"] not in FIELDS
    )


def environment(service_env: Mapping[str, str], services: Iterable[ServiceInfo]) -> dict[str, str]:
    """The variables for the commands: ENVMATRIX_<SERVICE>_URL, _HOST, _PORT and _SOCKET, and those of ``service_env``.

    Raises ServiceError for a template with a field that does not exist.
    """
    by_name = {info.name: info for info in services}
    env: dict[str, str] = {}
    for info in by_name.values():
        prefix = f"ENVMATRIX_{variable_part(info.name)}_"
        values = {"URL": info.url, "HOST": info.host, "PORT": str(info.port or ""), "SOCKET": info.socket}
        env.update({prefix + key: value for key, value in values.items() if value})
    for variable, template in service_env.items():
        env[variable] = _filled(variable, template, by_name)
    return env


def _filled(variable: str, template: str, by_name: Mapping[str, ServiceInfo]) -> str:
    unknown = unknown_fields(template, by_name)
    if unknown:
        message = (
            f"service_env.{variable}: {', '.join(unknown)} cannot be filled: the cell has the services "
            f"{', '.join(by_name) or '(none)'}, and a service has {', '.join(FIELDS)}."
        )
        raise ServiceError("", message, code="template")

    def value(match: re.Match[str]) -> str:
        result = getattr(by_name[match["service"]], match["field"])
        return str(result or "") if match["field"] == "port" else str(result)

    return _FIELD.sub(value, template)
