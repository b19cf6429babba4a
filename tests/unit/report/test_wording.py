import pytest
import report_samples as samples

from envmatrix.report import Report, UnknownFormatError, render
from envmatrix.report.wording import count_columns, duration, has_run, make_visible, not_run, short, visible_lines
from envmatrix.verdict.model import CellVerdict, Tests


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.004, "0.00 s"),
        (9.876, "9.88 s"),
        (42, "42.0 s"),
        (245, "4 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7380, "2 h 03 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_controls_are_spelt_out():
    assert make_visible("a\x1b[31mb\n\u202e\x9b\ud800é") == "a\\x1b[31mb\\n\\u202e\\x9b\\ud800é"


def test_colours_of_a_log_are_dropped_and_other_escapes_kept_visible():
    assert visible_lines("\x1b[31mred\x1b[0m\r\n\x1b[2Jx\ty") == ["red", "\\x1b[2Jx   y"]


def test_wide_characters_take_two_columns():
    assert (count_columns("abc"), count_columns("漢字"), count_columns("e\u0301")) == (3, 4, 1)


def test_short_digests_keep_their_kind():
    assert short("sha256:" + "a" * 64) == "sha256:aaaaaaaaaaaa"
    assert short("b" * 40) == "bbbbbbbbbbbb"


def test_what_did_not_run_is_one_line():
    assert not_run(samples.verdict()) == (
        "Not run: 2 of 4 cells: mysql-py311 (inconclusive: install_failed), libvirt-py312 (blocked: libvirt); "
        "2 tests ran nowhere; 11 skips in cells that ran."
    )


def test_only_a_run_that_left_nothing_out_says_nothing():
    assert not_run(samples.passing().verdict) == "Not run: nothing; all of 1 cell and 6 tests ran."


def test_an_empty_run_never_says_that_everything_ran():
    empty = CellVerdict(name="a", profile="a", state="passed")
    assert not_run(samples.verdict(cells=(empty,), ran_nowhere=())) == "Not run: everything; no test of any cell ran."


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(UnknownFormatError, match=r"no format 'yaml'; choose one of .*json.*text"):
        render("yaml", samples.report())


def test_a_name_that_nobody_can_read_is_cut_and_counted():
    assert make_visible("a" * 4000) == "a" * 4000
    assert make_visible("a" * 10_000_000) == "a" * 4000 + "… (9,996,000 more characters)"


def test_of_a_long_output_the_end_is_shown_and_the_rest_counted():
    lines = visible_lines("\n".join(f"line {i}" for i in range(100_000)), last=2)
    assert lines == ["(… 99,998 lines before)", "line 99998", "line 99999"]
    assert visible_lines("x" * 10_000_000, last=1) == ["x" * 500]


@pytest.mark.parametrize(
    ("state", "tests", "expected"),
    [("passed", 1, True), ("inconclusive", 0, False), ("inconclusive", 3, True), ("blocked", 0, False)],
)
def test_numbers_are_shown_for_cells_that_ran(state, tests, expected):
    assert has_run(CellVerdict(name="a", profile="a", state=state, tests=Tests(passed=tests))) is expected


@pytest.mark.parametrize(
    ("state", "named", "expected"),
    [
        ("passed", "", "new"),
        ("passed", "old", "old"),
        ("blocked", "", None),
        ("owed", "", None),
        ("stale", "old", "old"),
        ("inconclusive", "gone", "new"),
    ],
)
def test_a_cell_is_shown_with_the_record_it_was_judged_by(state, named, expected):
    old = samples.evidence("full-py311", "laptop", (), 1, id="old")
    new = samples.evidence("full-py311", "jenkins-mysql", (), 2, id="new")
    cell = CellVerdict(name="full-py311", profile="full", state=state, evidence=named)
    found = Report(verdict=samples.verdict(cells=(cell,)), evidence=(new, old)).records_by_cell()
    assert {name: record.id for name, record in found.items()} == ({"full-py311": expected} if expected else {})
