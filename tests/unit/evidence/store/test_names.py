"""Names of records are safe as paths."""

from __future__ import annotations

import pytest
from store_values import OTHER, TREE, record

from envmatrix.evidence.store.names import is_name, make_component, make_log_name, make_name, parse_tree


@pytest.mark.parametrize("text", ["../up", ".hidden", "a/b", "ä\udcff", "x" * 500, "nul\0", "a b"])
def test_any_text_becomes_one_safe_part_of_a_path(text: str) -> None:
    part = make_component(text)
    assert "/" not in part
    assert not part.startswith(".")
    assert len(part) <= 120
    assert is_name(f"{part}/{part}/{part}.json")


def test_long_texts_with_the_same_beginning_have_different_names() -> None:
    assert make_component("x" * 500) != make_component("x" * 501)


def test_a_log_has_the_name_of_its_record() -> None:
    evidence = record()
    assert make_name(evidence) == f"{TREE}/full-py311/host-1.json"
    assert make_log_name(evidence) == f"{TREE}/full-py311/host-1.log"


@pytest.mark.parametrize("name", ["a/b.json", "a/b/c.txt", "../b/c.json", "a/b/.c.json", "a/b/c/d.json"])
def test_other_paths_are_not_names(name: str) -> None:
    assert not is_name(name)


def test_a_tree_is_read_back_from_its_directory() -> None:
    assert [parse_tree(make_component(tree)) for tree in (TREE, OTHER)] == [TREE, OTHER]
    assert parse_tree("not a tree") == ""
