import pytest

from envmatrix.config.matrix import NothingToRunError, load_matrix


def test_without_configuration_the_built_in_profiles_stand(tmp_path):
    (tmp_path / "tox.ini").write_text("[testenv]\ncommands = python -c pass\n")
    matrix = load_matrix(tmp_path)
    assert [cell.name for cell in matrix.cells] == ["restricted", "full"]
    assert [cell.system_site_packages for cell in matrix.cells] == [False, True]


def test_a_folder_with_neither_tox_nor_profiles_is_told_what_to_write(tmp_path):
    with pytest.raises(NothingToRunError, match=r"Write a tox\.ini"):
        load_matrix(tmp_path)
