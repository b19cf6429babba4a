import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.config.model import Capability, Cell, Profile
from envmatrix.engine.run.scheduler import (
    CellQueue,
    CircularDependsError,
    automatic_jobs,
    exclusive_resources,
    find_predecessors,
    order_cells,
)
from envmatrix.host.model import Interpreter
from envmatrix.plan import Runnable

NAMES = st.lists(st.sampled_from("abcdefghij"), unique=True, min_size=1)


def test_the_longest_go_first_and_unknown_ones_before_all():
    assert order_cells(["a", "b", "c", "d"], {"a": 1.0, "c": 5.0, "d": 3.0}) == ["b", "c", "d", "a"]


def test_without_history_the_order_is_the_given_one():
    assert order_cells(["c", "a", "b"], {}) == ["c", "a", "b"]


def test_exclusive_resources_are_capabilities_services_and_results_files():
    capabilities = {
        "kvm": Capability(name="kvm", device="/dev/kvm", exclusive=True),
        "mysql": Capability(name="mysql", service="mysql", exclusive=True),
        "libvirt": Capability(name="libvirt", module="libvirt"),
    }
    cell = Cell(name="a", profile="p", requires=("kvm>=1", "libvirt"), services=("mysql",))
    profile = Profile(name="p", origin="p.toml", results=("out/*.xml",))
    assert exclusive_resources(cell, profile, capabilities) == {"kvm", "mysql", "results out/*.xml"}


def test_cells_that_share_an_exclusive_resource_wait_for_each_other():
    queue = CellQueue(["a", "b", "c"], {"a": frozenset({"kvm"}), "b": frozenset({"kvm"})}, jobs=3)
    assert [queue.take_next(), queue.take_next(), queue.take_next()] == ["a", "c", None]
    queue.mark_ended("a")
    assert queue.take_next() == "b"


def test_little_memory_starts_nothing_beside_what_runs_but_always_something():
    queue = CellQueue(["a", "b"], {}, jobs=2)
    assert queue.take_next(memory_mb=100) == "a"
    assert queue.take_next(memory_mb=100) is None
    assert queue.take_next(memory_mb=4000) == "b"


def test_what_is_dropped_is_named_and_never_started():
    queue = CellQueue(["a", "b", "c"], {}, jobs=1)
    queue.take_next()
    assert queue.drop_waiting() == ("b", "c")
    queue.mark_ended("a")
    assert queue.take_next() is None


@pytest.mark.parametrize(
    ("cpus", "memory_mb", "jobs"), [(8, 100_000, 8), (8, 1600, 3), (8, 100, 1), (1, 9000, 1), (2, None, 2)]
)
def test_automatic_jobs_are_bound_by_processors_and_memory(cpus, memory_mb, jobs):
    if memory_mb is None:
        assert automatic_jobs(cpus=cpus) >= 1
    else:
        assert automatic_jobs(cpus=cpus, memory_mb=memory_mb) == jobs


@given(NAMES, st.integers(1, 5), st.data())
def test_every_cell_runs_once_and_never_two_that_share(names, jobs, data):
    shared = st.sets(st.sampled_from(["kvm", "port", "disk"])).map(frozenset)
    holds = {name: data.draw(shared) for name in names}
    queue, seen = CellQueue(names, holds, jobs=jobs), []
    while queue.waiting or queue.running:
        while (name := queue.take_next()) is not None:
            seen.append(name)
            held = [item for other in queue.running for item in holds[other]]
            assert len(held) == len(set(held))
            assert len(queue.running) <= jobs
        assert queue.running
        queue.mark_ended(data.draw(st.sampled_from(sorted(queue.running))))
    assert sorted(seen) == sorted(names)


def planned(name: str, *depends: str, tox_env: str = "") -> Runnable:
    cell = Cell(name=name, profile=name, tox_env=tox_env)
    return Runnable(cell=cell, interpreter=Interpreter(path="/python", version="3.11.0"), depends=depends)


def cells(*runnable: Runnable) -> dict[str, Runnable]:
    return {one.cell.name: one for one in runnable}


def test_what_depends_means_is_found_by_cell_and_by_extended_environment():
    found = find_predecessors(
        cells(planned("report", "t*", tox_env="total"), planned("t1"), planned("unit", tox_env="t2"), planned("other"))
    )
    assert found == {"report": {"t1", "unit"}, "t1": set(), "unit": set(), "other": set()}


def test_a_cell_does_not_wait_for_another_of_its_own_environment():
    found = find_predecessors(cells(planned("one", "t*", tox_env="t1"), planned("other", "t*", tox_env="t1")))
    assert found == {"one": set(), "other": set()}


def test_cells_that_wait_for_each_other_are_refused():
    with pytest.raises(CircularDependsError, match="wait for each other"):
        find_predecessors(cells(planned("a", "b"), planned("b", "a")))


@given(NAMES, st.data(), st.integers(1, 4))
def test_a_cell_starts_after_all_that_it_depends_on_have_ended(names, data, jobs):
    before = {
        name: frozenset(data.draw(st.lists(st.sampled_from(names[:index]), unique=True))) if index else frozenset()
        for index, name in enumerate(names)
    }
    waiting = data.draw(st.permutations(names))
    queue, ended = CellQueue(waiting, {}, jobs=jobs, before=before), set()
    while queue.waiting or queue.running:
        while (name := queue.take_next()) is not None:
            assert before[name] <= ended
        name = data.draw(st.sampled_from(sorted(queue.running)))
        queue.mark_ended(name)
        ended.add(name)
    assert ended == set(names)
