"""Folded ids and their parents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.verdict.test_ids import container_of, fold_id, iterate_parents


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("t.py::a[{'b', 'a'}]", "t.py::a[{'a', 'b'}]"),
        ("t.py::a[frozenset({2, 1})]", "t.py::a[frozenset({1, 2})]"),
        ("t.py::a[8.0.32-MariaDB]", "t.py::a[10.11.6-MariaDB-1~deb12u1]"),
        ("m.C.test(mysql 8.0.32)", "m.C.test(mysql 8.0.40)"),
        ("t.py::a[/tmp/x1/f.db]", "t.py::a[/var/tmp/other/f.db]"),
        ("t.py::a[<object at 0x7f12ab34>]", "t.py::a[<object at 0x55cd]"[:-1] + ">]"),
    ],
)
def test_what_depends_on_the_host_is_folded(one: str, other: str) -> None:
    assert fold_id(one) == fold_id(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("t.py::a[1]", "t.py::a[2]"),
        ("t.py::a[1.5]", "t.py::a[2.5]"),
        ("t.py::a[{1: 2, 3: 4}]", "t.py::a[{3: 4, 1: 2}]"),
        ("v1.2.3/t.py::a", "v1.2.4/t.py::a"),
        ("t.py::a[a, b]", "t.py::a[b, a]"),
    ],
)
def test_what_tells_tests_apart_is_not(one: str, other: str) -> None:
    assert fold_id(one) != fold_id(other)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold_id(fold_id(text)) == fold_id(text)


@pytest.mark.parametrize(
    ("test_id", "expected"),
    [
        ("a/b.py::C::t[x.y/z::w]", ["a/b.py::C", "a/b.py", "a"]),
        ("a.b.C.t", ["a.b.C", "a.b", "a"]),
        ("a.b.C.t(1.2)", ["a.b.C", "a.b", "a"]),
        ("t", []),
        ("", []),
    ],
)
def test_parents(test_id: str, expected: list[str]) -> None:
    assert list(iterate_parents(test_id)) == expected


@given(st.text(alphabet="ab.:/[("))
def test_parents_get_shorter_and_end(text: str) -> None:
    lengths = [len(parent) for parent in iterate_parents(text)]
    assert lengths == sorted(set(lengths), reverse=True)


def test_what_unittest_calls_a_class_that_was_skipped() -> None:
    assert container_of("setUpClass (a.b.C)") == "a.b.C"
    assert container_of("a.b") == "a.b"
