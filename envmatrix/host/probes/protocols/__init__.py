"""The protocols that a ``service`` capability can name: one function each, one dict."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from envmatrix.host.probes.protocols import lines
from envmatrix.host.probes.protocols.amqp import rabbitmq
from envmatrix.host.probes.protocols.mysql import mysql
from envmatrix.host.probes.protocols.postgresql import postgresql
from envmatrix.host.probes.protocols.wire import Service

PROTOCOLS: Final[Mapping[str, Service]] = MappingProxyType(
    {
        "mysql": Service(
            speak=mysql,
            port=3306,
            daemons=("mariadbd", "mysqld"),
            sockets=("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"),
            unit="mariadb",
        ),
        "postgresql": Service(
            speak=postgresql,
            port=5432,
            daemons=("postgres",),
            sockets=("/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432"),
            unit="postgresql",
        ),
        "redis": Service(speak=lines.redis, port=6379, daemons=("redis-server", "valkey-server"), unit="redis"),
        "memcached": Service(speak=lines.memcached, port=11211, daemons=("memcached",), unit="memcached"),
        "rabbitmq": Service(
            speak=rabbitmq, port=5672, daemons=("rabbitmq-server",), version=(), unit="rabbitmq-server"
        ),
        "etcd": Service(speak=lines.etcd, port=2379, daemons=("etcd",), unit="etcd"),
        "zookeeper": Service(speak=lines.zookeeper, port=2181, daemons=("zkServer.sh",), version=(), unit="zookeeper"),
        "http": Service(speak=lines.web, port=80),
        "tcp": Service(speak=lines.tcp, port=0),
    }
)
