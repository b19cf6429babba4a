import re

import msgspec
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.evidence.model import TestResult as Result
from envmatrix.report import render
from envmatrix.report.layout import Page
from envmatrix.verdict.model import Breach, CellVerdict, RanNowhere, SeenIn, Tests, VerdictReason

RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def text(**more) -> str:
    return render("text", samples.report(**more))


def test_failures_come_first_and_the_verdict_last():
    lines = text().splitlines()
    assert lines[0] == "FAILED (1 test in 1 cell)"
    assert lines[-2:] == [
        "1 blocked (libvirt), 1 breach, 2 tests ran nowhere",
        "failed: 1 of 4 cells passed, 1 failed, 1 inconclusive - exit 1",
    ]


@pytest.mark.parametrize(
    ("width", "fits"),
    [(120, 6), (100, 5), (90, 4), (80, 3), (60, 2), (40, 1)],
)
def test_the_verdict_is_one_line_that_has_the_width_and_no_count_is_lost(width, fits):
    counts = [
        "1 of 4 cells passed",
        "1 failed",
        "1 inconclusive",
        "1 blocked (libvirt)",
        "1 breach",
        "2 tests ran nowhere",
    ]
    shown = render("text", msgspec.structs.replace(samples.report(), width=width))
    *above, last = shown.rpartition("\n\n")[2].splitlines()
    assert last == f"failed: {', '.join(counts[:fits])} - exit 1"
    assert " ".join(above) == ", ".join(counts[fits:])
    assert max(map(len, [*above, last])) <= width


def test_sections_are_in_the_order_in_which_a_reader_needs_them():
    headings = [line.split(" (")[0] for line in text().splitlines() if re.match(r"[A-Z]{3}", line)]
    assert headings == [
        "FAILED",
        "INCONCLUSIVE",
        "BREACHES",
        "RAN NOWHERE",
        "BLOCKED, OWED AND STALE",
        "DRIFT since 9fceb02d0ae5",
        "CELLS",
    ]


def test_a_failure_shows_the_end_of_its_output_behind_a_bar():
    assert "    | AssertionError: 'web-1' != 'web'\n" in text()


def test_tests_that_failed_with_the_same_words_are_shown_together():
    alike = tuple(Result(id=f"t{number:02}", outcome="failed", reason="KeyError: 'host'") for number in range(12))
    record = samples.evidence(
        "libvirt-py311", "laptop", (*alike, Result(id="u", outcome="error", reason="it is other"))
    )
    lines = text(evidence=(record,)).splitlines()
    begin = lines.index("FAILED (13 tests in 1 cell)")
    assert lines[begin + 1 : begin + 10] == [
        *(f"  failed  libvirt-py311: t{number:02}" for number in range(5)),
        "  … and 7 more that end alike:",
        "    | KeyError: 'host'",
        "  error  libvirt-py311: u",
        "    | it is other",
    ]


def test_the_installers_own_words_and_the_remedy_are_shown():
    shown = text()
    assert "    | error: command 'pkg-config' failed\n" in shown
    assert "      remedy: apt-get install libmysqlclient-dev\n" in shown


def test_long_output_is_cut_at_its_front():
    record = samples.evidence(
        "libvirt-py311", "laptop", (Result(id="t", outcome="failed", reason="\n".join(f"line {i}" for i in range(40))),)
    )
    shown = text(evidence=(record,))
    assert "| (… 25 lines before)" in shown
    assert "line 24\n" not in shown
    assert "| line 39\n" in shown


def test_a_failed_cell_without_a_failed_test_shows_command_and_log():
    record = samples.evidence(
        "libvirt-py311", "laptop", (), id="x", commands=(samples.CommandRun(argv=("make", "check"), exit_code=2),)
    )
    cell = CellVerdict(name="libvirt-py311", profile="libvirt", state="failed", evidence="x")
    shown = text(verdict=samples.verdict(cells=(cell,)), evidence=(record,), logs={"x": "make: *** no rule"})
    assert "exit 2: make check" in shown
    assert "| make: *** no rule" in shown


def test_what_ran_nowhere_is_grouped_and_the_rest_counted():
    nowhere = tuple(
        RanNowhere(
            test=f"t{i:02d}", seen_in=(SeenIn(cell="a", reason="No libvirt", class_="capability"),), would_run="libvirt"
        )
        for i in range(46)
    )
    shown = text(verdict=samples.verdict(ran_nowhere=nowhere))
    assert "  46 tests, seen in a: No libvirt\n    would run with: libvirt\n    - t00\n" in shown
    assert "… and 41 more, all in --format json" in shown


def nowhere_in_two(test, reason):
    here = SeenIn(cell="unit", reason=reason, class_="capability")
    there = SeenIn(cell="libvirt", reason="libvirt: no module named 'libvirt'", class_="absent")
    return RanNowhere(test=test, seen_in=(there, here), would_run="mysql")


def test_why_a_cell_waits_is_told_once():
    blocked = CellVerdict(name="libvirt", profile="libvirt", state="blocked")
    shown = text(verdict=samples.verdict(cells=(blocked,), ran_nowhere=(nowhere_in_two("a", "no MySQL"),)))
    assert "    in unit: no MySQL\n    in libvirt: the cell is blocked\n" in shown


def test_of_many_cells_that_saw_a_test_a_few_are_named():
    seen = tuple(SeenIn(cell=f"grid-{i:02d}", reason="no hypervisor", class_="capability") for i in range(40))
    nowhere = (RanNowhere(test="t", seen_in=seen),)
    shown = text(verdict=samples.verdict(ran_nowhere=nowhere))
    assert "  1 test, seen in grid-00, grid-01, grid-02, grid-03 and 36 more: no hypervisor\n    - t\n" in shown


def blocked_by(remedy, **more):
    reason = VerdictReason(code="absent", message="no mysqld", remedy=remedy)
    cell = CellVerdict(name="a", profile="p", state="blocked", reasons=(reason,))
    shown = text(verdict=samples.verdict(cells=(cell,)), **more).partition("(absent)\n")[2]
    return shown.partition("\n\n")[0].splitlines()


def test_a_remedy_is_a_line_a_sentence_where_one_line_has_not_the_width():
    remedy = "Install it: apt-get install mariadb-server. Or point ENVMATRIX_MYSQL_URL to a server."
    lead = "      remedy: "
    first, second = remedy.split(". ")
    assert blocked_by(remedy) == [lead + first + ".", " " * len(lead) + second]
    assert blocked_by(remedy, width=100) == [lead + remedy]
    assert blocked_by("Set it.") == [lead + "Set it."]


def test_a_command_in_a_remedy_is_never_broken():
    command = "apt-get install libmysqlclient-dev libvirt-dev pkg-config python3-dev build-essential"
    told = blocked_by(f"Install it: {command}. Or ask for `a whole command`, and point the URL elsewhere.")
    assert told[1].strip() == f"{command}."
    assert any("`a whole command`" in line for line in told)
    assert max(map(len, told[2:])) <= 80


def test_an_interrupt_is_told_in_one_sentence_and_without_output():
    told = "the run was interrupted"
    reasons = tuple(
        VerdictReason(code="interrupted", message=told + more) for more in ("", "; what had run is recorded")
    )
    cell = CellVerdict(name="a", profile="p", state="inconclusive", evidence="x", reasons=reasons)
    record = samples.evidence("a", "laptop", (), id="x", state="interrupted")
    shown = text(verdict=samples.verdict(cells=(cell,)), evidence=(record,), logs={"x": "KeyboardInterrupt"})
    assert "  a\n    - the run was interrupted; what had run is recorded (interrupted)\n\n" in shown
    assert "KeyboardInterrupt" not in shown


def test_a_breach_that_is_the_reason_of_an_inconclusive_cell_is_told_once():
    reason = VerdictReason(code="no_tests", message="no test was executed")
    cell = CellVerdict(name="a", profile="p", state="inconclusive", evidence="x", reasons=(reason,))
    breaches = tuple(Breach(code="no_tests", cell=name, message=reason.message) for name in "ab")
    shown = text(verdict=samples.verdict(cells=(cell,), breaches=breaches), evidence=())
    assert shown.count("no test was executed") == 2
    assert "  no_tests  a: see above\n  no_tests  b\n    no test was executed\n" in shown


def test_cells_that_wait_for_the_same_are_told_together():
    reason = VerdictReason(
        code="absent", message="rabbitmq: there is no program", remedy="apt-get install rabbitmq-server"
    )
    cells = [CellVerdict(name=name, profile=name, state="blocked", reasons=(reason,)) for name in ("a", "b")]
    other = CellVerdict(name="c", profile="c", state="owed", reasons=(reason,))
    shown = text(verdict=samples.verdict(cells=(*cells, other)))
    assert "  2 cells  blocked\n    a, b\n    - rabbitmq: there is no program (absent)\n" in shown
    assert "  c  owed\n    - rabbitmq" in shown


def test_cells_with_different_reasons_are_told_apart():
    found = tuple(nowhere_in_two(name, "no MySQL" if name < "c" else "no libvirt") for name in "abc")
    shown = text(verdict=samples.verdict(ran_nowhere=found))
    assert (
        "  2 tests\n    in unit: no MySQL\n    in libvirt: libvirt: no module named 'libvirt'\n"
        "    would run with: mysql\n    - a\n    - b\n  1 test\n    in unit: no libvirt\n"
    ) in shown
    shown = render("markdown", samples.report(verdict=samples.verdict(ran_nowhere=found)))
    assert "- 2 tests, in `unit`: no MySQL; in `libvirt`: libvirt: no module named" in shown


@pytest.mark.parametrize("width", [76, 80, 120])
def test_sentences_keep_to_the_width(width):
    for line in text(width=width).splitlines()[:-1]:
        assert len(line) <= width or "hypervisor.tests" in line or "|" in line or "remedy" in line or line.isupper(), (
            line
        )


def test_a_table_wider_than_the_screen_gives_the_name_its_own_line():
    long = CellVerdict(name="c" * 70, profile="p", state="passed", tests=Tests(passed=3), duration_s=1)
    lines = text(verdict=samples.verdict(cells=(long,))).splitlines()
    at = lines.index("  " + "c" * 70)
    assert lines[at + 1].split() == ["passed", "3", "0", "0", "0", "1.00", "s"]


def test_no_box_drawing_and_no_colour_without_asking():
    assert not re.search("[\u2500-\u259f\x1b]", text())


def test_colour_only_decorates():
    colored = text(color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text()


def test_hostile_names_cannot_steer_a_terminal_or_a_ci_service():
    shown = render("text", samples.renamed("\x1b]0;owned\x07\n::error::no\n##vso[task.complete]\u202e"))
    assert not RAW.search(shown)
    assert "\\x1b]0;owned\\x07\\n::error::no" in shown
    assert not re.search(r"(?m)^\s*::", shown)
    assert not re.search(r"##\w*\[", shown)


@given(st.text(st.characters(), max_size=60), st.booleans())
def test_any_text_in_names_renders_without_raw_escapes(name, color):
    report = samples.renamed(name)
    shown = render(
        "text", samples.Report(**{f: getattr(report, f) for f in report.__struct_fields__} | {"color": color})
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown) if color else shown
    assert not RAW.search(plain)
    assert not re.search(r"(?m)^\s*::", plain)
    assert shown.endswith("exit 1\n") or color


def test_the_last_column_of_a_table_keeps_to_the_width_and_is_whole():
    rows = [
        [("kernel", ""), ("6.18.44-a-long-one", ""), ("", "")],
        [("python", ""), ("3.11", ""), ("/" + 60 * "p", "")],
    ]
    page = Page(80)
    page.add_table(("name", "version", "where"), rows, frozenset())
    head, kernel, python = page.render().splitlines()
    assert head.split() == ["name", "version", "where"]
    assert kernel == "  kernel  6.18.44-a-long-one"
    assert python == "  python  3.11     /" + 60 * "p"
