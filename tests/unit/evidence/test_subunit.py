from pathlib import Path

from envmatrix.evidence import subunit
from envmatrix.evidence.recordings import Stream

PROJECT = Path("/srv/p")
PASSED = b"""time: 2026-01-02 03:04:05.000000Z
tags: worker-0
test: m.A.ok
time: 2026-01-02 03:04:05.250000Z
successful: m.A.ok [ multipart
]
"""
SKIPPED = b"""test: m.A.skip
skip: m.A.skip [ multipart
Content-Type: text/plain;charset=utf8
reason
C\r
no ]
libvirt0\r
]
"""


def parsed(content):
    return [(test.id, test.outcome, test.reason) for test in subunit.parse_stream(content, PROJECT)]


def test_outcome_and_duration():
    (result,) = subunit.parse_stream(PASSED, PROJECT)
    assert (result.id, result.outcome, result.duration_s, result.runner) == ("m.A.ok", "passed", 0.25, "subunit")


def test_a_reason_may_look_like_the_protocol():
    assert parsed(SKIPPED + PASSED) == [("m.A.skip", "skipped", "no ]\nlibvirt"), ("m.A.ok", "passed", "")]


def test_plain_details_end_at_a_bracket_on_its_own():
    assert parsed(b"test: a\nfailure: a [\nfirst\n ]\nlast\n]\nsuccess: b\n") == [
        ("a", "failed", "first\n]\nlast"),
        ("b", "passed", ""),
    ]


def test_a_test_without_an_end_died():
    assert parsed(b"test: a\n") == [("a", "error", subunit.DIED)]
    assert parsed(b"test: a\nfailure: a [ multipart\n]\n") == [("a", "error", subunit.DIED)]


def test_a_module_that_cannot_be_imported_stands_for_its_tests():
    (result,) = subunit.parse_stream(
        b"test: unittest.loader._FailedTest.pkg.mod\nerror: unittest.loader._FailedTest.pkg.mod [\nx\n]\n", PROJECT
    )
    assert (result.id, result.outcome, result.stands_for_module) == ("pkg.mod", "error", True)


def test_half_a_stream_and_garbage_do_no_harm():
    whole = SKIPPED + PASSED + b"\xff\x00 noise: x\n"
    for end in range(len(whole)):
        list(subunit.parse_stream(whole[:end], PROJECT))
    assert len(parsed(whole)) == 2


def repository(folder, **streams):
    (folder / ".stestr").mkdir(exist_ok=True)
    for name, content in streams.items():
        (folder / ".stestr" / name.strip("_")).write_bytes(content)


def test_only_what_was_written_since_the_mark_counts(tmp_path):
    repository(tmp_path, _0=SKIPPED, failing=SKIPPED)
    before = subunit.mark_streams(tmp_path)
    assert subunit.read_streams(tmp_path, before, project=PROJECT).sessions == ()
    repository(tmp_path, _0=SKIPPED + PASSED, _1=PASSED)  # the first was combined with a later run
    record = subunit.read_streams(tmp_path, before, project=PROJECT)
    assert [(test.id, test.attempts) for test in record.tests] == [("m.A.ok", ("passed", "passed"))]
    assert [session.tests for session in record.sessions] == [1, 1]


def test_the_streams_that_were_seen_being_written_are_the_only_ones(tmp_path):
    repository(tmp_path, _0=PASSED, _1=SKIPPED)
    mine = Stream(path=str(tmp_path / ".stestr" / "1"))
    record = subunit.read_streams(tmp_path, subunit.StreamSizes({}), project=PROJECT, streams=[mine])
    assert [test.id for test in record.tests] == ["m.A.skip"]


def test_a_stream_that_is_gone_or_open_is_a_crash(tmp_path):
    repository(tmp_path, tmpx=PASSED)
    gone = Stream(path=str(tmp_path / ".stestr" / "7"))
    still_open = Stream(path=str(tmp_path / ".stestr" / "tmpx"), closed=False)
    record = subunit.read_streams(tmp_path, subunit.StreamSizes({}), project=PROJECT, streams=[gone, still_open])
    assert [session.finished for session in record.sessions] == [False, False]
    assert [test.id for test in record.tests] == ["m.A.ok"]
    assert "cannot be read" in record.notes[0]
