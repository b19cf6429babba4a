"""What a driver offers to the manager, and one that keeps its guests in memory."""

from __future__ import annotations


class FakeDriver:
    """Guests that exist in memory only, for tests and for trying things out."""

    def __init__(self) -> None:
        self.guests: dict[str, int] = {}
        self.running: set[str] = set()

    def list(self) -> list[str]:
        return sorted(self.guests)

    def define(self, name: str, memory_mb: int) -> None:
        self.guests[name] = memory_mb

    def memory_mb(self, name: str) -> int:
        return self.guests[name]

    def is_running(self, name: str) -> bool:
        return name in self.running

    def start(self, name: str) -> None:
        self.running.add(name)

    def destroy(self, name: str) -> None:
        self.running.discard(name)
