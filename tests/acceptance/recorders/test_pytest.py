"""The pytest recorder against pytest's own word, in real environments of every interpreter found."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from recorders_lab import THIS, Environment, Lab, interpreters, lab, pytest_for, write

from envmatrix.evidence import recorders

SUITE = """
import unittest
import pytest

def test_ok(): pass
def test_fail(): assert 1 == 2
@pytest.fixture
def broken(): raise RuntimeError("setup")
def test_setup_error(broken): pass
def test_skip(): pytest.skip("no thing")
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail(run=False, reason="hangs")
def test_xfail_not_run(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
@pytest.mark.parametrize("value", ["a", "b c", "\\xe9", "x::y"])
def test_parameters(value): pass
def test_left_out(): pass
class TestUnit(unittest.TestCase):
    def test_ok(self): pass
    @unittest.skip("not today")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_xfail(self): self.fail()
@unittest.skip("whole class")
class TestSkipped(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): pass
"""
OPTIONAL = "import pytest\npytest.importorskip('nonexistent_module')\ndef test_a(): pass\n"
BROKEN = "import nonexistent_module\ndef test_a(): pass\n"
WANTED = {
    "test_broken.py": "error",
    "test_optional.py": "skipped",
    "test_suite.py::TestSkipped::test_a": "skipped",
    "test_suite.py::TestSkipped::test_b": "skipped",
    "test_suite.py::TestUnit::test_ok": "passed",
    "test_suite.py::TestUnit::test_skip": "skipped",
    "test_suite.py::TestUnit::test_xfail": "xfailed",
    "test_suite.py::test_fail": "failed",
    "test_suite.py::test_left_out": "deselected",
    "test_suite.py::test_ok": "passed",
    "test_suite.py::test_parameters[\\xe9]": "passed",
    "test_suite.py::test_parameters[a]": "passed",
    "test_suite.py::test_parameters[b c]": "passed",
    "test_suite.py::test_parameters[x::y]": "passed",
    "test_suite.py::test_setup_error": "error",
    "test_suite.py::test_skip": "skipped",
    "test_suite.py::test_xfail": "xfailed",
    "test_suite.py::test_xfail_not_run": "xfailed",
    "test_suite.py::test_xpass": "xpassed",
    "test_suite.py::test_xpass_strict": "failed",
}
CRASHES = {
    "exit": "import os; os._exit(0)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write(tmp_path / "suite", test_suite=SUITE, test_optional=OPTIONAL, test_broken=BROKEN)


@pytest.fixture
def here(lab: Lab) -> Environment:
    return lab(THIS, "pytest>=9", "pytest-xdist", "pytest-rerunfailures")


ALL = ("--continue-on-collection-errors", "--strict-markers", "-k", "not left_out")


@pytest.mark.parametrize("version", interpreters())
def test_counts_are_pytests_own_on_every_interpreter(lab, suite, version):
    run = lab(version, pytest_for(version), "pytest-xdist").pytest(*ALL, cwd=suite)
    assert run.outcomes == WANTED
    assert run.counts == run.summary()
    (session,) = run.recorded.sessions
    assert (session.finished, session.exit_code, run.recorded.notes) == (True, run.returncode, ())


@pytest.mark.parametrize("version", interpreters())
def test_a_distributed_run_gives_the_same(lab, suite, version):
    run = lab(version, pytest_for(version), "pytest-xdist").pytest(*ALL, "-n2", cwd=suite)
    assert run.outcomes == WANTED
    assert len(run.recorded.sessions) == 1


def test_reasons_are_the_tests_own_words(here, suite):
    run = here.pytest(*ALL, cwd=suite)
    assert run.reasons["test_suite.py::test_skip"] == "no thing"
    assert run.reasons["test_suite.py::TestUnit::test_skip"] == "not today"
    assert run.reasons["test_suite.py::test_xfail"] == "known"
    assert "No module named 'nonexistent_module'" in run.reasons["test_optional.py"]
    assert "assert 1 == 2" in run.reasons["test_suite.py::test_fail"]
    standing = {test.id for test in run.recorded.tests if test.stands_for_module}
    assert standing == {"test_optional.py", "test_broken.py"}


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (("python", "-I", "-m", "pytest", "-q"), {}),
        (("pytest", "-q"), {}),
        (("pytest", "-q"), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        (("pytest", "-q"), {"PYTEST_ADDOPTS": "-p no:cacheprovider"}),
        (("python", "-c", "import pytest, sys; sys.exit(pytest.main(['-q']))"), {}),
    ],
    ids=["isolated", "script", "no autoload", "addopts", "main"],
)
def test_however_pytest_is_started(here, tmp_path, args, env):
    run = here.run(*args, cwd=write(tmp_path / "p", test_a="def test_a(): pass\n"), env=env)
    assert (run.outcomes, run.returncode) == ({"test_a.py::test_a": "passed"}, 0)


def test_the_callers_own_plugins_are_kept(here, tmp_path):
    plugin = "def pytest_report_header(): return 'mine is here'\n"
    project = write(tmp_path / "p", test_a="def test_a(): pass\n", mine=plugin)
    run = here.run("python", "-m", "pytest", cwd=project, env={"PYTEST_PLUGINS": "mine"})
    assert "mine is here" in run.output
    assert run.counts == {"passed": 1}


def test_warnings_as_errors_find_nothing_of_ours(here, tmp_path):
    code = "import os, sys\ndef test_a(): assert 'PYTEST_PLUGINS' not in os.environ\n"
    run = here.run("python", "-W", "error", "-m", "pytest", "-W", "error", cwd=write(tmp_path / "p", test_a=code))
    assert (run.counts, run.returncode) == ({"passed": 1}, 0)


def test_a_pass_with_a_failing_teardown_is_an_error(here, tmp_path):
    code = "import pytest\n@pytest.fixture\ndef f():\n    yield\n    raise RuntimeError('late')\ndef test_a(f): pass\n"
    run = here.pytest(cwd=write(tmp_path / "p", test_a=code))
    assert (run.outcomes, run.reasons) == ({"test_a.py::test_a": "error"}, {"test_a.py::test_a": "RuntimeError: late"})


@pytest.mark.parametrize("packages", [("pytest>=9",), ("pytest==8.3.*", "pytest-subtests")], ids=["built in", "plugin"])
@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["here", "distributed"])
def test_subtests_are_one_test_and_a_failed_one_fails_it(lab, tmp_path, packages, workers):
    code = (
        "def test_bad(subtests):\n    for i in range(3):\n        with subtests.test(i=i): assert i != 1\n"
        "def test_good(subtests):\n    for i in range(3):\n        with subtests.test(i=i): pass\n"
    )
    run = lab(THIS, *packages, "pytest-xdist").pytest(*workers, cwd=write(tmp_path / "p", test_a=code))
    assert run.outcomes == {"test_a.py::test_bad": "failed", "test_a.py::test_good": "passed"}


@pytest.mark.parametrize("packages", [("pytest>=9",), ("pytest==8.3.*", "pytest-subtests")], ids=["built in", "plugin"])
@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["here", "distributed"])
def test_a_subtest_that_skips_is_listed_beside_its_test(lab, tmp_path, packages, workers):
    code = (
        "import pytest, unittest\n"
        "def test_some(subtests):\n    for i in range(3):\n        with subtests.test('it', i=i):\n"
        "            if i == 1: pytest.skip('no redis')\n"
        "class Case(unittest.TestCase):\n    def test_other(self):\n        for i in range(2):\n"
        "            with self.subTest(i=i):\n                if i: self.skipTest('no mysql')\n"
    )
    run = lab(THIS, *packages, "pytest-xdist").pytest(*workers, cwd=write(tmp_path / "p", test_a=code))
    skipped = {test.id: (test.part_of, test.reason) for test in run.recorded.tests if test.outcome == "skipped"}
    assert skipped["test_a.py::test_some [it] (i=1)"] == ("test_a.py::test_some", "no redis")
    assert skipped["test_a.py::Case::test_other (i=1)"] == ("test_a.py::Case::test_other", "no mysql")
    assert run.outcomes["test_a.py::test_some"] == run.outcomes["test_a.py::Case::test_other"] == "passed"


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["here", "distributed"])
def test_reruns_are_attempts_of_one_test(here, tmp_path, workers):
    code = "n = [0]\ndef test_flaky():\n    n[0] += 1\n    assert n[0] > 2\ndef test_never(): assert 0\n"
    run = here.pytest("--reruns", "3", *workers, cwd=write(tmp_path / "p", test_a=code))
    attempts = {test.id: test.attempts for test in run.recorded.tests}
    assert run.counts == {"passed": 1, "failed": 1}
    assert attempts["test_a.py::test_flaky"] == ("failed", "failed", "passed")
    assert attempts["test_a.py::test_never"] == ("failed",) * 4


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES)
@pytest.mark.parametrize("version", [min(interpreters(), key=lambda name: int(name[2:])), THIS])
def test_a_crash_keeps_what_ran_and_names_the_test(lab, tmp_path, version, crash):
    code = f"def test_a(): pass\ndef test_b():\n    {crash}\ndef test_c(): pass\n"
    run = lab(version, pytest_for(version), "pytest-xdist").pytest(cwd=write(tmp_path / "p", test_a=code))
    assert run.outcomes == {
        "test_a.py::test_a": "passed",
        "test_a.py::test_b": "error",
        "test_a.py::test_c": "deselected",
    }
    assert run.reasons["test_a.py::test_c"] == "not run: the process died"
    assert [session.finished for session in run.recorded.sessions] == [False]


def test_a_crashed_worker_is_an_error_of_its_test(here, tmp_path):
    code = "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\ndef test_c(): pass\n"
    run = here.pytest("-n2", cwd=write(tmp_path / "p", test_a=code))
    assert run.counts == {"passed": 2, "error": 1}
    assert "crashed" in run.reasons["test_a.py::test_b"]
    assert run.returncode == 1


@pytest.mark.parametrize(
    ("body", "args", "ends", "why"),
    [
        ("assert 0", ("-x",), "failed", "stopping after 1 failures"),
        ("raise KeyboardInterrupt", (), "deselected", "KeyboardInterrupt"),
        ("import pytest; pytest.exit('enough')", (), "error", "Exit: enough"),
    ],
    ids=["first failure", "interrupted", "exit"],
)
def test_what_was_collected_and_never_started_was_not_run(here, tmp_path, body, args, ends, why):
    code = f"def test_a(): pass\ndef test_b():\n    {body}\ndef test_c(): pass\n"
    run = here.pytest(*args, cwd=write(tmp_path / "p", test_a=code))
    assert run.outcomes == {"test_a.py::test_a": "passed", "test_a.py::test_b": ends, "test_a.py::test_c": "deselected"}
    assert run.reasons["test_a.py::test_c"] == f"not run: {why}"
    assert run.recorded.sessions[0].stopped == why


def test_collecting_is_not_running(here, suite):
    run = here.pytest("--collect-only", "test_suite.py", cwd=suite)
    assert set(run.counts) == {"deselected"}
    assert set(run.reasons.values()) == {"not run: --collect-only"}


def test_a_run_that_finds_nothing_is_a_session_without_tests(here, tmp_path):
    run = here.pytest(
        cwd=write(tmp_path / "p", conftest="collect_ignore = ['test_a.py']\n", test_a="def test_a(): pass\n")
    )
    (session,) = run.recorded.sessions
    assert (session.finished, session.exit_code, session.tests) == (True, 5, 0)
    assert [(test.id, test.outcome, test.stands_for_module) for test in run.recorded.tests] == [
        ("test_a.py", "deselected", True)
    ]


def test_runs_inside_tests_are_not_counted(here, tmp_path):
    code = """
import subprocess, sys
pytest_plugins = ["pytester"]
def test_inside(pytester):
    pytester.makepyfile("def test_x(): assert 0")
    assert pytester.runpytest_inprocess().ret == 1
    assert pytester.runpytest_subprocess().ret == 1
def test_beside(tmp_path):
    test = "import unittest\\nclass A(unittest.TestCase):\\n    def test_y(self): self.fail()"
    (tmp_path / "test_y.py").write_text(test)
    assert subprocess.call([sys.executable, "-m", "unittest", "test_y"], cwd=tmp_path) == 1
    assert subprocess.call([sys.executable, "-m", "pytest", "-n1"], cwd=tmp_path) == 1
"""
    project = write(
        tmp_path / "p",
        conftest="pytest_plugins = ['pytester']\n",
        test_a=code.replace('pytest_plugins = ["pytester"]', ""),
    )
    run = here.pytest(cwd=project)
    assert run.outcomes == {"test_a.py::test_inside": "passed", "test_a.py::test_beside": "passed"}
    assert sorted(session.nested for session in run.recorded.sessions) == [False, True, True, True, True]


def test_a_pytest_of_another_environment_is_not_disturbed(here, lab, tmp_path):
    other = lab(THIS, "pytest==8.3.*")
    recorders.remove_recorders(other.site_packages)
    call = f"subprocess.call([{str(other.python)!r}, '-m', 'pytest'], cwd=tmp_path)"
    code = f"import subprocess\ndef test_a(tmp_path): assert {call} == 5\n"
    try:
        assert here.pytest(cwd=write(tmp_path / "p", test_a=code)).counts == {"passed": 1}
    finally:
        recorders.install_recorders(other.site_packages)


def test_two_commands_of_one_cell_are_merged_and_the_worst_counts(here, tmp_path):
    project = write(tmp_path / "p", test_a="import os\ndef test_a(): assert os.environ.get('GOOD')\n")
    here.pytest(cwd=project, env={"GOOD": "1"}, record=tmp_path / "record")
    run = here.pytest(cwd=project, record=tmp_path / "record")
    (test,) = run.recorded.tests
    assert (test.outcome, sorted(test.attempts)) == ("failed", ["failed", "passed"])
    assert len(run.recorded.sessions) == 2


def test_ids_count_from_the_project_and_not_from_pytests_root(here, tmp_path):
    project = write(tmp_path / "p", ["sub/pytest.ini"], **{"sub/test_a": "def test_a(): pass\n"})
    assert here.pytest("sub", cwd=project).outcomes == {"sub/test_a.py::test_a": "passed"}


def test_files_that_a_test_closes_are_not_missed(here, tmp_path):
    code = """
import os
def test_a(tmp_path):
    global other
    for name in os.listdir("/proc/self/fd"):
        if ".jsonl" in os.path.realpath("/proc/self/fd/" + name):
            os.close(int(name))
    other = open(tmp_path / "mine", "w")
def test_b(): assert os.fstat(other.fileno()).st_size == 0
"""
    run = here.pytest(cwd=write(tmp_path / "p", test_a=code))
    assert (run.counts, run.recorded.sessions[0].finished) == ({"passed": 2}, True)


def test_a_fork_that_goes_on_writes_nothing(here, tmp_path):
    code = (
        "import os\ndef test_a():\n    if not os.fork(): raise SystemExit('child')\n    os.wait()\ndef test_b(): pass\n"
    )
    run = here.pytest(cwd=write(tmp_path / "p", test_a=code))
    assert run.outcomes == {"test_a.py::test_a": "passed", "test_a.py::test_b": "passed"}
    assert len(run.recorded.sessions) == 1


def test_what_was_asked_of_a_run_is_written_down(here, suite):
    outside = here.pytest("test_suite.py", cwd=suite, env={"PYTEST_ADDOPTS": "-k ok"}).recorded.sessions[0]
    assert (outside.narrowed, outside.addopts) == ("", "-k ok")
    own = here.pytest("test_suite.py", "-m", "not slow", "--deselect", "test_x", cwd=suite).recorded.sessions[0]
    assert (own.narrowed, own.paths) == ("", ("test_suite.py",))
    assert (own.options["markexpr"], own.options["deselect"]) == ("not slow", "['test_x']")
    state = here.run("pytest", "--lf", "test_suite.py", cwd=suite).recorded.sessions[0]
    assert state.narrowed == "--lf"
    assert here.run("pytest", "--ff", "test_suite.py", cwd=suite).recorded.sessions[0].narrowed == ""


def test_what_is_only_set_up_did_not_run(here, suite):
    run = here.pytest("--setup-only", "test_suite.py::test_ok", cwd=suite)
    assert run.outcomes == {"test_suite.py::test_ok": "deselected"}


REQUIRES = """
import pytest
@pytest.mark.requires("libvirt>=9")
def test_new(): pass
@pytest.mark.requires("libvirt>=6")
class TestOld:
    def test_a(self): pass
    @pytest.mark.requires("kvm")
    def test_b(self): pass
def test_plain(): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["here", "distributed"])
@pytest.mark.parametrize(
    ("promised", "wanted"),
    [
        ({}, ["skipped", "skipped", "skipped", "passed"]),
        ({"libvirt": "8.0.0"}, ["skipped", "passed", "skipped", "passed"]),
        ({"libvirt": None, "kvm": None}, ["passed", "passed", "passed", "passed"]),
        ({"libvirt": "9.0.0", "kvm": "1"}, ["passed", "passed", "passed", "passed"]),
    ],
    ids=["nothing", "older", "unknown versions", "all"],
)
def test_a_test_runs_where_the_profile_promises_what_it_requires(here, tmp_path, promised, wanted, workers):
    project = write(tmp_path / "p", test_a=REQUIRES)
    run = here.pytest("--strict-markers", *workers, cwd=project, promised=promised, profile="plain")
    names = ["test_new", "TestOld::test_a", "TestOld::test_b", "test_plain"]
    assert [run.outcomes[f"test_a.py::{name}"] for name in names] == wanted
    requires = {test.id: test.requires for test in run.recorded.tests}
    assert requires["test_a.py::TestOld::test_b"] == ("libvirt>=6", "kvm")
    if not promised:
        reason = "requires libvirt>=9, which the profile plain does not promise"
        assert run.reasons["test_a.py::test_new"] == reason


def test_groups_of_a_distributed_run_are_no_part_of_any_id(here, tmp_path):
    code = (
        "import pytest\npytestmark = [pytest.mark.xdist_group('g'), pytest.mark.requires('kvm')]\ndef test_a(): pass\n"
    )
    project = write(tmp_path / "p", test_a=code)
    (test,) = here.pytest("-n1", "--dist", "loadgroup", cwd=project, promised={"kvm": None}).recorded.tests
    assert (test.id, test.outcome, test.requires) == ("test_a.py::test_a", "passed", ("kvm",))


@pytest.mark.parametrize(
    ("description", "outcome"),
    [("requires(*names): skip unless envmatrix promises them", "skipped"), ("requires: needs a library", "passed")],
)
def test_a_marker_of_the_projects_own_is_left_alone(here, tmp_path, description, outcome):
    project = write(tmp_path / "p", test_a="import pytest\n@pytest.mark.requires('yaml')\ndef test_a(): pass\n")
    (project / "pytest.ini").write_text(f"[pytest]\nmarkers =\n    {description}\n")
    run = here.pytest("--strict-markers", cwd=project)
    assert run.outcomes == {"test_a.py::test_a": outcome}


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["here", "distributed"])
def test_what_test_processes_import_is_proof_of_use(here, tmp_path, workers):
    code = """
import subprocess, sys
def test_a():
    import real, sub.mod
    sys.modules["stub"] = type(sys)("stub")
def test_b(): subprocess.check_call([sys.executable, "-c", "import child"])
def test_c():
    import importlib.util
    assert importlib.util.find_spec("unused")
"""
    files = ("real.py", "child.py", "unused.py", "sub/__init__.py", "sub/mod.py")
    project = write(tmp_path / "p", files, test_a=code)
    watch = ["real", "sub.mod", "stub", "child", "unused", "absent"]
    run = here.pytest(*workers, cwd=project, watch=watch)
    assert run.counts == {"passed": 3}
    assert run.recorded.imports == {
        "real": str(project / "real.py"),
        "sub.mod": str(project / "sub" / "mod.py"),
        "stub": "",
        "child": str(project / "child.py"),
    }


def test_an_import_is_kept_when_the_process_dies(here, tmp_path):
    project = write(tmp_path / "p", test_a="import os\ndef test_a():\n    import real\n    os._exit(0)\n", real="")
    assert here.pytest(cwd=project, watch=["real"]).recorded.imports == {"real": str(project / "real.py")}


def test_a_command_that_is_no_test_proves_no_use(here, tmp_path):
    run = here.run("python", "-c", "import real", cwd=write(tmp_path / "p", real=""), watch=["real"])
    assert run.recorded.imports == {}


def test_connections_to_watched_addresses_are_seen(here, tmp_path):
    code = """
import socket
def test_a(tmp_path):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    open("port", "w").write(str(port))
    socket.create_connection(("127.0.0.1", port))
def test_b():
    import os
    path = os.path.abspath("sock")
    server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()
    socket.socket(socket.AF_UNIX).connect(path)
"""
    project = write(tmp_path / "p", test_a=code)
    sock = str(project / "sock")
    assert here.pytest(cwd=project, watch_addresses=[sock, "127.0.0.1:1"]).recorded.connections == (sock,)


def test_modules_from_elsewhere_are_named(here, tmp_path):
    outside = write(tmp_path / "outside", ("stranger.py", "pkg/__init__.py", "pkg/inner.py"))
    project = write(tmp_path / "p", test_a="def test_a():\n    import stranger, pkg.inner, json, own\n", own="")
    env = {"PYTHONPATH": str(outside), "TMPDIR": str(Path.cwd())}
    run = here.pytest(cwd=project, check_origin=True, project=project, env=env)
    assert run.recorded.outside == (
        ("pkg", str(outside / "pkg" / "__init__.py")),
        ("stranger", str(outside / "stranger.py")),
    )


def test_nothing_is_found_outside_an_ordinary_environment(here, tmp_path):
    project = write(tmp_path / "p", test_a="import json, pytest, unittest.mock, asyncio\ndef test_a(): pass\n")
    assert here.pytest(cwd=project, check_origin=True, project=project).recorded.outside == ()


def test_installing_twice_changes_nothing_and_removing_leaves_nothing(lab, tmp_path):
    environment = lab(THIS, "pytest==8.3.*")
    before = {path: path.stat().st_mtime_ns for path in environment.site_packages.rglob("*_envmatrix*")}
    recorders.install_recorders(environment.site_packages)
    assert {path: path.stat().st_mtime_ns for path in environment.site_packages.rglob("*_envmatrix*")} == before
    recorders.remove_recorders(environment.site_packages)
    recorders.remove_recorders(environment.site_packages)
    assert not list(environment.site_packages.rglob("*_envmatrix*"))
    recorders.install_recorders(environment.site_packages)


def test_without_the_variable_an_environment_is_as_it_was(here, tmp_path):
    code = "import sys, json; print(json.dumps([name for name in sys.modules if 'envmatrix' in name]))"
    run = here.run("python", "-c", code, cwd=write(tmp_path / "p"), env={})
    assert "_envmatrix.boot" in run.output
    import subprocess

    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENVMATRIX_")}
    done = subprocess.run([here.python, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert sys.executable
