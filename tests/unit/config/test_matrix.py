from pathlib import Path

import pytest

from envmatrix.config.expand import cell_pinned, expand
from envmatrix.config.load import load
from envmatrix.config.matrix import NothingToRunError, load_matrix
from envmatrix.config.project import find_project
from envmatrix.errors import ConfigError
from envmatrix.plan import request_for


def test_without_configuration_the_built_in_profiles_stand(tmp_path):
    (tmp_path / "tox.ini").write_text("[testenv]\ncommands = python -c pass\n")
    matrix = load_matrix(tmp_path)
    assert [cell.name for cell in matrix.cells] == ["restricted", "full"]
    assert [cell.system_site_packages for cell in matrix.cells] == [False, True]


def test_the_built_in_profiles_are_this_projects_own():
    matrix = load_matrix(Path(__file__).parents[3])
    assert [cell.name for cell in matrix.cells] == ["full", "libvirt", "mysql", "restricted"]
    assert matrix.profiles["libvirt"].origin == "profiles/libvirt.toml"
    assert matrix.profiles["libvirt"].requires == ("libvirt",)


def test_a_folder_with_neither_tox_nor_profiles_is_told_what_to_write(tmp_path):
    with pytest.raises(NothingToRunError, match=r"Write a tox\.ini"):
        load_matrix(tmp_path)


def test_a_link_to_nothing_is_no_folder_of_profiles(tmp_path):
    (tmp_path / "tox.ini").write_text("[testenv]\ncommands = pytest\n")
    (tmp_path / "profiles").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="profiles: is a link to nothing; correct or remove it"):
        load(find_project(tmp_path))


def test_a_profiles_own_base_python_is_what_its_cells_ask_for(tmp_path):
    (tmp_path / "tox.ini").write_text("[testenv]\ncommands = pytest\nbase_python = python3\n")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "old.toml").write_text(
        'description = "x"\nextends = "full"\n[env]\nbase_python = ["python3.9", "/opt/python"]\n'
    )
    loaded = load(find_project(tmp_path))
    (cell,) = expand(loaded.profiles["old"])
    assert request_for(cell, loaded.project).spec == ("python3.9", "/opt/python")
    (full,) = expand(loaded.profiles["full"])
    assert request_for(full, loaded.project).spec == ("python3",)
    pinned = cell_pinned(loaded.profiles["old"], "old-py311")
    assert request_for(pinned, loaded.project).spec == ()


def test_a_folder_of_profiles_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "tox.ini").write_text("[testenv]\ncommands = pytest\n")
    (tmp_path / "profiles").mkdir()
    plain = Path.stat, Path.iterdir

    def refuse(function):
        def called(path, *args, **kwargs):
            inside = path.parent.name == "profiles" or (path.name == "profiles" and function is plain[1])
            if inside and path.is_relative_to(tmp_path):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *args, **kwargs)

        return called

    monkeypatch.setattr(Path, "stat", refuse(plain[0]))
    monkeypatch.setattr(Path, "iterdir", refuse(plain[1]))
    with pytest.raises(ConfigError, match="profiles: cannot be listed: permission denied"):
        load(find_project(tmp_path))
