import io
import re
import threading

import progress_samples as samples
import pytest

from envmatrix.console import plain
from envmatrix.console.live import format_clock, shorten_name
from envmatrix.console.progress import Progress
from envmatrix.console.progress_state import Board


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Gone(Terminal):
    def write(self, text):
        raise OSError(5, "Input/output error")


def progress(stream, *cells, folder, verbosity=0, **more):
    return Progress(stream, samples.plan(*cells), verbosity=verbosity, folder=folder, **more)


def said(stream):
    return re.sub(r"\[ *[\d.]+ s\]", "[T]", stream.getvalue())


def test_a_pipe_gets_one_line_an_event(tmp_path):
    stream = io.StringIO()
    with progress(stream, "unit", "db", folder=tmp_path, expected={"unit": 12.4}) as told:
        told.say_line("unit", "starts")
        told.take_output("unit", b"not shown\n")
        told.take_evidence(samples.evidence("unit", "passed", "skipped"))
    assert said(stream) == (
        "[T] queue: blocked: rabbitmq: there is no program rabbitmq-server\n"
        "[T] docs: not relevant: nothing in docs/ changed\n"
        "[T] unit: starts; took 12 s before\n"
        "[T] unit: finished in 2.0 s: 1 test ran, 0 failed, 1 did not run (1 of 2)\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("environ", "begin", "end"),
    [
        ({}, "the end of unit's output; all of it is in .envmatrix/runs/r/unit/output.log:", ""),
        ({"GITHUB_ACTIONS": "true"}, "::group::output of unit", "::endgroup::"),
        ({"GITLAB_CI": "true"}, "[collapsed=true]", "section_end:"),
    ],
)
def test_a_failed_cells_output_is_shown_and_no_line_of_it_is_a_command(tmp_path, environ, begin, end):
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "output.log").write_text("::error::pwned\n\x1b[2Jgone\n")
    stream = io.StringIO()
    with progress(stream, "unit", "db", folder=tmp_path, environ=environ) as told:
        told.say_line("unit", "starts")
        told.take_evidence(samples.evidence("unit", "failed", log=".envmatrix/runs/r/unit/output.log"))
    assert "  | ::error::pwned\n  | \\x1b[2Jgone\n" in stream.getvalue()
    assert begin in stream.getvalue()
    assert end in stream.getvalue()


def test_the_output_of_a_single_cell_is_passed_on(tmp_path):
    stream = io.StringIO()
    with progress(stream, "unit", folder=tmp_path) as told:
        told.take_output("unit", b"a\nhalf")
    assert stream.getvalue().endswith("a\nhalf\n")


@pytest.mark.parametrize(
    ("environ", "begin", "end"),
    [
        ({"GITHUB_ACTIONS": "true"}, "::group::output of unit", "::endgroup::"),
        (
            {"GITLAB_CI": "true"},
            "\x1b[0Ksection_start:AT:envmatrix_0_unit\r\x1b[0Koutput of unit",
            "\x1b[0Ksection_end:AT:envmatrix_0_unit\r\x1b[0K",
        ),
    ],
)
def test_the_output_of_a_single_cell_is_folded_between_two_events(tmp_path, environ, begin, end):
    stream = io.StringIO()
    with progress(stream, "unit", folder=tmp_path, environ=environ) as told:
        told.say_line("unit", "starts")
        told.take_output("unit", b"a\nha")
        told.take_output("unit", b"lf")
        told.take_evidence(samples.evidence("unit", "failed"))
    said = re.sub(r":\d{10}:", ":AT:", stream.getvalue())
    before, during, after = said.partition(f"unit: starts\n{begin}\na\nhalf\n{end}\n")
    assert during
    assert "unit: finished" in after.splitlines()[0]
    assert not re.search("section_|group::", before + after)


def test_a_cell_whose_output_is_shown_has_no_phases_told_as_well():
    stream, board = io.StringIO(), Board(samples.plan("unit", "db"), {})
    told = plain.Lines(stream, {})
    for row in board.rows_in("waiting"):
        row.mark_started()
    told.show_changes(board)
    told.show_output("unit", b"unit: install_deps> pip install six\n")
    for row in board.rows_in("running"):
        row.phase = "installing six"
    told.show_changes(board)
    assert "db: installing six" in stream.getvalue()
    assert "unit: installing six" not in stream.getvalue()


def test_the_output_of_several_cells_names_them_line_by_line(tmp_path):
    stream = io.StringIO()
    with progress(stream, "unit", "db", folder=tmp_path, verbosity=1) as told:
        told.take_output("unit", b"one\ntw")
        told.take_output("db", b"other\n")
        told.take_output("unit", b"o\nrest")
    assert stream.getvalue().endswith("unit | one\ndb | other\nunit | two\nunit | rest\n\n")


def test_a_quiet_run_says_nothing(tmp_path):
    stream = io.StringIO()
    with progress(stream, "unit", folder=tmp_path, verbosity=-1) as told:
        told.say_line("unit", "starts")
        told.take_evidence(samples.evidence("unit", "failed"))
    assert stream.getvalue() == ""


def test_a_terminal_that_went_away_does_not_end_the_run(tmp_path):
    with progress(Gone(), "unit", folder=tmp_path, environ={"TERM": "xterm"}) as told:
        told.say_line("unit", "starts")
        told.take_output("unit", b"x\n")
        told.take_evidence(samples.evidence("unit", "passed"))


def test_many_threads_may_tell_at_once(tmp_path):
    stream, names = io.StringIO(), [f"c{number}" for number in range(20)]
    with progress(stream, *names, folder=tmp_path) as told:

        def run(name):
            told.say_line(name, "starts")
            told.take_evidence(samples.evidence(name, "passed"))

        threads = [threading.Thread(target=run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(line.startswith("[") for line in stream.getvalue().split("\n")[:-2])
    assert "(20 of 20)" in stream.getvalue()


def test_a_long_silence_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "SILENCE_S", 0.0)
    monkeypatch.setattr("envmatrix.console.progress.PLAIN_TICK_S", 0.02)
    stream = io.StringIO()
    with progress(stream, "unit", "db", folder=tmp_path) as told:
        told.say_line("unit", "starts")
        while "still" not in stream.getvalue():
            pass
    assert "unit: still starting tox" in stream.getvalue()


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {}, {"TERM": "xterm", "CI": "true"}])
def test_lines_are_plain_where_a_table_could_not_be_read(tmp_path, environ):
    stream = Terminal()
    with progress(stream, "unit", folder=tmp_path, environ=environ):
        pass
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_table_with_every_cell(tmp_path):
    stream = Terminal()
    with progress(stream, "unit", "db", folder=tmp_path, environ={"TERM": "xterm"}, expected={"db": 75}) as told:
        told.say_line("unit", "starts")
        told.take_evidence(samples.evidence("unit", "failed", "skipped"))
    last = stream.getvalue().split("cell ")[-1]
    for shown in ("unit", "db", "~1:15", "queue", "blocked", "not relevant", "1 of 2 cells ended", "1 failed"):
        assert shown in last


def test_more_cells_than_the_terminal_has_lines_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with progress(stream, *(f"c{number}" for number in range(40)), folder=tmp_path, environ={"TERM": "xterm"}):
        pass
    assert "35 more rows" in stream.getvalue()


def test_an_interrupt_is_acknowledged(tmp_path, monkeypatch):
    monkeypatch.setattr("envmatrix.console.progress.PLAIN_TICK_S", 0.02)
    stream = io.StringIO()
    with progress(stream, "unit", folder=tmp_path, interrupted=lambda: True):
        while "interrupted" not in stream.getvalue():
            pass
    assert stream.getvalue().count("interrupted") == 1


@pytest.mark.parametrize(("seconds", "shown"), [(7, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_times_are_short(seconds, shown):
    assert format_clock(seconds) == shown


def test_a_name_that_is_too_long_keeps_its_end():
    assert shorten_name("integration-py311", 17) == "integration-py311"
    assert shorten_name("integration-services-py311", 16) == "integrat…s-py311"
