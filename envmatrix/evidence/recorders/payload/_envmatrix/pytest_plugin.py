"""Records pytest's runs, 7.0 and newer, xdist's controller included.

PYTEST_DONT_REWRITE
"""

import os
from json.encoder import encode_basestring_ascii

import pytest

# All of them now: a conftest may give up the rights to read the folder that they are in.
from _envmatrix import (
    pytest_options,
    pytest_uncollected,
    requires_marker,
    unittest_patch,  # noqa: F401
    writer,
)

NAME = "_envmatrix"
MARKER = (
    "requires(*capabilities): run the test only where the profile promises these capabilities of the host, "
    'for example "libvirt>=9"'
)
REASON = 4000  # characters that are kept of a reason
_LISTS = ("collectonly", "showfixtures", "show_fixtures_per_test")
_CONSTRUCTED = "cannot be collected: its class has an %s of its own, and pytest leaves such a class out"
_DROPPED = "a hook of the suite took it out of the collection without saying so"


class Plugin(object):
    """Decides what a pytest process is: the run itself, a worker of it, or a run inside a test."""

    def __init__(self):
        self.session = None
        self.recorder = None
        self.root = ""

    def pytest_configure(self, config):
        config.addinivalue_line("markers", MARKER)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config):
        outcome = yield
        if outcome.excinfo is None:  # also --help and --markers come to their end without a session
            writer.write("returned", pid=os.getpid())

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        config = session.config
        self.root = str(getattr(config, "rootpath", None) or config.rootdir)
        if hasattr(config, "workerinput"):
            if writer.inherited != writer.NESTED:
                writer.mark_testing()
                config.pluginmanager.register(Worker(self.root, config), NAME + "_worker")
            return
        self.session = writer.Session("pytest", pytest.__version__, root=self.root, **pytest_options.read_facts(config))
        if self.session.nested:
            return
        self.recorder = Recorder(self.session, config)
        config.pluginmanager.register(self.recorder, NAME + "_recorder")
        config.pluginmanager.register(Worker(self.root, config), NAME + "_worker")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if self.session is None:
            writer.report_use()
            return
        tests, stopped = 0, ""
        if self.recorder is not None and self.session.is_mine():
            tests, stopped = self.recorder.close_open_tests(session)
        self.session.finish(int(exitstatus), tests, stopped)


class Recorder(object):
    """Writes one line per test, when its teardown was reported, and the list of what was collected before the first."""

    def __init__(self, session, config):
        self.session = session
        self.config = config
        self.key = session.key
        self.open = {}  # node id -> [outcome, seconds, reason, earlier attempts, whether it has subtests]
        self.tests = 0
        self.listed = False
        self.stopped = ""
        self.line = '{"t":"r","s":"%s","id":%%s,"o":"passed","d":%%.6f}\n' % session.key

    def pytest_runtest_logreport(self, report):
        nodeid = report.nodeid
        entry = self.open.get(nodeid)
        if entry is None:
            entry = self.open[nodeid] = ["", 0.0, "", [], False]
        entry[1] += report.duration
        if entry[0] == "rerun" and report.when == "setup":
            entry[0] = ""
        if report.when == "call" and _is_subtest(report):
            entry[4] = True
            self.write_subtest(report)
        if report.outcome != "passed" or "wasxfail" in report.__dict__:
            _fold_report(entry, report)
        elif report.when == "call" and (not entry[0] or entry[0] == "skipped") and not _is_subtest(report):
            entry[0] = "passed"
            entry[2] = ""
        if report.when == "teardown" or report.when == "???":
            del self.open[nodeid]
            self.close_test(nodeid, entry)

    def close_test(self, nodeid, entry, last=False):
        outcome, seconds, reason, attempts, parts = entry
        if outcome == "rerun":  # the plugin that reruns reports the next attempt under the same id
            self.open[nodeid] = [outcome, seconds, "", attempts, parts]
            return
        if (
            not outcome and not last and not self.config.getoption("setuponly", False)
        ):  # a plugin that reruns keeps the reports of attempts to itself
            self.open[nodeid] = ["rerun", seconds, "", [*attempts, "error"], parts]
            return
        if not self.session.is_mine():
            return
        if not outcome and self.config.getoption("setuponly", False):
            outcome, reason = "deselected", "not run: only what it is set up with was asked for"
        self.tests += 1
        if outcome == "passed" and not attempts and not parts:
            writer.emit_line(self.line % (encode_basestring_ascii(nodeid), seconds))
        else:
            values = {"a": [*attempts, outcome]} if attempts else {}
            if parts:
                values["parts"] = True
            writer.write("r", s=self.key, id=nodeid, o=outcome or "error", d=round(seconds, 6), r=reason, **values)

    def write_subtest(self, report):
        """Write a subtest that did not run: its test passes all the same, and pytest itself may say nothing of it."""
        if report.outcome == "skipped" and self.session.is_mine():
            reason = _extract_reason(report)
            tried = "wasxfail" in report.__dict__ and not _left_before_its_end(report)
            if not tried:
                name = "%s %s" % (report.nodeid, _name_subtest(report))
                writer.write("r", s=self.key, id=name, of=report.nodeid, o="skipped", d=0.0, r=reason)

    def pytest_collectreport(self, report):
        if report.outcome == "passed" or not self.session.is_mine():
            return
        outcome = "skipped" if report.outcome == "skipped" else "error"
        writer.write("r", s=self.key, id=report.nodeid, o=outcome, d=0.0, r=_extract_reason(report), module=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session):
        self.write_collected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        if not self.listed:
            self.write_collected(ids)

    def write_collected(self, ids):
        ids = list(ids)
        if ids:
            self.listed = True
            writer.write("collected", s=self.key, ids=ids)

    def pytest_keyboard_interrupt(self, excinfo):
        self.stopped = "%s: %s" % (excinfo.typename, excinfo.value) if str(excinfo.value) else excinfo.typename

    def close_open_tests(self, session):
        stopped = self.stopped or session.shouldfail or session.shouldstop or ""
        stopped = stopped if isinstance(stopped, str) else "stopped"
        if not stopped and any(self.config.getoption(name, False) for name in _LISTS):
            stopped = "--collect-only"
        for nodeid, entry in list(self.open.items()):  # its teardown was never reported
            if entry[0] in ("", "passed") and self.stopped.startswith("KeyboardInterrupt"):
                entry[0], entry[2] = "deselected", "not run to its end: " + stopped
            elif entry[0] in ("", "passed", "rerun"):
                entry[0], entry[2] = "error", "did not finish: " + (stopped or "its end was never reported")
            self.close_test(nodeid, entry, last=True)
        return self.tests, stopped


class Worker(object):
    """Where the tests are collected: the process itself, or each of xdist's workers."""

    def __init__(self, root, config):
        self.facts = {"root": root, "grouped": bool(getattr(config.option, "loadgroup", False))}
        self.ours = not any(_is_another(line) for line in config.getini("markers"))
        self.told = set()  # the ids that hooks have said to be deselected

    def pytest_deselected(self, items):
        ids = [item.nodeid for item in items]
        self.told.update(ids)
        if ids:
            writer.write("deselected", ids=ids, **self.facts)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_ignore_collect(self, collection_path, config):
        outcome = yield
        if not outcome.get_result():
            return
        globs = config.getini("python_files")
        if any(collection_path.match(glob) for glob in globs):
            writer.write("ignored", id=collection_path.as_posix(), **self.facts)
        elif pytest_uncollected.is_left_out(str(collection_path)) and pytest_uncollected.has_tests(
            str(collection_path), globs
        ):
            writer.write("ignored", id=collection_path.as_posix(), folder=True, **self.facts)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):
        outcome = yield
        report = outcome.get_result()
        if type(collector) is pytest.Class and report.passed and not report.result:
            made = pytest_uncollected.made_by(collector.obj)
            ids = (
                ["%s::%s" % (collector.nodeid, name) for name in pytest_uncollected.tests_of(collector)] if made else []
            )
            if ids:
                writer.write("uncollected", ids=ids, r=_CONSTRUCTED % made, **self.facts)

    def pytest_exception_interact(self, node, call, report):
        # pytest calls this for what a test raised, whatever hooks of the suite made of its report meanwhile.
        if report.outcome == "passed" and getattr(report, "when", "") in ("setup", "call", "teardown"):
            reason = "%s: %s" % (call.excinfo.typename, call.excinfo.value)
            writer.write("swallowed", id=node.nodeid, r=reason[-REASON:], **self.facts)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        before = list(items)
        folded = [item.nodeid for item in before if "0x" in item.nodeid]
        if folded:  # their ids are numbered in this order, whichever of them are selected
            writer.write("order", ids=folded, **self.facts)
        yield
        remaining, names = {id(item) for item in items}, {item.nodeid for item in items}
        gone = [item for item in before if id(item) not in remaining and item.nodeid not in names]
        if gone:  # a suite's plugin may run copies in their place, such as one for each database
            known = {id(item) for item in before}
            copies = {_origin(item) for item in items if id(item) not in known}
            gone = [item for item in gone if _origin(item) is None or _origin(item) not in copies]
        dropped = [item.nodeid for item in gone if item.nodeid not in self.told]
        if dropped:
            writer.write("deselected", ids=dropped, r=_DROPPED, **self.facts)
        self.apply_requirements(items)

    def apply_requirements(self, items):
        cache, named = {}, {}
        for item in items if self.ours else ():
            requirements = _collect_requirements(item, cache)
            if requirements:
                named[item.nodeid] = requirements
                self.skip_unmet(item, requirements)
        if named:
            writer.write("requires", of=named, **self.facts)

    def skip_unmet(self, item, requirements):
        reason = requires_marker.find_unmet(requirements)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _origin(item):
    """Return what a copy of an item has in common with it, its code and its parameters; None where it has no code."""
    function = getattr(item, "function", None)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return None
    return code, getattr(item, "originalname", None), getattr(getattr(item, "callspec", None), "id", "")


def _is_another(line):
    """Tell whether a registered marker is a ``requires`` of the project's own, with a meaning of its own."""
    name = line.partition(":")[0].partition("(")[0].strip()
    return name == "requires" and line != MARKER and "envmatrix" not in line


def _collect_requirements(node, cache):
    """Return what the ``requires`` markers of a node and of what it stands in name, the outermost first."""
    local = [arg for mark in node.own_markers if mark.name == "requires" for arg in mark.args if isinstance(arg, str)]
    parent = node.parent
    if parent is None:
        return local
    if parent not in cache:
        cache[parent] = _collect_requirements(parent, cache)
    return cache[parent] + local if local else cache[parent]


_XFAILED = ("XFailed", "_pytest.outcomes.XFailed")
_NOTRUN = "[NOTRUN]"  # how pytest itself begins the reason of an xfail that it did not try
_WORSE = {"": 0, "passed": 1, "skipped": 1, "xfailed": 1, "xpassed": 2, "failed": 3, "error": 4, "rerun": 5}


def _fold_report(entry, report):
    """Fold a report that is not simply passed into the entry of its test; the worst of its reports counts."""
    outcome, subtest = report.outcome, _is_subtest(report)
    if outcome == "rerun":
        entry[3].append("failed")
        entry[0] = "rerun"
        return
    if outcome not in ("passed", "failed", "skipped"):  # a plugin's own word for an attempt that it follows by another
        entry[3].append("failed")
        return
    if outcome == "skipped" and report.when == "teardown" and entry[0]:
        return  # its body has run, whatever a fixture says afterwards
    reason = _extract_reason(report)
    if "wasxfail" in report.__dict__:
        if outcome == "skipped" and not reason.startswith(_NOTRUN) and _left_before_its_end(report):
            reason = (_NOTRUN + " " + reason)[:REASON]
        outcome = "xfailed" if outcome == "skipped" else "xpassed" if outcome == "passed" else outcome
    if outcome == "failed" and report.when != "call":
        outcome = "error"
    if subtest and outcome in ("skipped", "xfailed", "xpassed"):
        return  # the test itself goes on, and its own report says how it ended
    if _WORSE.get(outcome, 4) >= _WORSE[entry[0]]:
        entry[0], entry[2] = outcome, reason


def _left_before_its_end(report):
    """Tell whether an xfail is no failure of the test's own code: raised before it, or by pytest.xfail() inside it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return report.when == "setup" or (getattr(crash, "message", None) or "").startswith(_XFAILED)


def _is_subtest(report):
    return type(report).__name__.lower() == "subtestreport"


def _name_subtest(report):
    """What a subtest is called: by its message and its parameters, as pytest does; xdist's workers quote those."""
    context = getattr(report, "context", None)
    message, given = getattr(context, "msg", None), getattr(context, "kwargs", None) or {}
    words = ["[%s]" % message] if message is not None else []
    words += (
        ["(%s)" % ", ".join("%s=%s" % (name, str(value).strip("'\"")) for name, value in given.items())]
        if given
        else []
    )
    return " ".join(" ".join(words or ["(<subtest>)"]).split())[:200]


def _extract_reason(report):
    wasxfail = report.__dict__.get("wasxfail")
    if isinstance(wasxfail, str) and report.outcome != "failed":
        return wasxfail[8:] if wasxfail.startswith("reason: ") else wasxfail
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = str(longrepr[2])
        return (text[9:] if text.startswith("Skipped: ") else text)[:REASON]
    crash = getattr(longrepr, "reprcrash", None)
    text = getattr(crash, "message", None) or str(longrepr)
    return text[-REASON:]
