"""Runs at the start of every Python of the environment and waits for a test framework to be imported.

Nothing is imported here that the interpreter has not loaded anyway: the cost of a start counts in every process.
PYTEST_DONT_REWRITE
"""

import os
import sys

_PATCHES = {
    "_pytest.config": "pytest_start",
    "stestr.repository.file": "stestr_patch",
    "unittest.loader": "unittest_patch",
    "unittest.case": "unittest_patch",
    "unittest.result": "unittest_patch",
    "unittest.suite": "unittest_patch",
    "unittest.runner": "unittest_patch",
    "nose2.runner": "unittest_patch",
    "testtools.testcase": "unittest_patch",
}
# As they are when the process starts: what it does to its variables later is its own affair.
folder = os.environ.get("ENVMATRIX_RECORD", "")
inherited = os.environ.get("ENVMATRIX_SESSION", "")  # the session that this process was started from, if any
during = os.environ.get("PYTEST_CURRENT_TEST", "")  # the test of a pytest that this process was started by, if any
watched = [name for name in os.environ.get("ENVMATRIX_WATCH", "").split(",") if name]
_addresses = os.environ.get("ENVMATRIX_WATCH_ADDRESSES", "")
_SUBUNIT = ("stestr", "subunit")  # their streams are read afterwards; what they start is part of their run
_waiting = set()
_own = []  # this package and this module


def start():
    """Hook into this process; nothing happens without ``ENVMATRIX_RECORD`` or the second time."""
    if _waiting or not folder:
        return
    _own.extend((sys.modules["_envmatrix"], sys.modules[__name__]))
    _waiting.update(_PATCHES)
    _waiting.update(_SUBUNIT)
    _waiting.update(watched)
    for name in sorted(_waiting.intersection(sys.modules)):  # another .pth file was first
        _waiting.discard(name)
        _patch_loaded_module(name, sys.modules[name])
    sys.meta_path.insert(0, _Finder)
    import atexit

    atexit.register(_finish_process)
    if inherited or _addresses:  # most processes run no test: the rest is loaded by those that do
        process = _load_writer()
        if inherited:
            process.mark_testing(here=False)
        if _addresses and hasattr(sys, "addaudithook"):
            sys.addaudithook(process.audit_connection)


def _load_writer():
    """Return what is recorded with, always the same: of one that a test had loaded anew, what is open is unknown."""
    for module in _own:
        sys.modules.setdefault(module.__name__, module)
    from _envmatrix import writer

    return writer


class _Finder:
    """Finds nothing itself: it lets the others find, and has ``_loaded`` called when the module is there."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            if finder is cls or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _watch_module(name, spec.loader)
                return spec
        return None


def _watch_module(name, loader):
    if loader is None or isinstance(loader, type):  # a namespace, or a built-in whose loader all built-ins share
        return
    execute = loader.exec_module

    def exec_module(module):
        if loader.__dict__.get("exec_module") is exec_module:
            del loader.exec_module
        execute(module)
        if name in _waiting and module.__name__ == name:
            _waiting.discard(name)
            _patch_loaded_module(name, module)

    try:
        loader.exec_module = exec_module
    except (AttributeError, TypeError):
        _waiting.discard(name)


def _patch_loaded_module(name, module):
    try:
        process = _load_writer()
    except Exception:  # out of reach: the process has other rights by now, or another root
        return
    try:
        if name in watched:
            process.record_import(name, module)
        if name in _SUBUNIT:
            os.environ.setdefault(process.SESSION, "subunit")
            process.mark_testing()
        if name in _PATCHES:
            getattr(__import__("_envmatrix." + _PATCHES[name]), _PATCHES[name]).patch(name, module)
    except Exception as error:  # the project's run must not suffer from its recording
        process.write_note("cannot record %s: %s: %s" % (name, type(error).__name__, error))


def _finish_process():
    if not hasattr(_own[0], "writer"):  # nothing was tested here
        return
    process = _load_writer()
    session = process.active_session()
    if session is not None and session.is_mine():
        ended = getattr(session, "at_exit", None)
        if ended is not None:
            ended()
    process.report_use()
