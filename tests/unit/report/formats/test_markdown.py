import re

import msgspec
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from envmatrix.evidence.model import TestResult as Result
from envmatrix.report import render
from envmatrix.report.formats.markdown import code_span, escape_prose, fence_output, render_body

HOSTILE = "<script>alert(1)</script> @all #1 !2 [x](javascript:y) ![i](z) ``` | ::error::no\n/close\n::stop-commands::x"


def parsed(text):
    """Every token of the document as a Markdown reader sees it."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [token for top in reader.parse(text) for token in [top, *(top.children or [])]]


def outside_code(text):
    return " ".join(token.content for token in parsed(text) if token.type == "text")


def test_the_first_line_says_what_did_not_run():
    first = render("markdown", samples.report()).splitlines()[0]
    assert first == (
        "**Not run: 2 of 4 cells: mysql-py311 (inconclusive: install_failed), libvirt-py312 (blocked: libvirt); "
        "2 tests ran nowhere; 11 skips in cells that ran.**"
    )


def test_the_table_has_a_row_for_each_cell():
    text = render("markdown", samples.report())
    assert "| `libvirt-py311` | **failed** | 18 | 1 | 1 | 0 | 60.0 s | `jenkins-libvirt` |" in text
    assert "| `libvirt-py312` | **blocked** | - | - | - | - | - | - |" in text


def test_hostile_names_are_only_ever_code():
    text = render("markdown", samples.renamed(HOSTILE))
    kinds = {token.type for token in parsed(text)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert not re.search(r"[@#<]|javascript|::", outside_code(text))
    assert not re.search(r"(?m)^\s*(::|/)", text)


@given(st.text(st.characters(), max_size=60))
def test_any_text_stays_code(name):
    text = render("markdown", samples.renamed(name))
    kinds = {token.type for token in parsed(text)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "s_open", "em_open"}
    assert not re.search("[@#<~]", outside_code(text))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


@given(st.text("`ab \\|_*", min_size=1))
def test_a_code_span_is_one_code_span(text):
    tokens = [token for token in parsed("x " + code_span(text) + " y") if token.type == "code_inline"]
    assert len(tokens) == 1
    assert tokens[0].content.strip() == text.replace("|", "\\x7c").strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("three tests skip", "three tests skip"),
        ("needs libvirt>=9, or so", "needs `libvirt>=9`, or so"),
        ("ask @all <b>now</b>", "ask `@all <b>now</b>`"),
        ("see www.example.org", "see `www.example.org`"),
        ("of `x` (a)", "of `` `x` `` (a)"),
    ],
)
def test_prose_keeps_what_is_only_words(text, shown):
    assert escape_prose(text) == shown


def test_output_cannot_leave_its_fence():
    block = fence_output("a\n```\n````\nb", indent="")
    assert block == "`````text\n| a\n| ```\n| ````\n| b\n`````\n"


def test_what_does_not_fit_is_counted():
    text = render_body(samples.report(), 1500)
    assert len(text.encode()) <= 1500
    assert re.search(r"… and \d+ more blocks that do not fit here", text)


def test_tests_that_failed_with_the_same_words_are_shown_together():
    same = tuple(Result(id=f"t{number:02}", outcome="failed", reason="KeyError: 'host'") for number in range(12))
    record = samples.evidence("libvirt-py311", "laptop", (*same, Result(id="u", outcome="error", reason="it is other")))
    shown = render("markdown", msgspec.structs.replace(samples.report(), evidence=(record,)))
    begin = shown.index("#### Failed: 13 tests in 1 cell")
    names = "".join(f"- failed in `libvirt-py311`: `t{number:02}`\n" for number in range(10))
    told = "- … and 2 more that end alike\n  ```text\n  | KeyError: 'host'\n  ```\n"
    other = "- error in `libvirt-py311`: `u`\n  ```text\n  | it is other\n  ```\n"
    assert f"{names}{told}\n{other}" in shown[begin:]
    assert shown.count("KeyError") == 1
