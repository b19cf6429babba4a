import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.config import cells as config_cells
from envmatrix.config.model import Profile
from envmatrix.config.tox import python_versions

PYTHONS = st.lists(st.sampled_from(["3.9", "3.11", "3.13t", "pypy3.10", "2.7"]), unique=True, min_size=1, max_size=4)
AXES = st.builds(
    lambda python, others, first: {**({"python": python} if first else {}), **others, "python": python},
    PYTHONS.map(tuple),
    st.integers(0, 3).map(lambda n: {f"axis{i}": tuple(f"v{i}{j}" for j in range(i + 1)) for i in range(n)}),
    st.booleans(),
)


def profile(**given):
    return Profile(**{"name": "unit", "origin": "profiles/unit.toml", **given})


def names(of):
    return [cell.name for cell in config_cells.expand(of)]


def test_a_name_is_the_profile_then_the_values_in_the_order_of_the_axes():
    one = profile(axes={"backend": ("mysql", "redis"), "python": ("3.11", "3.13t", "pypy3.10")})
    assert names(one)[:4] == ["unit-mysql-py311", "unit-mysql-py313t", "unit-mysql-pypy310", "unit-redis-py311"]


def test_a_profile_without_a_python_axis_is_the_same_cell_on_every_host():
    (cell,) = config_cells.expand(profile())
    assert (cell.name, cell.python) == ("unit", "")


def test_factors_of_the_tox_environment_follow_the_profile_name():
    (cell,) = config_cells.expand(profile(tox_env="py311-mysql"))
    assert (cell.name, cell.python, cell.tox_env) == ("unit-py311-mysql", "3.11", "py311-mysql")


def test_a_cell_without_python_axis_can_be_pinned_by_name():
    one = profile(axes={"backend": ("mysql",)})
    pinned = config_cells.cell_pinned(one, "unit-mysql-py39")
    assert (pinned.name, pinned.python, pinned.axes) == ("unit-mysql-py39", "3.9", {"backend": "mysql"})


@pytest.mark.parametrize("name", ["unit-py3", "unit-py3.9", "unit-redis-py39", "unit", "py39", "unit-py39-py310"])
def test_what_pins_nothing(name):
    assert config_cells.cell_pinned(profile(axes={"backend": ("mysql",)}), name) is None


def test_a_pinned_profile_cannot_be_pinned_otherwise():
    assert config_cells.cell_pinned(profile(axes={"python": ("3.11",)}), "unit-py39") is None
    assert config_cells.cell_pinned(profile(tox_env="py311"), "unit-py311-py39") is None


@given(AXES)
def test_the_product_is_whole_and_every_cell_is_found_by_its_name(axes):
    one = profile(axes=axes)
    cells = config_cells.expand(one)
    assert [tuple(cell.axes.values()) for cell in cells] == list(itertools.product(*axes.values()))
    assert len({cell.name for cell in cells}) == len(cells)
    assert all(config_cells.cell_called(one, cell.name) == cell for cell in cells)


@given(AXES, st.data())
def test_excluded_cells_are_gone_and_all_others_are_left(axes, data):
    points = st.dictionaries(st.sampled_from(sorted(axes)), st.none(), min_size=1).map(sorted)
    keys = data.draw(st.lists(points, max_size=3))
    exclude = tuple({key: data.draw(st.sampled_from(axes[key])) for key in point} for point in keys)
    one = profile(axes=axes, exclude=exclude)
    left = {cell.name for cell in config_cells.expand(one)}
    for cell in config_cells.expand(profile(axes=axes)):
        hit = any(point.items() <= cell.axes.items() for point in exclude)
        assert (cell.name in left) != hit
        assert (config_cells.cell_called(one, cell.name) is None) == hit


@given(st.sampled_from(["", "pypy"]), st.integers(0, 99), st.booleans())
def test_a_version_and_its_factor_say_the_same(pypy, minor, threaded):
    version = f"{pypy}3.{minor}{'t' if threaded else ''}"
    if python_versions.is_version(version):
        assert python_versions.version_of(python_versions.factor_of(version)) == version
        assert python_versions.claimed(python_versions.factor_of(version))


def test_ten_thousand_cells_take_well_under_a_second():
    axes = {f"axis{i}": tuple(f"v{i}{j}" for j in range(10)) for i in range(4)}
    one = profile(axes=axes, exclude=({"axis0": "v00", "axis1": "v10"}, {"axis2": "nothing"}))
    start = time.process_time()
    assert len(config_cells.expand(one)) == 9900
    assert time.process_time() - start < 0.8
