"""Records unittest and what is built on its results: Django's runner, nose2, testtools', trial, zope.testrunner.

PYTEST_DONT_REWRITE
"""

import os
import sys
import time
import weakref
from threading import get_ident

from _envmatrix import writer

# unittest and pytest leave the frames of such modules out of tracebacks, and unittest, where a test's assertion failed,
# everything behind the first frame of its own that follows others: that was the test.
__unittest = True

REASON = 4000
_WORSE = {"": 0, "passed": 1, "skipped": 2, "xfailed": 2, "xpassed": 3, "failed": 4, "error": 5}
_patched = set()
_current = {}  # thread -> [test, start, outcome, reason, whether its body has passed]


def patch(name, module):
    """Patch what the module defines: results say how tests end, runners where a session begins and ends."""
    if name == "unittest.result":
        _patch_result(module.TestResult)
    elif name == "unittest.case":
        _patch_call(module.TestCase, "_callTestMethod")
    elif name == "testtools.testcase":
        _patch_method(module.TestCase, "_run_test_method")
    elif name == "unittest.suite":
        _patch_suite(module.BaseTestSuite)
        _patch_suite(module.TestSuite)
    elif name == "unittest.runner":
        _patch_runner(module.TextTestRunner, "unittest", sys.version.split()[0])
    elif name == "unittest.loader":
        _patch_loader(module._FailedTest)
    elif name == "nose2.runner":
        _patch_runner(module.PluggableTestRunner, "nose2", _version_of("nose2"))


def _version_of(name):
    return str(getattr(sys.modules.get(name), "__version__", ""))


def _same_face(wrapper, wrapped):
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(wrapper, attribute, getattr(wrapped, attribute, None))
    wrapper.__wrapped__ = wrapped
    return wrapper


def _patch_loader(cls):
    """Note modules that cannot be imported where subunit runs: its listing fails on them and leaves no stream."""
    make = cls.__init__

    def observed(self, method_name, exception, *args, **kwargs):
        make(self, method_name, exception, *args, **kwargs)
        if _is_subunit() and writer.inherited in ("", "subunit"):
            writer.write("undiscovered", id=str(method_name), r=str(exception)[-REASON:])

    cls.__init__ = _same_face(observed, make)


_UNRUN = "it gave back a %s that nobody awaited or iterated, so its body never ran"


def _patch_call(cls, name):
    """See what a test method gives back: an async method of a plain TestCase gives a coroutine and runs nothing."""
    call = cls.__dict__.get(name)
    if call is None:  # Python 3.7
        return

    def observed(self, method, *args, **kwargs):
        def kept(*given, **named):
            return _looked_at(self, method, *given, **named)

        return call(self, _same_face(kept, method), *args, **kwargs)

    setattr(cls, name, _same_face(observed, call))


def _patch_method(cls, name):
    run = cls.__dict__.get(name)
    if run is not None:
        setattr(cls, name, _same_face(lambda self, *args: _looked_at(self, run, self, *args), run))


_calling = set()  # the threads that are in a test method


def _looked_at(test, method, *args, **kwargs):
    thread = get_ident()
    if thread in _calling:  # a test that another one runs inside itself
        return method(*args, **kwargs)
    _calling.add(thread)
    try:
        value = method(*args, **kwargs)
    finally:
        _calling.discard(thread)
    if thread in _current and _same(_current[thread][0], test):
        _current[thread][4] = True
    kind = type(value).__name__
    if kind in ("coroutine", "generator", "async_generator") and type(value).__module__ == "builtins":
        node = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        if _is_the_runners(test, node):
            writer.write("unrun", id=_id(test), node=node, r=_UNRUN % kind)
    return value


def _is_the_runners(test, node):
    """Tell whether it is the test that pytest runs, and not one that a function which pytest runs has inside."""
    return not node or node.replace("::", ".").endswith("." + ".".join(_id(test).split(".")[-2:]))


def _patch_suite(cls):
    run = cls.run

    def observed(self, result, *args, **kwargs):
        _know(type(result))
        return run(self, result, *args, **kwargs)

    cls.run = _same_face(observed, run)


def _know(cls):
    """Patch every class of a result that reports on its own, without its parent's methods."""
    if cls in _patched:
        return
    for base in cls.__mro__:
        if base is not object and base not in _patched and "addSuccess" in base.__dict__:
            _patch_result(base)
    _patched.add(cls)


def _patch_result(cls):
    _patched.add(cls)
    for name, hook in _HOOKS.items():
        if callable(cls.__dict__.get(name)):
            setattr(cls, name, _same_face(_observed(cls.__dict__[name], hook), cls.__dict__[name]))


def _observed(method, hook):
    def observed(self, test, *args, **kwargs):
        try:
            if hook is _start:
                _know(type(self))  # a runner may start tests without a suite of unittest's
            hook(test, args, kwargs)
        except Exception as error:
            writer.write_note("cannot record a unittest result: %s: %s" % (type(error).__name__, error))
        return method(self, test, *args, **kwargs)

    return observed


def _patch_runner(cls, runner, version):
    run = cls.run

    def observed(self, test, *args, **kwargs):
        session = _begin(runner, version, test)
        if session is None:
            return run(self, test, *args, **kwargs)
        result, stopped = None, "interrupted"
        try:
            result = run(self, test, *args, **kwargs)
            stopped = "stopped after the first failure" if getattr(result, "shouldStop", False) is True else ""
            return result
        except BaseException as error:
            stopped = type(error).__name__
            raise
        finally:
            _end(session, result, stopped)

    cls.run = _same_face(observed, run)


def _is_subunit():
    """Tell whether this process reports through subunit, whose stream is read afterwards."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    name = getattr(spec, "name", None) or ""
    program = os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else ""
    return name.split(".")[0] in ("stestr", "subunit") or program in ("stestr", "stestr.exe", "testr", "ostestr")


def _begin(runner, version, test):
    if _is_subunit():
        return None
    session = writer.active_session()
    if session is not None:
        if getattr(session, "implicit_runner", None) is None or _current:
            return None  # a runner inside a test
        session.finish(None, session.tests)
    session = _open(runner, version, None)
    if not session.nested:
        tests = list(_tests(test))
        for item in tests:
            _place(session, item)
        if tests:
            writer.write("collected", s=session.key, ids=[_id(element) for element in tests])
    return session


def _open(runner, version, implicit):
    session = (_Implicit if implicit else writer.Session)(
        runner, version, root=writer.read_cwd(), args=[str(arg) for arg in getattr(sys, "argv", [])], at=time.time()
    )
    session.tests = 0
    session.places = set()  # the modules whose files are written
    session.ended = {}  # id -> the test that had it last
    session.implicit_runner = implicit
    if implicit:
        session.outside()
    return session


class _Implicit(writer.Session):
    """The tests of a process whose runner is not known, and so where its run ends: with the process at the latest."""

    def is_idle(self):
        return not _current and self.is_mine()

    def at_exit(self):
        self.finish(None, self.tests)


def _end(session, result, stopped):
    if not session.is_mine():
        return
    _current.clear()
    code = None
    if result is not None:
        code = 0 if result.wasSuccessful() else 1
    session.finish(code, session.tests, stopped)


def _tests(suite):
    """Yield the tests of a suite; one that makes its tests while it runs keeps them to itself."""
    tests = getattr(suite, "_tests", None)
    if isinstance(tests, (list, tuple)):
        for test in tests:
            for matches in _tests(test):
                yield matches
    elif tests is None and hasattr(suite, "id") and hasattr(suite, "run"):
        yield suite


def _place(session, test):
    """Write once which file a test's module is: another one may have the same dotted name in the next session."""
    name = type(test).__module__
    if name not in session.places:
        session.places.add(name)
        path = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(path, str):
            writer.write("place", s=session.key, module=name, path=os.path.abspath(path))


def _is_again(session, test):
    """Tell whether it is the very test that ended before under its id: one that is run another time."""
    last = session.ended.get(_id(test))
    try:
        session.ended[_id(test)] = weakref.ref(test)
    except TypeError:
        return False
    return last is not None and last() is test


def _id(test):
    return str(test.id())


def _session():
    """Return the session that a result belongs to, opening one where a runner of its own is at work."""
    session = writer.active_session()
    if session is not None:
        return session if hasattr(session, "implicit_runner") and not session.nested and session.is_mine() else None
    if writer.inherited or "subunit" in sys.modules or "stestr" in sys.modules or _is_subunit():
        return None
    return _open("unittest", sys.version.split()[0], "implicit")


def _start(test, args, kwargs):
    session = _session()
    thread = get_ident()
    if session is not None and thread not in _current:
        if not _current and session.implicit_runner:
            session.inside()
        _current[thread] = [test, time.perf_counter(), "", "", False]


def _stop(test, args, kwargs):
    entry = _current.get(get_ident())
    if entry is None or not _same(entry[0], test):
        return
    del _current[get_ident()]
    session = writer.active_session()
    if session is not None and session.is_mine():
        if not _current and getattr(session, "implicit_runner", None):
            session.outside()
        outcome, reason = entry[2], entry[3]
        if not outcome and sys.exc_info()[0] is KeyboardInterrupt:
            outcome, reason = "deselected", "not run to its end: KeyboardInterrupt"
        if not outcome:
            outcome, reason = "error", "the result class reported no outcome"
        _write(session, test, outcome, time.perf_counter() - entry[1], reason)


def _write(session, test, outcome, seconds, reason):
    session.tests += 1
    values = {"r": reason} if reason else {}
    _place(session, test)
    if _is_again(session, test):
        values["again"] = True
    writer.write("r", s=session.key, id=_id(test), o=outcome, d=round(seconds, 6), **values)


def _outcome(outcome, read):
    def hook(test, args, kwargs):
        entry = _current.get(get_ident())
        if entry is not None:
            if outcome == "skipped" and entry[4] and _owner(test) is test:
                _passed(test, args, kwargs)  # skipped in its teardown, when its body had passed
            elif _same(entry[0], _owner(test)) and _WORSE[outcome] > _WORSE[entry[2]]:
                entry[2], entry[3] = outcome, read(args, kwargs)
            return
        session = _session()
        if session is not None:  # a class or a module, or a test that was skipped without being started
            _outside(session, test, outcome, read(args, kwargs))

    return hook


_outside_seen = []


def _outside(session, test, outcome, reason):
    if _outside_seen and _outside_seen[0] is test and _outside_seen[1] == (outcome, reason):
        return  # the same call, seen again on its way to the parent class
    _outside_seen[:] = [test, (outcome, reason)]
    _write(session, test, outcome, 0.0, reason)


def _subtest(test, args, kwargs):
    error = args[1] if len(args) > 1 else kwargs.get("err", kwargs.get("outcome"))
    entry = _current.get(get_ident())
    if error is None or entry is None or not _same(entry[0], test):
        return
    failed = issubclass(error[0], test.failureException)
    outcome = "failed" if failed else "error"
    if _WORSE[outcome] > _WORSE[entry[2]]:
        entry[2], entry[3] = outcome, _text(error)


def _same(started, test):
    """Tell whether it is the test that started: a runner may report it, or decorate it anew each time it does."""
    return started is test or (hasattr(test, "id") and _id(started) == _id(test))


def _owner(test):
    return getattr(test, "test_case", test)


def _text(error):
    return ("%s: %s" % (getattr(error[0], "__name__", error[0]), error[1]))[-REASON:]


def _error(args, kwargs):
    error = args[0] if args else kwargs.get("err")
    if isinstance(error, tuple) and len(error) == 3:
        return _text(error)
    if callable(getattr(error, "getErrorMessage", None)):  # trial's
        return str(error.getErrorMessage())[-REASON:]
    return _details(args, kwargs, "traceback")


def _skip(args, kwargs):
    reason = args[0] if args else kwargs.get("reason")
    return str(reason)[:REASON] if reason is not None else _details(args, kwargs, "reason")


def _details(args, kwargs, name):
    details = args[1] if len(args) > 1 else kwargs.get("details")
    content = details.get(name) if isinstance(details, dict) else None
    return content.as_text()[-REASON:] if hasattr(content, "as_text") else ""


def _nothing(args, kwargs):
    return ""


_passed = _outcome("passed", _nothing)

_HOOKS = {
    "startTest": _start,
    "stopTest": _stop,
    "addSuccess": _outcome("passed", _nothing),
    "addError": _outcome("error", _error),
    "addFailure": _outcome("failed", _error),
    "addSkip": _outcome("skipped", _skip),
    "addExpectedFailure": _outcome("xfailed", _error),
    "addUnexpectedSuccess": _outcome("xpassed", _nothing),
    "addSubTest": _subtest,
}
