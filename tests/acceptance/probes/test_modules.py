"""Modules and interpreters that are not what they should be, each made for real."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from probe_faults import LIMIT_S, answer_of, check_says, matches, packages_of, promised, relocated

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Capability
from envmatrix.host.model import Answer, PythonRequest
from envmatrix.host.survey import survey

VERSION = sysconfig.get_python_version()
HYPERVISOR = Capability(name="hypervisor", module="hypervisor", packages={"apt": ("python3-hypervisor",)})


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return relocated(tmp_path / "pyenv/versions" / f"{VERSION}.99")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "PYENV_ROOT": str(tmp_path / "pyenv")}


def ask(
    python: Path, environ: dict[str, str], requirement: str = "hypervisor", capability: Capability = HYPERVISOR
) -> Answer:
    request = PythonRequest(spec=(str(python),), system_site_packages=True, requires=(requirement,))
    return answer_of(request, capability, environ=environ)


SOURCES = {
    "module-raises": "raise ValueError('no hypervisor was built in')",
    "module-needs-another": "import hypervisor_core",
    "module-syntax-error": "def open(:",
    "module-exits": "import sys; sys.exit('go away')",
    "module-os-exit": "import os; os._exit(0)",
    "module-segfaults": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "module-aborts": "import os; os.abort()",
    "module-hangs": "import time; time.sleep(60)",
    "module-ignores-signals": "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)",
    "module-floods": "print('x' * 1_000_000); raise RuntimeError('too much said')",
    "module-closes-files": "import os; os.closerange(0, 256)",
    "module-unprintable-error": "class Odd(Exception):\n    def __str__(self): raise KeyError(1)\nraise Odd",
}


@pytest.mark.parametrize("fault", SOURCES)
def test_a_module_that_does_not_import_is_broken(fault: str, python: Path, environ: dict[str, str]) -> None:
    (packages_of(python) / "hypervisor.py").write_text(SOURCES[fault])
    candidate = ask(python, environ).candidates[0]
    check_says(fault, candidate.findings[0], "broken")
    assert candidate.refused.startswith(f"{python} ({sysconfig.get_config_var('py_version')}): ")


HARMLESS = {
    "prints": "print('x' * 1_000_000)",
    "forks": "import os, time\nif not os.fork(): time.sleep(0.2)",
    "leaves a child behind": "import subprocess; subprocess.Popen(['sleep', '60'])",
    "starts a thread": "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
    "registers an end": "import atexit, time; atexit.register(time.sleep, 60)",
}


@pytest.mark.parametrize("habit", HARMLESS)
def test_a_module_with_bad_habits_is_ok_and_harms_nobody(
    habit: str, python: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    (packages_of(python) / "hypervisor.py").write_text(HARMLESS[habit] + "\n__version__ = '2.1'\n")
    started = time.monotonic()
    finding = ask(python, environ).candidates[0].findings[0]
    assert (finding.status, finding.version) == ("ok", "2.1")
    assert time.monotonic() - started < LIMIT_S
    assert capfd.readouterr() == ("", "")


def test_a_module_that_is_nowhere_is_absent(python: Path, environ: dict[str, str]) -> None:
    candidate = ask(python, environ).candidates[0]
    check_says("module-absent", candidate.findings[0], "absent")
    assert candidate.refused.endswith(": no module named 'hypervisor'")


def test_a_module_of_another_interpreter_is_named_with_it(python: Path, environ: dict[str, str]) -> None:
    answer = ask(python, environ, "libvirt", BUILTIN["libvirt"])
    check_says("module-in-another-interpreter", answer.candidates[0].findings[0], "absent")
    assert matches("/usr/bin/python3… (3.…): has libvirt, but the profile asks for …", answer.candidates[-1].refused)


@pytest.mark.parametrize("place", ["current-folder", "pythonpath", "user-site"])
def test_a_module_that_only_leaks_in_is_absent(
    place: str, python: Path, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = tmp_path / "leak"
    if place == "user-site":
        leak = Path(environ["HOME"]) / f".local/lib/python{VERSION}/site-packages"
    leak.mkdir(parents=True)
    (leak / "hypervisor.py").write_text("")
    if place == "current-folder":
        monkeypatch.chdir(leak)
    if place == "pythonpath":
        environ["PYTHONPATH"] = str(leak)
    check_says(f"module-in-{place}", ask(python, environ).candidates[0].findings[0], "absent")


def test_a_module_that_pythonpath_would_shadow_is_the_interpreters_own(
    python: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    own = packages_of(python) / "hypervisor.py"
    own.write_text("")
    (tmp_path / "leak").mkdir()
    (tmp_path / "leak/hypervisor.py").write_text("raise RuntimeError")
    finding = ask(python, {**environ, "PYTHONPATH": str(tmp_path / "leak")}).candidates[0].findings[0]
    check_says("module-shadowed", finding, "ok")
    assert finding.where == str(own)


def test_an_undefined_symbol_is_kept(python: Path, environ: dict[str, str], tmp_path: Path) -> None:
    source = tmp_path / "hypervisor.c"
    source.write_text("extern void *virNowhere(void);\nvoid *PyInit_hypervisor(void) { return virNowhere(); }\n")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    library = packages_of(python) / f"hypervisor{suffix}"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-z,now", "-o", library, source], check=True)
    check_says("module-undefined-symbol", ask(python, environ).candidates[0].findings[0], "broken")


def test_a_module_for_another_abi_is_named(python: Path, environ: dict[str, str]) -> None:
    (packages_of(python) / "hypervisor.cpython-34m-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    check_says("module-other-abi", ask(python, environ).candidates[0].findings[0], "absent")


def test_bindings_without_their_other_half_are_broken(python: Path, environ: dict[str, str]) -> None:
    shutil.copy("/usr/lib/python3/dist-packages/libvirt.py", packages_of(python))
    answer = ask(python, environ, "libvirt", BUILTIN["libvirt"])
    check_says("libvirt-half", answer.candidates[0].findings[0], "broken")


@pytest.mark.parametrize(
    ("fault", "version", "requirement"),
    [
        ("module-too-old", "'1.9'", "hypervisor>=2"),
        ("module-too-new", "'3.0'", "hypervisor<3"),
        ("module-version-unknown", "'unheard of'", "hypervisor>=2"),
    ],
)
def test_a_version_that_will_not_do_is_broken(
    fault: str, version: str, requirement: str, python: Path, environ: dict[str, str]
) -> None:
    (packages_of(python) / "hypervisor.py").write_text(f"__version__ = {version}\n")
    check_says(fault, ask(python, environ, requirement).candidates[0].findings[0], "broken")


def test_a_marker_that_is_false_asks_for_nothing(python: Path, environ: dict[str, str]) -> None:
    answer = ask(python, environ, "hypervisor; python_version < '3.7'")
    assert (answer.candidates[0].refused, answer.candidates[0].findings) == ("", ())


def test_libvirt_has_to_open(environ: dict[str, str]) -> None:
    libvirt = Capability(
        **{
            **{key: getattr(BUILTIN["libvirt"], key) for key in Capability.__struct_fields__},
            "url": "test:///nowhere.xml",
        }
    )
    request = PythonRequest(system_site_packages=True, requires=("libvirt",))
    check_says("libvirt-open", answer_of(request, libvirt, environ=environ).candidates[0].findings[0], "broken")


def test_the_systems_own_interpreter_has_the_bindings(environ: dict[str, str]) -> None:
    request = PythonRequest(system_site_packages=True, requires=("libvirt>=9; sys_platform == 'linux'",))
    (candidate,) = answer_of(request, environ=environ).candidates
    assert candidate.interpreter.origin == "system"
    assert candidate.findings[0].where == "/usr/lib/python3/dist-packages/libvirt.py"
    assert candidate.findings[0].version.startswith("9.")


def test_without_system_packages_modules_are_not_looked_for(environ: dict[str, str]) -> None:
    request = PythonRequest(requires=("libvirt>=99",))
    answer = answer_of(request, environ=environ)
    assert (answer.candidates[-1].refused, answer.findings) == ("", ())


def pinned(environ: dict[str, str], version: str = VERSION) -> Answer:
    """The answer for an interpreter that only the fault can give."""
    return answer_of(PythonRequest(python=version), environ=environ)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def refused(fault: str, answer: Answer) -> None:
    """The first candidate is refused with the promised sentence, and the finding has the promised remedy."""
    message, remedy = promised()[fault]
    assert matches(message, answer.candidates[0].refused), answer.candidates[0].refused
    assert matches(remedy, answer.findings[0].remedy), answer.findings[0].remedy


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("interpreter-does-not-start", "#!/bin/sh\necho 'libpython is missing' >&2\nexit 127\n"),
        ("interpreter-hangs", "#!/bin/sh\nsleep 60\n"),
        ("interpreter-without-loader", "#!/nowhere/loader\n"),
        ("interpreter-says-nothing", "#!/bin/sh\nexit 0\n"),
    ],
)
def test_an_interpreter_that_does_not_work_is_refused(
    fault: str, text: str, environ: dict[str, str], tmp_path: Path
) -> None:
    script(tmp_path / "bin/python3.99", text)
    refused(fault, pinned({**environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin"}, "3.99"))


def test_a_dead_pyenv_shim_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    shim = script(tmp_path / "pyenv/shims/python3.99", '#!/bin/sh\nexec pyenv exec python3.99 "$@"\n')
    (tmp_path / "pyenv/versions").mkdir(exist_ok=True)
    answer = pinned({**environ, "PATH": f"{shim.parent}:/usr/bin", "PYENV_VERSION": "3.98.1"}, "3.99")
    refused("pyenv-shim-dead", answer)


def test_a_living_pyenv_shim_stands_for_its_interpreter(python: Path, environ: dict[str, str], tmp_path: Path) -> None:
    shim = script(tmp_path / f"pyenv/shims/python{VERSION}", "#!/bin/sh\nexit 1\n")
    answer = pinned({**environ, "PATH": f"{shim.parent}:/usr/bin", "PYENV_VERSION": f"{VERSION}.99"})
    assert (answer.candidates[0].interpreter.path, answer.candidates[0].refused) == (str(python), "")


def test_a_link_to_nothing_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.99").symlink_to("/nowhere/python3.99")
    refused("interpreter-link-broken", pinned({**environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin"}, "3.99"))


def test_a_version_that_is_nowhere_is_absent(environ: dict[str, str]) -> None:
    check_says("interpreter-absent", pinned(environ, "3.99").findings[0], "absent")


def test_another_version_than_its_name_says_is_refused(python: Path, environ: dict[str, str], tmp_path: Path) -> None:
    script(tmp_path / "bin/python3.99", f'#!/bin/sh\nexec {python} "$@"\n')
    refused("interpreter-other-version", pinned({**environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin"}, "3.99"))


def test_an_interpreter_without_ssl_is_refused(python: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (python.parents[1] / f"lib/python{VERSION}/ssl.py").unlink()
    message, _remedy = promised()["interpreter-without-ssl"]
    answer = pinned({**environ, "PATH": f"{python.parent}:/usr/bin"})
    assert matches(message, answer.candidates[0].refused), answer.candidates[0].refused


def test_an_interpreter_without_ensurepip_will_do_and_says_so(python: Path, environ: dict[str, str]) -> None:
    (python.parents[1] / f"lib/python{VERSION}/ensurepip").unlink()
    name = f"python{VERSION}"
    answer = answer_of(PythonRequest(requires=(name,)), environ={**environ, "PATH": f"{python.parent}:/usr/bin"})
    check_says("interpreter-without-ensurepip", answer.findings[0], "ok")


def test_only_the_interpreter_that_is_needed_is_started(environ: dict[str, str], tmp_path: Path) -> None:
    for name in ("python3.98", "python3.97"):
        script(tmp_path / "bin" / name, f"#!/bin/sh\ntouch {tmp_path}/started-{name}\nexit 1\n")
    request = PythonRequest(python=VERSION)
    survey([request], {}, environ={**environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin"})
    assert not list(tmp_path.glob("started-*"))
