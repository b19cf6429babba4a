"""What one process writes down: lines of JSON in a file of its own, one ``write(2)`` each, so that a crash keeps them.

PYTEST_DONT_REWRITE
"""

import os
import sys

from _envmatrix.boot import during, inherited, watched
from _envmatrix.boot import folder as _folder

SESSION = "ENVMATRIX_SESSION"
NESTED = "nested"
_TEST = "PYTEST_CURRENT_TEST"  # set by pytest while one of its tests runs
_PYTEST = "p"  # how the keys of pytest's sessions begin

_fd = -1
_owner = 0
_identity = ()
_broken = False
_serial = 0
_active = []  # the open sessions of this process, the innermost last


def encode_json(text):
    """Return ``text`` as a JSON string, in ASCII."""
    from json.encoder import encode_basestring_ascii

    return encode_basestring_ascii(text)


def emit_line(line):
    """Write one finished line; ``False`` where that failed, after which nothing is written (see ``is_complete``)."""
    global _broken, _fd
    if _broken:
        return False
    data = line.encode("ascii")
    for _ in (1, 2):
        try:
            if os.write(_open_descriptor(), data) == len(data):
                return True
            break  # half a line on a full disk
        except OSError:
            _fd = -1
    _broken = True
    return False


def write(kind, **values):
    """Write one record of ``kind``."""
    import json

    return emit_line(json.dumps(dict(values, t=kind), separators=(",", ":")) + "\n")


def is_complete():
    """Tell whether everything that was given to ``emit_line`` was written."""
    return not _broken


def _open_descriptor():
    """Return the process's own file: a new one after a fork, and where a test closed it or its number is another's."""
    global _fd, _owner, _identity
    if _fd >= 0 and _owner == os.getpid():
        try:
            status = os.fstat(_fd)
            if (status.st_dev, status.st_ino) == _identity:
                return _fd
        except OSError:
            pass
    _owner = os.getpid()
    path = os.path.join(_folder, "%d-%s.jsonl" % (_owner, os.urandom(6).hex()))
    _fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
    status = os.fstat(_fd)
    _identity = (status.st_dev, status.st_ino)
    return _fd


def _is_between_tests():
    """Tell whether what begins now was started by a pytest outside of its tests, as by a hook: it is not inside one."""
    if _active:
        return _active[-1].key.startswith(_PYTEST) and not os.environ.get(_TEST)
    return inherited.startswith(_PYTEST) and not during


class Session:
    """One run of a test runner. It opens when made, counts as crashed until ``finish`` and belongs to one process."""

    def __init__(self, runner, version, **facts):
        global _serial
        _serial += 1
        self.key = "%s%d.%d" % (_PYTEST if runner == "pytest" else "", os.getpid(), _serial)
        self.pid = os.getpid()
        for other in _active[-1:]:
            if other.is_idle():
                other.at_exit()
        self.nested = bool(inherited or _active) and not _is_between_tests()
        self._outer = os.environ.get(SESSION)
        self._during = os.environ.get(_TEST)
        _active.append(self)
        self.inside()
        write(
            "start",
            s=self.key,
            runner=runner,
            version=version,
            pid=self.pid,
            nested=self.nested,
            outer=inherited,
            cwd=read_cwd(),
            python=sys.version.split()[0],
            **facts,
        )
        mark_testing()

    def is_idle(self):
        """Tell whether it ends only with its process and runs no test now: what begins then is not inside it."""
        return False

    def inside(self):
        """Let what is started from now on be a part of this session."""
        os.environ[SESSION] = NESTED if self.nested else self.key

    def outside(self):
        """Let what is started from now on be no part of this session."""
        if self._outer is None:
            os.environ.pop(SESSION, None)
        else:
            os.environ[SESSION] = self._outer

    def is_mine(self):
        """Tell whether this is the process that opened the session, and not a fork of it."""
        return os.getpid() == self.pid

    def finish(self, exit_code, tests, stopped=""):
        """Close the session; a recording with holes is left open, since it cannot be vouched for."""
        if self not in _active or not self.is_mine():
            return
        _active.remove(self)
        self.outside()
        if self._during and _TEST not in os.environ:  # the pytest inside took it away
            os.environ[_TEST] = self._during
        if not self.nested:
            report_use()
        if is_complete():
            write("finish", s=self.key, exit=exit_code, tests=tests, stopped=stopped)


def read_cwd():
    try:
        return os.getcwd()
    except OSError:
        return ""


def active_session():
    """Return the innermost open session of this process or ``None``."""
    return _active[-1] if _active else None


def write_note(message):
    """Record something that went wrong in the recording itself."""
    write("note", message=message)


# --- proof of use: what test processes imported and connected to -----------------------------------------------------

_addresses = [item for item in os.environ.get("ENVMATRIX_WATCH_ADDRESSES", "").split(",") if item]
_ports = {item.rpartition(":")[2] for item in _addresses if ":" in item}
_imports = {}
_connections = []
_written = set()
_testing = False
_runs_tests = False
_later = {}  # modules by name, loaded before the first test


def mark_testing(here=True):
    """Say that this process runs tests (or, not ``here``, was started by one that does): what it used is written."""
    global _testing, _runs_tests
    _testing = True
    if here and not _runs_tests:
        _runs_tests = True
        _preload_checks()
    for name, path in list(_imports.items()):
        _write_once("import", name=name, path=path)
    for address in _connections:
        _write_once("connect", address=address)


def _preload_checks():
    """Load what is needed at the end: a test may have given up the rights to read these files, or its root, by then."""
    import json

    from _envmatrix import module_checks

    _later["shadowed"] = module_checks
    _later["json"] = json
    if sys.flags.optimize:
        from _envmatrix import module_checks

        _later["stripped"] = module_checks
    if os.environ.get("ENVMATRIX_CHECK_ORIGIN") == "1":
        import sysconfig
        import tempfile

        from _envmatrix import module_checks

        _later.update(origin=module_checks, sysconfig=sysconfig, tempfile=tempfile)


def record_import(name, module):
    """Keep that a watched module was really loaded, and from where."""
    _imports[name] = _file_of(module)
    if _testing:
        _write_once("import", name=name, path=_imports[name])


def _file_of(module):
    path = getattr(module, "__file__", None)
    if isinstance(path, str):
        return os.path.abspath(path)
    return "built-in" if module.__name__ in sys.builtin_module_names else ""


def audit_connection(event, args):
    """Keep connections to watched addresses; for ``sys.addaudithook``."""
    if event != "socket.connect":
        return
    address = args[1]
    if isinstance(address, tuple) and len(address) >= 2:
        if str(address[1]) not in _ports:
            return
        text = "%s:%s" % (address[0], address[1])
    else:
        text = os.fsdecode(address) if isinstance(address, (str, bytes)) else ""
        if text not in _addresses:
            return
    if text not in _connections:
        _connections.append(text)
        if _testing:
            _write_once("connect", address=text)


def _write_once(kind, **values):
    key = (os.getpid(), kind, *sorted(values.items()))
    if key not in _written:
        _written.add(key)
        write(kind, **values)


def report_use():
    """Write what only the whole of ``sys.modules`` tells; called when a session and when the process ends."""
    if not _testing:
        return
    for name in watched:
        module = sys.modules.get(name)
        if module is not None and name not in _imports:
            _write_once("import", name=name, path=_file_of(module) if type(module) is type(sys) else "")
    if not _runs_tests:
        return
    project = os.environ.get("ENVMATRIX_PROJECT", "")
    try:
        _report_places(project)
    except Exception as error:  # the process has other rights by now, or another root
        write_note("what the tests imported cannot be told: %s" % error)


def _report_places(project):
    if "stripped" in _later:
        write_note("python ran with -O or PYTHONOPTIMIZE: assert statements of the code under test were not executed")
        for place in _later["stripped"].find_stripped_asserts(project):
            _write_once("stripped", place=place)
    for name, path, local, asked_for in _later["shadowed"].find_copies(project):
        if asked_for:
            write_note(
                "the tests ran against the %s that deps name, not against the project's (%s differs)" % (name, local)
            )
        else:
            _write_once("shadowed", name=name, path=path, own=local)
    _report_ignored(project)
    if "origin" in _later:
        for name, path in _later["origin"].find_outside_modules(project):
            _write_once("outside", name=name, path=path)


def _report_ignored(project):
    """Write which modules of the project git ignores, where it ignores any: what they hold is in no commit."""
    try:
        with open(os.path.join(_folder, "ignored"), "rb") as file:
            ignored = tuple(os.fsdecode(line) for line in file.read().splitlines())
    except OSError:
        return
    home = os.path.join(sys.prefix, "")
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) if type(module) is type(sys) else None
        if not isinstance(path, str) or not path.startswith(ignored) or path.startswith(home):
            continue
        if path.endswith(".py") and "version" not in os.path.basename(path):  # a build writes that
            _write_once("unversioned", path=os.path.relpath(path, project or None))
