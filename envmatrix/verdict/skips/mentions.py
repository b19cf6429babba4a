"""Which promised capability a skip reason mentions, in whatever sentence and language.

In a profile that promises a capability, a test that skips with its name, its module, its program, its address or its
client's own error in the reason did not run for want of it, until somebody declares otherwise. Names and addresses are
the same words in every language, so no sentence has to be understood. Only a reason that wishes for the absence of the
capability, or gives its presence as the cause, is about something else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from envmatrix.config.model import Capability, Profile
from envmatrix.verdict.skips.capability_names import SERVERS, canonical_name, words_of

# What drivers say themselves, with the server that they speak of.
CLIENT_ERRORS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("mysql", re.compile(r"can't connect to (?:local )?(?:mysql |mariadb )?server|\b(?:mysqld?|mariadbd?)\.sock\b")),
    (
        "mysql",
        re.compile(r"\((?:1045|2002|2003|2005|2006|2013), ['\"b]|access denied for user '|caching_sha2_password"),
    ),
    ("mysql", re.compile(r"(?:sha256|auth_gssapi|caching_sha2)_password|lost connection to (?:mysql|mariadb|server)")),
    (
        "postgresql",
        re.compile(r"\bconnection to server (?:at|on socket) |\bconnection to database failed\b|\.s\.pgsql\.\d"),
    ),
    ("postgresql", re.compile(r"\b(?:peer|password|ident|md5|scram-sha-256) authentication failed for user\b")),
    (
        "postgresql",
        re.compile(r"\bfatal: +(?:role|database|peer|password|no pg_hba|sorry|the database)|\bpg_hba\.conf\b"),
    ),
    ("docker", re.compile(r"error while fetching server api version|docker (?:daemon|desktop|engine)|/docker\.sock\b")),
    ("docker", re.compile(r"\bdockerexception\b|\bdocker\.errors\b")),
    (
        "rabbitmq",
        re.compile(
            r"\bamqp(?:connection|connector|channel)?error\b|\bprobableauthenticationerror\b|\baccess_refused\b"
        ),
    ),
    ("libvirt", re.compile(r"no connection driver available for|unable to connect to hypervisor|\blibvirt-sock\b")),
    ("libvirt", re.compile(r"\b(?:qemu|xen|lxc|vz|bhyve|test)(?:\+\w+)?:///|\bvirsh\b|\bvirconnect\w*")),
    ("redis", re.compile(r"\b(?:noauth authentication required|wrongpass |misconf redis|loading redis is loading)")),
    ("zookeeper", re.compile(r"\bkazootimeouterror\b|\bzookeeper session\b|\bkazoo\b")),
    ("memcached", re.compile(r"\bmemcache(?:d|unknown|illegal|client|server)\w*error\b")),
    (
        "root",
        re.compile(r"\bcap_[a-z]+(?:_[a-z]+)*\b|\b(?:root|administrator|superuser) (?:privileges?|rights|access)\b"),
    ),
    ("root", re.compile(r"\b(?:eperm|operation not permitted)\b|\beuid\b|\bgeteuid\b")),
    ("network", re.compile(r"getaddrinfo failed|name or service not known|temporary failure in name resolution")),
    ("network", re.compile(r"nodename nor servname|no address associated with|name resolution|could not resolve host")),
    ("network", re.compile(r"failed to resolve|network is unreachable|no route to host|\boffline\b|\bgaierror\b")),
    ("kvm", re.compile(r"could not access kvm|kernel module kvm|/dev/kvm\b")),
)
# Words of which each of these has one.
_HINTS: Final = tuple(
    """connect to server|connect to local|server through|server at|server on|to server|mysql server|mariadb server
    lost conn|.sock|(1045|(200|(2013|access denied|_password|to database|authentication failed|fatal|pg_hba|.s.pgsql
    fetching server|docker daemon|docker desktop|docker engine|dockerexc|docker.err|amqp|probableauth|access_refused
    connection driver|hypervisor|libvirt-sock|:///|virsh|virconnect|noauth|wrongpass|misconf|loading redis|kazoo
    zookeeper session|memcache|cap_|root p|root r|root a|administrator|superuser|eperm|not permitted|euid
    getaddrinfo|not known|resol|nodename|address assoc|unreachable|no route|offline
    gaierror|kvm""".replace("\n    ", "|").split("|")
)
# What no driver of its own says: the words of the system's calls and of most clients, in six languages.
_CONNECT_ERROR: Final = re.compile(
    r"connection (?:was |is )?(?:refused|reset|aborted|closed|timed out|failed|error)|connect call failed"
    r"|\beconn(?:refused|reset|aborted)\b|\[?errno (?:2|13|61|99|104|110|111|113|10060|10061)\]?"
    r"|\b(?:not|n't|cannot|unable to|failed to|could not) (?:be )?(?:establish(?: a)? )?connect"
    r"|(?:connect|connection|handshake|operational)(?:ion)?error|\btimeouterror\b|connect(?:ion)? ?timed? ?out"
    r"|max retries exceeded|actively refused|no such file or directory.{0,60}\.sock|server (?:has )?gone away"
    r"|verbindung(?:saufbau)? .{0,40}(?:verweigert|abgelehnt|fehlgeschlagen|nicht)|verbindungsfehler|keine verbindung"
    r"|connexion .{0,30}(?:refus|impossible|[ée]chou|perdue)|pas de connexion|impossible de se connecter"
    r"|conexi[óo]n .{0,30}(?:rechazad|rehusad|fall|perdida|agotad)|no se (?:pudo|puede) conectar|error de conexi[óo]n"
    r"|拒绝连接|连接被拒绝|连接失败|无法连接|连接超时|连接错误|連線|連接"
    r"|соединени\w* .{0,30}(?:отказан|отклонен|не установлен|разорван|прерван)|отказано в (?:соединении|подключении)"
    r"|не удал[а-я]+ (?:подключиться|установить соединение|соединиться)|ошибка (?:подключения|соединения)"
)
_NETWORK_WORDS: Final = re.compile(
    r"\bnetz(?:werk|zugang|zugriff)?\b|\br[ée]seau\b|\bred\b(?= |$)|网络|離線|离线|\bсет(?:ь|и|ью)\b|\bhors ligne\b"
    r"|\bsin conexi[óo]n\b|\binternet"
)
_ROOT_WORDS: Final = re.compile(
    r"administrator|superutilisateur|superusuario|суперпользовател|管理员|权限|\bprivil[eèé]g|\bпривилеги|\brootrechte"
)
_OTHER_WORDS: Final = {"network": _NETWORK_WORDS, "root": _ROOT_WORDS}
_COMMON: Final = frozenset({"root", "network"})  # whose errors other causes have too
# Capabilities that nobody connects to.
_LOCAL: Final = frozenset(
    {"git", "compiler", "root", "sudo", "memory", "disk", "cpus", "kernel", "locale", "timezone", "kvm"}
)
_CLIENTS: Final = frozenset(
    [
        "aio_pika",
        "aiomysql",
        "aiopg",
        "aiokafka",
        "amqp",
        "asyncmy",
        "asyncpg",
        "bmemcached",
        "cassandra",
        "confluent_kafka",
        "docker",
        "elasticsearch",
        "etcd3",
        "hvac",
        "kafka",
        "kazoo",
        "kombu",
        "kubernetes",
        "ldap",
        "ldap3",
        "memcache",
        "mariadb",
        "mysql",
        "MySQLdb",
        "nats",
        "opensearchpy",
        "oracledb",
        "paramiko",
        "pg8000",
        "pika",
        "podman",
        "psycopg",
        "psycopg2",
        "pylibmc",
        "pymemcache",
        "pymongo",
        "pymssql",
        "pymysql",
        "pyodbc",
        "redis",
        "rediscluster",
        "stomp",
        "valkey",
        "zmq",
    ]
)
_PORT: Final = r"(?::|port[ =:]*|, ?){port}\b"


class Mentions:
    """Finds the promised capability that a reason mentions. Made once for a profile and a set of capabilities."""

    def __init__(self, capabilities: Mapping[str, Capability], profile: Profile, promised: Collection[str]) -> None:
        by_name = {canonical_name(name): item for name, item in capabilities.items()}
        self._promised = {name: by_name.get(name) for name in sorted(promised) if not _is_python(name)}
        self._words = {
            name: _compile_words(name, item, _list_variables(profile, name)) for name, item in self._promised.items()
        }
        self._wishes = {name: _compile_wishes(words_of(name, item)) for name, item in self._promised.items()}
        self._errors = [(owner, error) for owner, error in CLIENT_ERRORS if owner in self._promised]
        self._reached = next((name for name, item in self._promised.items() if _is_reached(name, item)), "")

    def find_capability(self, reason: str) -> str:
        """Return the promised capability that a reason mentions, "" where it mentions none."""
        if not self._promised or not reason:
            return ""
        text = reason.lower()
        for name, words in self._words.items():
            if words.search(text) and not self._wishes[name].search(text):
                return name
        if is_client_error(text):
            for owner, error in self._errors:
                if error.search(text):
                    return owner
        return self._reached if self._reached and _CONNECT_ERROR.search(text) else ""


def is_client_error(text: str) -> bool:
    """Tell whether a text in lower case may be a client's own error: cheap, for what is none."""
    return any(hint in text for hint in _HINTS)


def client_error(reason: str) -> str:
    """Return the built-in capability that a client's own error is about, "" where the text is nobody's."""
    text = reason.lower()
    if not is_client_error(text):
        return ""
    return next((owner for owner, error in CLIENT_ERRORS if owner not in _COMMON and error.search(text)), "")


def _is_python(name: str) -> bool:
    return re.match(r"(?:python|pypy|graalpy)[\d.-]*t?$", name) is not None


def _list_variables(profile: Profile, name: str) -> list[str]:
    """Return the variables by which a profile tells its tests where a service is."""
    return [key for key, template in profile.service_env.items() if f"{{{name}." in template]


def _compile_words(name: str, item: Capability | None, variables: Collection[str]) -> re.Pattern[str]:
    """Return what finds a capability's words: whole ones, also with the endings that programs and errors have."""
    address = re.search(r"//([^/@]+@)?([^/?#]+)", item.url) if item is not None else None
    words = {*words_of(name, item), *(variable.lower() for variable in variables)}
    words |= {address[2].lower()} if address else set()
    known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    parts = [rf"(?<![a-z])(?:{known})(?:d|db|s|-?server\w*|-?client\w*|error|exception)?(?![a-z])"]
    ports = {port for port in (SERVERS.get(name), _port_of(item)) if port}
    parts += [_PORT.format(port=port) for port in sorted(ports)]
    parts += [_OTHER_WORDS[name].pattern] if name in _OTHER_WORDS else []
    return re.compile("|".join(parts))


def _port_of(item: Capability | None) -> str:
    result = re.search(r":(\d{2,5})(?:/|$)", item.url) if item is not None and item.url else None
    return result[1] if result else ""


def _compile_wishes(words: Collection[str]) -> re.Pattern[str]:
    """Return what finds a wish for the absence of a capability, or its presence given as the cause of the skip."""
    x = rf"(?:{'|'.join(re.escape(word) for word in sorted(words, key=len, reverse=True))})"
    noun = r"(?:[ -](?:library|module|package|server|service|daemon|bindings?|user))?"
    gone = r"(?:installed|available|present|running|importable|importing|there|enabled|started|used)"
    absent = r"(?:absent|missing|uninstalled|unavailable|stopped|disabled)"
    return re.compile(
        rf"\b(?:requires?|needs?) (?:that )?(?:the )?{x}{noun}(?: to)?(?: be| is)?"
        rf" ?(?:not(?: to)?(?: be)? {gone}|to be {absent}|{absent}$|not {gone})"
        rf"|\b(?:requires?|needs?) (?:no|non)[ -]{x}\b"
        rf"|\bonly (?:\w+ )?(?:if|when|where|without) {x}{noun}(?: (?:is|are))?(?: not| {absent}|$)"
        rf"|^(?:\w+ ){{0,2}}(?:because |since |as )?{x}{noun} (?:is|are|was) (?:already )?{gone}\b"
        rf"|(?:condition: |^)(?:have|has|with)_{x}$"
        rf"|\bnon-{x}\b|(?:\b(?:not|cannot|never|reliably|when|while|if|is)|n't)\b[^.;,]{{0,30}} as {x}\b"
    )


def _is_reached(name: str, item: Capability | None) -> bool:
    """Tell whether a test has to connect somewhere to use the capability."""
    if name in SERVERS or name in ("docker", "libvirt", "network"):
        return True
    if item is None or name in _LOCAL:
        return False
    if item.service or item.url or item.env or item.check:
        return True
    return item.module.partition(".")[0] in _CLIENTS
