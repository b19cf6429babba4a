"""What users ask for, in terms of a driver's operations."""

from __future__ import annotations


class Manager:
    """Creates, resizes and stops guests through ``driver``."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def create(self, name: str, memory_mb: int) -> None:
        if name in self.driver.list():
            raise ValueError(f"there is a guest named {name!r} already")
        self.driver.define(name, memory_mb)
        self.driver.start(name)

    def stop(self, name: str) -> None:
        if self.driver.is_running(name):
            self.driver.destroy(name)

    def resize(self, name: str, memory_mb: int) -> None:
        self.stop(name)
        self.driver.define(name, memory_mb)
        self.driver.start(name)
