"""Ephemeral services: private daemons around a cell's commands, or the servers that the user points to."""

from __future__ import annotations

from envmatrix.engine.services.manager import clean, pointed_to, start
from envmatrix.engine.services.model import Running, ServiceInfo, unknown_fields
from envmatrix.engine.services.usage import alive
from envmatrix.engine.services.usage import count as connections
from envmatrix.errors import ServiceError

__all__ = [
    "Running",
    "ServiceError",
    "ServiceInfo",
    "alive",
    "clean",
    "connections",
    "pointed_to",
    "start",
    "unknown_fields",
]
