"""Reasons that are about a promised capability in no English sentence, and those that only hold its name."""

from __future__ import annotations

import pytest

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Capability, Profile
from envmatrix.verdict.skips.mentions import Mentions

OWN = {
    "mysqlclient": Capability(name="mysqlclient", module="MySQLdb"),
    "test-url": Capability(name="test-url", env="DATABASE_URL"),
}
ABOUT = [
    ("libvirt", "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"),
    ("libvirt", "no connection driver available for qemu:///system"),
    ("libvirt", "unable to connect to hypervisor"),
    ("libvirt", "libvirt ist nicht installiert"),
    ("libvirt", "libvirt version 9.0.0 is older than 10"),
    ("libvirt", "libvirt disabled"),
    ("libvirt", "libvirtd läuft nicht"),
    ("libvirt", "connexion impossible"),
    ("mysql", "(2002, \"Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\")"),
    ("mysql", "(1045, \"Access denied for user 'a'@'localhost' (using password: YES)\")"),
    ("mysql", "'cryptography' package is required for sha256_password or caching_sha2_password auth methods"),
    ("mysql", "DATABASE_URL not given"),
    ("mysql", "Verbindungsaufbau zu 127.0.0.1 abgelehnt"),
    ("mysqlclient", "MySQLdb: was auch immer"),
    ("mysqlclient", "[Errno 111] Connection refused"),
    ("test-url", "DATABASE_URL not given"),
    ("postgresql", 'connection to server at "127.0.0.1", port 5432 failed: Connection refused'),
    ("postgresql", 'FATAL:  Peer authentication failed for user "postgres"'),
    ("postgresql", "[Errno 111] Connect call failed ('127.0.0.1', 5432)"),
    ("postgresql", "ошибка подключения"),
    (
        "docker",
        "Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, 'No such file'))",
    ),
    ("docker", "permission denied while trying to connect to the Docker daemon socket"),
    ("memcached", "[Errno 111] Connection refused"),
    ("rabbitmq", "AMQPConnectionError"),
    ("network", "[Errno 11001] getaddrinfo failed"),
    ("network", "[Errno -2] Name or service not known"),
    ("network", "offline"),
    ("network", "kein Netz"),
    ("root", "needs CAP_NET_ADMIN"),
    ("root", "not running with root privileges"),
    ("redis", "pas de serveur Redis"),
    ("redis", "未安装redis"),
    ("redis", "redis не установлен"),
    ("redis", "no hay Redis"),
    ("redis", "无法连接 127.0.0.1"),
    ("redis", "no se pudo conectar con 127.0.0.1"),
    ("redis", "Redisserver fehlt"),
]
NOT_ABOUT = [
    ("libvirt", "not implemented"),
    ("libvirt", "requires libvirt not to be installed"),
    ("libvirt", "Requires libvirt library not installed"),
    ("libvirt", "only runs when libvirt is not installed"),
    ("libvirt", "libvirt is installed"),
    ("libvirt", "condition: HAVE_LIBVIRT"),
    ("redis", "nothing to redistribute"),
    ("network", "networkx is too old"),
    ("root", "rootdir has no files"),
    ("root", "cannot run as root"),
    ("root", "non-root user required"),
    ("root", "[Errno 111] Connection refused"),
    ("git", "[Errno 111] Connection refused"),
    ("python3.11", "requires python3.11"),
]


def _found(name: str, reason: str) -> str:
    profile = Profile(name="p", origin="p.toml", service_env={"DATABASE_URL": "{mysql.url}"})
    return Mentions({**BUILTIN, **OWN}, profile, {name}).find_capability(reason)


@pytest.mark.parametrize(("name", "reason"), ABOUT)
def test_a_reason_that_mentions_a_promise_is_about_it(name: str, reason: str) -> None:
    assert _found(name, reason) == name


@pytest.mark.parametrize(("name", "reason"), NOT_ABOUT)
def test_a_reason_that_wishes_for_its_absence_or_has_another_word_is_not(name: str, reason: str) -> None:
    assert not _found(name, reason)


def test_without_a_promise_nothing_is_mentioned() -> None:
    assert not Mentions(BUILTIN, Profile(name="p", origin="p.toml"), ()).find_capability("redis [Errno 111]")
