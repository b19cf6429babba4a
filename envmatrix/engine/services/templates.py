"""From services to environment variables: the profile's own names and the defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from envmatrix.engine.services.model import ServiceInfo
from envmatrix.errors import ServiceError
from envmatrix.host.protocols.servers import variable_part

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
        found = getattr(by_name[match["service"]], match["field"])
        return str(found or "") if match["field"] == "port" else str(found)

    return _FIELD.sub(value, template)
