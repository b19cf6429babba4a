import shutil

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envmatrix.util.sealed import read_sealed, write_sealed


def test_what_was_written_is_read(tmp_path):
    write_sealed(tmp_path / "new" / "a.json", {"a": 1})
    assert read_sealed(tmp_path / "new" / "a.json", dict[str, int]) == {"a": 1}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_a_copy_is_not_believed(tmp_path):
    write_sealed(tmp_path / "a.json", {"a": 1})
    shutil.copy2(tmp_path / "a.json", tmp_path / "b.json")
    with pytest.raises(msgspec.DecodeError, match="seal"):
        read_sealed(tmp_path / "b.json", dict[str, int])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_other_content_is_not_believed(tmp_path, content):
    place = tmp_path / "a.json"
    write_sealed(place, {"a": 1})
    place.write_bytes(content)
    with pytest.raises(msgspec.DecodeError):
        read_sealed(place, dict[str, int])
