"""The same operations on whatever libvirt manages: QEMU, Xen, LXC, or libvirt's own test driver."""

from __future__ import annotations

import uuid

import libvirt

DOMAIN = """
<domain type='{kind}'>
  <name>{name}</name>
  <uuid>{id}</uuid>
  <memory unit='MiB'>{memory_mb}</memory>
  <os><type>hvm</type></os>
</domain>
"""


class LibvirtDriver:
    """Guests of the hypervisor at ``url``; ``kind`` is the domain type that it takes."""

    def __init__(self, url: str = "qemu:///system", kind: str = "kvm") -> None:
        self.connection = libvirt.open(url)
        self.kind = kind

    def close(self) -> None:
        self.connection.close()

    def list(self) -> list[str]:
        return sorted(domain.name() for domain in self.connection.listAllDomains())

    def define(self, name: str, memory_mb: int) -> None:
        # libvirt takes a second definition of a name for a change only where the UUID is the first one's
        guest_id = uuid.uuid5(uuid.NAMESPACE_DNS, name)
        self.connection.defineXML(DOMAIN.format(kind=self.kind, name=name, id=guest_id, memory_mb=memory_mb))

    def memory_mb(self, name: str) -> int:
        return self.connection.lookupByName(name).maxMemory() // 1024

    def is_running(self, name: str) -> bool:
        return bool(self.connection.lookupByName(name).isActive())

    def start(self, name: str) -> None:
        self.connection.lookupByName(name).create()

    def destroy(self, name: str) -> None:
        self.connection.lookupByName(name).destroy()
