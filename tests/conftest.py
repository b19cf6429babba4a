"""What holds for every test: nothing of the caller's settings leaks in, and no test may skip itself."""

from __future__ import annotations

import os
import signal

import pytest

LEAKING = ("TOX_", "VIRTUALENV_", "ENVMATRIX_", "OS_TEST_")
LEAKING_NAMES = {
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
    "DATABASE_URL",
    "NO_COLOR",
    "FORCE_COLOR",
    "PY_COLORS",
}

# Whoever starts the tests may have these ignored (nohup, a job in the background), which processes inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

CALLER_ENVIRON = dict(os.environ)  # before it is cleaned, for tests of what a profile gives to its commands
for _name in list(os.environ):
    if _name.startswith(LEAKING) or _name in LEAKING_NAMES:
        del os.environ[_name]


@pytest.fixture(scope="session")
def caller_environ() -> dict[str, str]:
    """The environment that the tests were started with."""
    return CALLER_ENVIRON


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure: a suite that is about silent skips has none. An expected failure stays one."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} skipped itself ({reason}); install what it needs, see CONTRIBUTING.md"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _refuse_skip(report)
    return report
