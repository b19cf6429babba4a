"""Skip classes: is a skip about the host, agreed on, a consequence of another's, or none of these?"""

from __future__ import annotations

import datetime
import fnmatch
import functools
import re
from collections.abc import Mapping, Sequence

import msgspec

from envmatrix.config.model import Capability, Profile, SkipRule
from envmatrix.evidence.model import SkipClass, TestResult
from envmatrix.verdict.consequences import Consequences
from envmatrix.verdict.names import canonical, promised, requirement_name
from envmatrix.verdict.phrases import Phrases


def classify(
    tests: Sequence[TestResult],
    *,
    profile: Profile,
    capabilities: Mapping[str, Capability],
    today: datetime.date,
) -> tuple[TestResult, ...]:
    """The same tests, each skipped one with its ``skip_class`` and the ``capability`` that it waits for.

    The order of precedence, first match wins:

    1. ``capability``: about a capability that the profile promises. Nobody can declare such a skip away.
    2. ``declared``: a ``[[skips]]`` rule that has not expired accepts it, whatever it is about.
    3. ``expired``: only rules match that have expired.
    4. ``capability``: about a capability that the profile does not promise.
    5. ``consequence``: it follows from another test's skip or failure, whose capability it inherits.
    6. ``unexpected``.
    """
    marked = [at for at, test in enumerate(tests) if test.outcome == "skipped" or test.skip_class or test.capability]
    if not marked:
        return tuple(tests)
    judge = _Classifier(tests, profile, capabilities, today)
    sorted_out = list(tests)
    for at in marked:
        test = tests[at]
        sorted_out[at] = judge.classified(test) if test.outcome == "skipped" else _bare(test)
    return tuple(sorted_out)


def _bare(test: TestResult) -> TestResult:
    return msgspec.structs.replace(test, skip_class="", capability="")


class _Classifier:
    def __init__(
        self,
        tests: Sequence[TestResult],
        profile: Profile,
        capabilities: Mapping[str, Capability],
        today: datetime.date,
    ) -> None:
        self._phrases = Phrases(capabilities)
        self._names = {canonical(name): name for name in capabilities}
        self._promised = promised(profile)
        self._rules = tuple((re.compile(rule.match), rule) for rule in profile.skips)
        self._today = today
        self._consequences = Consequences(tests)
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}  # many tests skip for one and the same reason

    def classified(self, test: TestResult) -> TestResult:
        capability = self._capability(test)
        skip_class = self._class(test, capability)
        if skip_class == "consequence":
            cause = self._consequences.cause(test)[1]
            capability = self._capability(cause) if cause is not None and cause.outcome == "skipped" else ""
        return msgspec.structs.replace(test, skip_class=skip_class, capability=capability)

    def _class(self, test: TestResult, capability: str) -> SkipClass:
        if capability and canonical(capability) in self._promised:
            return "capability"
        if rules := [rule for pattern, rule in self._rules if pattern.search(test.reason) and _covers(rule, test.id)]:
            return "declared" if any(self._today < rule.expires for rule in rules) else "expired"
        if capability:
            return "capability"
        return "consequence" if self._consequences.cause(test)[0] else "unexpected"

    def _capability(self, test: TestResult) -> str:
        """What the reason names. A marker of the test helps where the reason is empty or speaks of what it names."""
        key = (test.reason, test.requires)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._named(test)
        return found

    def _named(self, test: TestResult) -> str:
        if found := self._phrases.capability(test.reason):
            return found
        for requirement in test.requires:
            name = self._names.get(requirement_name(requirement), requirement_name(requirement))
            if not test.reason.strip() or self._phrases.mentions(test.reason, name):
                return name
        return ""


def _covers(rule: SkipRule, test_id: str) -> bool:
    return not rule.tests or any(matches(test_id, pattern) for pattern in rule.tests)


def matches(test_id: str, pattern: str) -> bool:
    """Whether a test id meets a pattern of a profile.

    A pattern is the id itself, its function without parameters, a file or class that it is in, or a glob. The brackets
    of a parametrised id in a pattern mean themselves.
    """
    return _matcher(pattern).match(test_id) is not None


@functools.cache
def _matcher(pattern: str) -> re.Pattern[str]:
    glob = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(rf"{glob}|{re.escape(pattern)}(?:\Z|[\[:./])", re.DOTALL)
