"""Skip classes: is a skip about the host, agreed on, a consequence of another's, or none of these?

Skips that only follow from what became of another test.

What each skip of a cell is about, by its reason and by what skipped or failed beside it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from envmatrix.config.model import Capability, Profile, SkipRule
from envmatrix.evidence.model import SkipClass, TestResult
from envmatrix.verdict.skips.capability_names import canonical_name, promised_names, requirement_name
from envmatrix.verdict.skips.mentions import Mentions
from envmatrix.verdict.skips.phrases import Phrases, cut_reason
from envmatrix.verdict.tally import NOT_TRIED, was_executed
from envmatrix.verdict.test_ids import matches_pattern

MARKED: Final = frozenset({"skipped", "xfailed"})  # the outcomes that may have a class


def classify_skips(
    tests: Sequence[TestResult],
    *,
    profile: Profile,
    capabilities: Mapping[str, Capability],
    today: datetime.date,
) -> tuple[TestResult, ...]:
    """The same tests, each skipped one with its ``skip_class`` and the ``capability`` that it waits for.

    The order of precedence, first match wins:

    1. ``declared``: a ``[[skips]]`` rule that has not expired accepts it, whatever it is about.
    2. ``unrun``: the runner cannot execute the test, on this host or on any other.
    3. ``capability``: it names, or only mentions, a capability that the profile promises.
    4. ``expired``: only rules match that have expired.
    5. ``capability``: about a capability that the profile does not promise.
    6. ``consequence``: it follows from another test's skip or failure, whose capability it inherits.
    7. ``unexpected``.

    An xfail has a class where it stands for a skip: it says that a promised capability is missing, or it was not even
    tried, and is about a capability or met by a rule.
    """
    marked = [at for at, test in enumerate(tests) if test.outcome in MARKED or test.skip_class or test.capability]
    if not marked:
        return tuple(tests)
    # patterns by the hundred, for those who have skips

    judge = Classifier(tests, profile, capabilities, today)
    sorted_out = list(tests)
    for at in marked:
        test = tests[at]
        if test.outcome == "skipped":
            sorted_out[at] = judge.classify_skip(test)
        elif test.outcome == "xfailed":
            sorted_out[at] = judge.classify_xfail(test)
        else:
            sorted_out[at] = msgspec.structs.replace(test, skip_class="", capability="")
    return tuple(sorted_out)


_DEPENDS = re.compile(
    r"\bdepends on ['\"`]?(?P<a>[^\s'\"`,;]+)|\b(?:because|since|as) ['\"`]?(?P<b>\S+?)['\"`]? (?:was |were |is |has )?"
    r"(?:skipped|failed)|\b(?:previous|earlier|parent|required) test failed \((?P<c>[^)]+)\)"
    r"|^['\"`]?(?P<d>\S+?)['\"`]? (?:did not run|was skipped|failed)\b",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"\b(?:previous|preceding|earlier|parent|prior|dependency|dependent|dependencies|prerequisite) (?:tests?|steps?)? ?"
    r"(?:has |have |was |were |is )?(?:failed|skipped|not passed|did not pass|didn't pass)"
    r"|\b(?:an )?(?:earlier|previous) (?:failure|skip)\b|\bclass (?:setup|set-up) (?:was )?(?:skipped|failed)",
    re.IGNORECASE,
)
_RAN_WELL = ("passed", "xpassed")


class Consequences:
    """Knows the tests of one run, and finds the one that another's skip follows from."""

    def __init__(self, tests: Sequence[TestResult]) -> None:
        self._tests = tests
        self._by_name: dict[str, TestResult] | None = None
        self._read: dict[str, tuple[str, bool]] = {}  # reason -> the test that it names, whether it speaks of another

    def find_cause(self, test: TestResult) -> tuple[bool, TestResult | None]:
        """Whether the skip follows from another test's, and from which ("previous test failed" names none)."""
        name, follows = self._parse_reason(test.reason)
        if name:
            named = self._find_test(name)
            if named is not None and named.id != test.id and named.outcome not in _RAN_WELL:
                return True, named
        return follows, None

    def _parse_reason(self, reason: str) -> tuple[str, bool]:
        """What a reason says, read once: many tests skip for one and the same."""
        reason = cut_reason(reason)
        if reason not in self._read:
            match = _DEPENDS.search(reason)
            name = next(group for group in match.groups() if group) if match else ""
            self._read[reason] = (name, bool(_FOLLOWS.search(reason)))
        return self._read[reason]

    def _find_test(self, name: str) -> TestResult | None:
        if self._by_name is None:
            self._by_name = {}
            for test in self._tests:
                for word in _list_names(test.id):
                    self._by_name.setdefault(word, test)
        return self._by_name.get(name.rstrip(".:,"))


def _list_names(test_id: str) -> tuple[str, ...]:
    """The ways in which another test may call this one: its id, its function, its class and function."""
    plain = re.split(r"[\[(]", test_id, maxsplit=1)[0]
    parts = re.split(r"::|\.", plain)
    return (test_id, plain, parts[-1], "::".join(parts[-2:]), ".".join(parts[-2:]))


# What pytest says of a test that it cannot execute itself (until 8.3 for coroutines, until 8.4 for generators).
_UNRUN = re.compile(
    r"^async def functions? (?:and no async plugin installed|(?:is|are) not natively supported)"
    r"|^yield tests were removed in pytest|^(?:Skipped: )?coroutine '?[\w.]+'? was never awaited"
)
_phrases: list[tuple[Mapping[str, Capability], Phrases]] = []  # those of the capabilities that were asked for last


def phrases_of(capabilities: Mapping[str, Capability]) -> Phrases:
    """Return the phrases of some capabilities, the same for every record: what they have found out is remembered."""
    if not _phrases or (_phrases[0][0] is not capabilities and _phrases[0][0] != capabilities):
        _phrases[:] = [(dict(capabilities), Phrases(capabilities))]
    return _phrases[0][1]


class Classifier:
    """Gives skipped tests their class; the order of precedence is that of ``classify_skips``."""

    def __init__(
        self,
        tests: Sequence[TestResult],
        profile: Profile,
        capabilities: Mapping[str, Capability],
        today: datetime.date,
    ) -> None:
        self._phrases = phrases_of(capabilities)
        self._names = {canonical_name(name): name for name in capabilities}
        self._promised = promised_names(profile)
        self._mentions = Mentions(capabilities, profile, self._promised)
        self._rules = tuple((re.compile(rule.match), rule) for rule in profile.skips)
        self._today = today
        self._consequences = Consequences(tests)
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}  # many tests skip for one and the same reason

    def classify_skip(self, test: TestResult, *, ran: bool = False) -> TestResult:
        """Return a skipped test with its class and the capability that it waits for.

        Of one that ``ran`` all the same a reason may mention what it likes: it is about the failure that was expected.
        """
        capability = self._phrases.find_capability(test.reason) if ran else self._find_capability(test)
        skip_class = self._choose_class(test, capability)
        if skip_class == "consequence":
            cause = self._consequences.find_cause(test)[1]
            capability = self._find_capability(cause) if cause is not None and cause.outcome == "skipped" else ""
        return msgspec.structs.replace(test, skip_class=skip_class, capability=capability)

    def classify_xfail(self, test: TestResult) -> TestResult:
        """Return an xfail with its class where it stands for a skip, and without one where it is a known failure."""
        ran = was_executed(test)
        reason = test.reason.removeprefix(NOT_TRIED).lstrip()
        seen = self.classify_skip(msgspec.structs.replace(test, reason=reason), ran=ran)
        remaining = seen.skip_class in ("capability", "declared", "expired", "unrun") and not ran
        if not remaining and not (
            seen.skip_class == "capability" and canonical_name(seen.capability) in self._promised
        ):
            return msgspec.structs.replace(test, skip_class="", capability="")
        return msgspec.structs.replace(test, skip_class=seen.skip_class, capability=seen.capability)

    def _choose_class(self, test: TestResult, capability: str) -> SkipClass:
        reason = cut_reason(test.reason)
        rules = [rule for pattern, rule in self._rules if pattern.search(reason) and _is_covered(rule, test.id)]
        if any(self._today < rule.expires for rule in rules):
            return "declared"
        if _UNRUN.search(reason):
            return "unrun"
        if capability and canonical_name(capability) in self._promised:
            return "capability"
        if rules:
            return "expired"
        if capability:
            return "capability"
        return "consequence" if self._consequences.find_cause(test)[0] else "unexpected"

    def _find_capability(self, test: TestResult) -> str:
        """What the reason names. A marker of the test helps where the reason is empty or speaks of what it names."""
        key = (test.reason, test.requires)
        result = self._known.get(key)
        if result is None:
            result = self._known[key] = self._find_in_markers(test)
        return result

    def _find_in_markers(self, test: TestResult) -> str:
        matches = self._phrases.find_capability(test.reason)
        if matches and canonical_name(matches) in self._promised:
            return matches
        if mentioned := self._mentions.find_capability(cut_reason(test.reason)):
            return self._names.get(mentioned, mentioned)
        if matches:
            return matches
        for requirement in test.requires:
            name = self._names.get(requirement_name(requirement), requirement_name(requirement))
            if not test.reason.strip() or self._phrases.is_about(test.reason, name):
                return name
        return ""


def _is_covered(rule: SkipRule, test_id: str) -> bool:
    return not rule.tests or any(matches_pattern(test_id, pattern) for pattern in rule.tests)
