import json

import jsonschema
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.evidence.model import CommandRun, RanReason, Session
from envmatrix.evidence.model import TestResult as Result
from envmatrix.report.formats.intoto import make_statement

# The rules of in-toto's specifications, as JSON Schema: Statement v1, ResourceDescriptor, DigestSet, Test Result v0.1.
DIGESTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "minLength": 1},
    "properties": {
        "gitTree": {"pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
        "gitCommit": {"pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
        "sha256": {"pattern": "^[0-9a-f]{64}$"},
    },
    "propertyNames": {"pattern": "^[A-Za-z0-9_]+$"},
}
DESCRIPTOR = {
    "type": "object",
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
    "properties": {
        "name": {"type": "string"},
        "uri": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"},
        "digest": DIGESTS,
        "content": {"type": "string", "contentEncoding": "base64"},
        "downloadLocation": {"type": "string"},
        "mediaType": {"type": "string"},
        "annotations": {"type": "object"},
    },
    "additionalProperties": False,
}
NAMES = {"type": "array", "items": {"type": "string"}}
STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {"allOf": [DESCRIPTOR, {"required": ["digest"]}]}},
        "predicateType": {"const": "https://in-toto.io/attestation/test-result/v0.1"},
        "predicate": {
            "type": "object",
            "required": ["result", "configuration"],
            "properties": {
                "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
                "configuration": {"type": "array", "items": DESCRIPTOR},
                "url": {"type": "string"},
                "passedTests": NAMES,
                "warnedTests": NAMES,
                "failedTests": NAMES,
            },
            "propertyNames": {"not": {"pattern": "[.$]"}},
        },
    },
    "additionalProperties": False,
}


def made(tests=(), **more):
    document = make_statement(samples.evidence("full-py311", "laptop", tests, **more), url="file:///run")
    jsonschema.validate(json.loads(json.dumps(document)), STATEMENT)
    names = [entry["name"] for entry in document["subject"]]
    assert len(names) == len(set(names))
    return document


def result(*outcomes, **more):
    tests = tuple(Result(id=f"t{i}", outcome=outcome) for i, outcome in enumerate(outcomes))
    return made(tests, **more)["predicate"]["result"]


@pytest.mark.parametrize("record", samples.records(), ids=lambda record: record.cell)
def test_samples_meet_the_published_rules(record):
    jsonschema.validate(make_statement(record), STATEMENT)


def test_the_subject_is_the_tree_and_its_commit():
    assert [entry["digest"] for entry in made()["subject"]] == [
        {"gitTree": samples.TREE},
        {"gitCommit": samples.COMMIT},
    ]


def test_a_dirty_tree_says_nothing_about_the_commit():
    assert [entry["digest"] for entry in made(dirty=True)["subject"]] == [{"gitTree": samples.TREE}]


def test_outside_git_the_content_hash_is_the_subject():
    subject = made(tree="content-sha256:" + "a" * 64, commit="")["subject"]
    assert [entry["digest"] for entry in subject] == [{"envmatrix_contentSha256": "a" * 64}]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("passed",), "PASSED"),
        (("passed", "skipped"), "WARNED"),
        (("passed", "deselected"), "WARNED"),
        (("passed", "xfailed"), "WARNED"),
        (("passed", "failed"), "FAILED"),
        (("passed", "error"), "FAILED"),
        (("skipped",), "FAILED"),
        ((), "FAILED"),
    ],
)
def test_passed_means_that_every_test_ran_and_passed(outcomes, expected):
    assert result(*outcomes) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"state": "crashed"},
        {"state": "interrupted"},
        {"partial": "-k foo"},
        {"sessions": (Session(runner="pytest", finished=False),)},
        {"commands": (CommandRun(argv=("make",), exit_code=2),)},
        {"mismatches": (RanReason(code="wrong_origin", message="libvirt comes from a wheel"),)},
    ],
)
def test_a_run_without_a_full_answer_never_passes(more):
    assert result("passed", **more) == "FAILED"


def test_what_tox_would_not_count_is_a_warning():
    assert result("passed", ignored=("ignore_outcome",)) == "WARNED"


def test_a_flaky_test_is_warned_and_a_skip_is_in_no_list_of_the_predicate():
    tests = (
        Result(id="a", outcome="passed", attempts=("failed", "passed")),
        Result(id="b", outcome="skipped"),
        Result(id="c", outcome="passed"),
    )
    predicate = made(tests)["predicate"]
    assert [predicate[name] for name in ("passedTests", "warnedTests", "failedTests", "envmatrix_skippedTests")] == [
        ["c"],
        ["a"],
        [],
        ["b"],
    ]


@given(st.text(st.characters(), max_size=30))
def test_any_name_meets_the_rules(name):
    tests = (Result(id=name, outcome="passed"),)
    jsonschema.validate(make_statement(samples.evidence(name, "laptop", tests, project=name, commit=name)), STATEMENT)
    tree = make_statement(samples.evidence("a", "laptop", (), tree="tree:" + (name or "x")))
    assert tree["subject"][0]["digest"]
