"""Lists, counts and near misses in sentences."""

from hypothesis import given
from hypothesis import strategies as st

from envmatrix.util.text import count, hint, listed, nearest, printable, quoted, short_digest


def test_a_list_shows_the_first_names_and_counts_the_rest():
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert listed("abc", 1) == "a and 2 more"


def test_known_words_are_quoted_and_sorted():
    assert [quoted([]), quoted(["b"]), quoted(["c", "a", "b"])] == ["none", "'b'", "'a', 'b' and 'c'"]


def test_counts_have_the_right_plural():
    assert [count(1, "test"), count(4000, "test"), count(2, "breach")] == ["1 test", "4,000 tests", "2 breaches"]


def test_a_short_digest_keeps_its_kind():
    assert short_digest("sha256:" + "a" * 64) == "sha256:aaaaaaaaaaaa"
    assert short_digest("b" * 40) == "bbbbbbbbbbbb"


def test_a_near_miss_is_suggested_and_anything_else_is_not():
    assert nearest("setenvv", ["set_env", "pass_env"]) == "set_env"
    assert nearest("mysql", ["libvirt"]) == ""
    assert hint("libvrt", ["libvirt"]) == "; did you mean 'libvirt'?"
    assert hint("mysql", ["libvirt"], otherwise="known: libvirt") == "; known: libvirt"
    assert hint("mysql", ["libvirt"]) == ""


@given(st.text(), st.integers(0, 300))
def test_printable_text_is_printable_and_short(text, limit):
    assert printable(text, limit).isprintable()
    assert len(printable(text, limit)) <= limit + 1
