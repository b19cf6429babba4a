import importlib.util
import json
from pathlib import Path

import pytest

from envmatrix.errors import InternalError
from envmatrix.evidence import recorders

PAYLOAD = recorders.PAYLOAD / "_envmatrix"


def module(name):
    spec = importlib.util.spec_from_file_location(f"payload_{name}", PAYLOAD / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_install_puts_the_start_in_last_and_leaves_no_rest(tmp_path):
    recorders.install_recorders(tmp_path)
    wanted = {path.relative_to(recorders.PAYLOAD) for path in recorders.PAYLOAD.rglob("*") if path.suffix != ".pyc"}
    wanted = {path for path in wanted if "__pycache__" not in path.parts}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == wanted


def test_install_repairs_a_file_and_touches_no_other(tmp_path):
    recorders.install_recorders(tmp_path)
    boot, process = tmp_path / "_envmatrix" / "boot.py", tmp_path / "_envmatrix" / "writer.py"
    boot.write_text("broken")
    before = process.stat().st_ino
    recorders.install_recorders(tmp_path)
    assert boot.read_bytes() == (PAYLOAD / "boot.py").read_bytes()
    assert process.stat().st_ino == before


def test_remove_takes_only_what_is_ours(tmp_path):
    (tmp_path / "other.pth").write_text("x")
    recorders.install_recorders(tmp_path)
    recorders.remove_recorders(tmp_path)
    recorders.remove_recorders(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.pth"]


def test_a_folder_that_is_none_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InternalError, match="Make the folder writable"):
        recorders.install_recorders(tmp_path / "file")


def test_environment_names_what_is_asked_and_nothing_else(tmp_path):
    values = recorders.recorder_environment(tmp_path / "r", base={"PYTEST_PLUGINS": "mine", "PYTEST_ADDOPTS": "-x"})
    assert values == {"ENVMATRIX_RECORD": str(tmp_path / "r"), "ENVMATRIX_PROMISED": "{}"}
    assert (tmp_path / "r").is_dir()


def test_environment_says_all_that_is_asked(tmp_path):
    values = recorders.recorder_environment(
        tmp_path,
        base={},
        watch=["libvirt", "a.b", "libvirt"],
        watch_addresses=["127.0.0.1:3306"],
        check_origin=True,
        project=tmp_path,
        promised={"libvirt": "9.0", "kvm": None},
        profile="full",
    )
    assert values["ENVMATRIX_WATCH"] == "a.b,libvirt"
    assert values["ENVMATRIX_WATCH_ADDRESSES"] == "127.0.0.1:3306"
    assert (values["ENVMATRIX_CHECK_ORIGIN"], values["ENVMATRIX_PROJECT"]) == ("1", str(tmp_path))
    assert json.loads(values["ENVMATRIX_PROMISED"]) == {"libvirt": "9.0", "kvm": None}
    assert values["ENVMATRIX_PROFILE"] == "full"


def test_the_variables_of_an_outer_run_are_emptied(tmp_path):
    base = {"ENVMATRIX_SESSION": "1.1", "ENVMATRIX_WATCH": "x", "ENVMATRIX_PROFILE": ""}
    values = recorders.recorder_environment(tmp_path, base=base)
    assert (values["ENVMATRIX_SESSION"], values["ENVMATRIX_WATCH"]) == ("", "")
    assert "ENVMATRIX_PROFILE" not in values


@pytest.mark.parametrize("path", sorted(PAYLOAD.glob("*.py")), ids=lambda path: path.name)
def test_the_payload_is_code_for_old_pythons_that_pytest_leaves_alone(path):
    text = path.read_text()
    compile(text, path.name, "exec", dont_inherit=True)
    assert "envmatrix.evidence" not in text
    assert path.name == "__init__.py" or "PYTEST_DONT_REWRITE" in text


PROMISED = {"ENVMATRIX_PROMISED": json.dumps({"libvirt": "9.0.0", "KVM": None}), "ENVMATRIX_PROFILE": "full"}


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("libvirt", ""),
        ("libvirt>=9", ""),
        ("libvirt >= 8, < 10", ""),
        ("libvirt>=10", "requires libvirt>=10, and the profile full has 9.0.0"),
        ("libvirt==9.*", ""),
        ("libvirt~=8.1", "requires libvirt~=8.1, and the profile full has 9.0.0"),
        ("kvm>=1", ""),
        ("mysql", "requires mysql, which the profile full does not promise"),
        ("something else entirely", ""),
    ],
)
@pytest.mark.parametrize("packaging", [True, False])
def test_promises(monkeypatch, requirement, reason, packaging):
    promises = module("requires_marker")
    for name, value in PROMISED.items():
        monkeypatch.setenv(name, value)
    if not packaging:
        monkeypatch.setitem(__import__("sys").modules, "packaging.specifiers", None)
    assert promises.find_unmet([requirement]) == reason


def test_modules_of_the_system_are_outside_and_the_environments_own_are_not(monkeypatch, tmp_path):
    origin = module("module_checks")
    monkeypatch.setattr(origin.sys, "prefix", "/srv/env")
    homes, stdlib = ("/srv/env/", "/srv/project/"), ("/usr/lib/python3.11/",)
    inside = ["/srv/env/lib/python3.11/site-packages/a.py", "/srv/project/b.py", "/usr/lib/python3.11/json/__init__.py"]
    outside = ["/usr/lib/python3/dist-packages/yaml.py", "/usr/lib/python3.11/site-packages/x.py", "/home/me/y.py"]
    assert all(origin._is_allowed(path, homes, stdlib) for path in inside)
    assert not any(origin._is_allowed(path, homes, stdlib) for path in outside)
    assert Path(origin.__file__).name == "module_checks.py"
