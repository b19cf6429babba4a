"""Skip classes and their precedence."""

from __future__ import annotations

from typing import Any

import pytest
from verdict_values import CAPABILITIES, TODAY, profile, result, rule

from envmatrix.config.capabilities import BUILTIN
from envmatrix.evidence.model import TestResult as Result
from envmatrix.verdict.skips.classify import classify_skips
from envmatrix.verdict.test_ids import matches_pattern

NO_LIBVIRT = "could not import 'libvirt': No module named 'libvirt'"


def classed(*tests: Result, **settings: Any) -> list[tuple[str, str]]:
    found = classify_skips(tests, profile=profile(**settings), capabilities=CAPABILITIES, today=TODAY)
    return [(test.skip_class, test.capability) for test in found]


def skipped(reason: str, test_id: str = "t.py::a", **more: Any) -> Result:
    return result(test_id, "skipped", reason, **more)


PRECEDENCE = {
    "capability": (NO_LIBVIRT, {}, ("capability", "libvirt")),
    "declared": ("nested", {"skips": (rule("nest"),)}, ("declared", "")),
    "declared beats a capability that is not promised": (
        NO_LIBVIRT,
        {"skips": (rule("libvirt"),)},
        ("declared", "libvirt"),
    ),
    "a declaration wins over a promise": (
        NO_LIBVIRT,
        {"skips": (rule("libvirt"),), "requires": ("libvirt>=9",)},
        ("declared", "libvirt"),
    ),
    "an expired declaration does not": (
        NO_LIBVIRT,
        {"skips": (rule("libvirt", 0),), "requires": ("libvirt>=9",)},
        ("capability", "libvirt"),
    ),
    "a service is a promise": ("no mysql", {"services": ("mysql",)}, ("capability", "mysql")),
    "a mention of a promise": ("libvirt ist abgeschaltet", {"requires": ("libvirt",)}, ("capability", "libvirt")),
    "a mention of what is not promised": ("libvirt ist abgeschaltet", {}, ("unexpected", "")),
    "a wish for the absence of a promise": (
        "requires libvirt not installed",
        {"requires": ("libvirt",)},
        ("unexpected", ""),
    ),
    "what the runner cannot execute": (
        "async def function and no async plugin installed (see warnings)",
        {},
        ("unrun", ""),
    ),
    "expired": ("nested", {"skips": (rule("nest", 0),)}, ("expired", "")),
    "expired beats an unpromised capability": (NO_LIBVIRT, {"skips": (rule("libvirt", -1),)}, ("expired", "libvirt")),
    "one rule that holds is enough": ("nested", {"skips": (rule("nest", -1), rule("n"))}, ("declared", "")),
    "a rule for other tests": ("nested", {"skips": (rule("nest", tests=("u.py*",)),)}, ("unexpected", "")),
    "a rule for these tests": ("nested", {"skips": (rule("nest", tests=("t.py*",)),)}, ("declared", "")),
    "unexpected": ("not implemented", {}, ("unexpected", "")),
    "no reason at all": ("", {}, ("unexpected", "")),
}


@pytest.mark.parametrize("name", PRECEDENCE)
def test_precedence(name: str) -> None:
    reason, settings, expected = PRECEDENCE[name]
    assert classed(skipped(reason), **settings) == [expected]


def test_only_skips_have_a_class() -> None:
    tests = [result("a", outcome, NO_LIBVIRT) for outcome in ("passed", "failed", "error", "xfailed", "deselected")]
    assert classed(*tests) == [("", "")] * 5


def test_classes_of_an_earlier_judgement_are_not_believed() -> None:
    assert classed(result("a", skip_class="declared", capability="x")) == [("", "")]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", ("capability", "libvirt")),
        ("libvirt>=9 is asked for and the profile does not promise it", ("capability", "libvirt")),
        ("known failure", ("unexpected", "")),
        ("no mysql", ("capability", "mysql")),
    ],
)
def test_a_marker_speaks_where_the_reason_does_not(reason: str, expected: tuple[str, str]) -> None:
    assert classed(skipped(reason, requires=("libvirt>=9",))) == [expected]


def test_a_marker_may_name_a_capability_that_is_not_declared() -> None:
    assert classed(skipped("", requires=("tpm",))) == [("capability", "tpm")]


CONSEQUENCES = {
    "by name": "test_b depends on test_a",
    "by id": "depends on t.py::test_a",
    "because": "because test_a was skipped",
    "incremental": "previous test failed (test_a)",
    "in words": "test_a was skipped",
}


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_a_skip_that_follows_from_anothers_inherits_its_capability(name: str) -> None:
    cause = skipped(NO_LIBVIRT, "t.py::test_a")
    assert classed(cause, skipped(CONSEQUENCES[name], "t.py::test_b"))[1] == ("consequence", "libvirt")


def test_a_skip_that_follows_from_a_failure_waits_for_nothing() -> None:
    assert classed(result("m.C.test_a", "failed"), skipped("depends on test_a", "m.C.test_b"))[1] == ("consequence", "")


def test_a_failure_that_nobody_names_is_a_cause_all_the_same() -> None:
    assert classed(skipped("skipped due to an earlier failure")) == [("consequence", "")]


def test_what_passed_or_does_not_exist_is_no_cause() -> None:
    assert classed(result("t.py::test_a"), skipped("depends on test_a", "t.py::test_b"))[1] == ("unexpected", "")
    assert classed(skipped("depends on an external thing")) == [("unexpected", "")]
    assert classed(skipped("depends on test_a", "t.py::test_a")) == [("unexpected", "")]


def test_the_built_in_capabilities_are_understood() -> None:
    tests = [
        skipped(NO_LIBVIRT),
        skipped("Backend 'mysql' is unavailable: Could not connect"),
        skipped("no such thing"),
    ]
    found = classify_skips(tests, profile=profile(), capabilities=BUILTIN, today=TODAY)
    assert [test.capability for test in found] == ["libvirt", "mysql", ""]


# What the suites of tooz 9.1.0 say when a driver cannot do something: none of it is about the host.
TOOZ = (
    "not implemented",
    "This driver is not distributed across hosts",
    "Test not applicable (heartbeating not required)",
    "This driver is not based on timeout",
    "This test only works with coordinators that have the ability to destroy groups.",
    "MemcachedDriver does not support str member_id",
    "Requires Windows",
    "known failure",
)


def test_no_false_alarm() -> None:
    assert {found for found, _ in classed(*(skipped(reason) for reason in TOOZ))} == {"unexpected"}


@pytest.mark.parametrize(
    ("test_id", "pattern", "expected"),
    [
        ("a.py::t", "a.py::t", True),
        ("a.py::t[1]", "a.py::t", True),
        ("a.py::t[1]", "a.py::t[1]", True),
        ("a.py::t[1]", "a.py::t[2]", False),
        ("a.py::t[1]", "a.py::t[*]", True),
        ("a.py::C::t", "a.py", True),
        ("a.b.C.t", "a.b", True),
        ("pkg/a.py::t", "pkg", True),
        ("a.py::test", "a.py::t", False),
        ("nova.virt.libvirt.t", "*virt.libvirt*", True),
        ("a", "ab", False),
    ],
)
def test_patterns_of_test_ids(test_id: str, pattern: str, expected: bool) -> None:
    assert matches_pattern(test_id, pattern) is expected


@pytest.mark.parametrize(
    ("reason", "settings", "expected"),
    [
        (f"[NOTRUN] {NO_LIBVIRT}", {"requires": ("libvirt",)}, ("capability", "libvirt")),
        ("libvirt is not installed", {"requires": ("libvirt",)}, ("capability", "libvirt")),
        ("[NOTRUN] libvirt is not installed", {}, ("capability", "libvirt")),
        ("libvirt is not installed", {}, ("", "")),
        ("[NOTRUN] nested", {"skips": (rule("^nest"),)}, ("declared", "")),
        ("[NOTRUN] nested", {}, ("", "")),
        ("a known bug", {"requires": ("libvirt",)}, ("", "")),
        ("", {"requires": ("libvirt",)}, ("", "")),
    ],
)
def test_an_xfail_that_stands_for_a_skip(reason: str, settings: dict[str, Any], expected: tuple[str, str]) -> None:
    assert classed(result("t.py::a", "xfailed", reason), **settings) == [expected]
