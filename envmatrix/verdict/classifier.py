"""What each skip of a cell is about, by its reason and by what skipped or failed beside it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence

import msgspec

from envmatrix.config.model import Capability, Profile, SkipRule
from envmatrix.evidence.model import SkipClass, TestResult
from envmatrix.verdict.consequences import Consequences
from envmatrix.verdict.counting import NOT_TRIED, executed
from envmatrix.verdict.mentions import Mentions
from envmatrix.verdict.names import canonical, promised, requirement_name
from envmatrix.verdict.patterns import matches
from envmatrix.verdict.phrases import Phrases, bounded

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
    """Gives skipped tests their class; the order of precedence is that of ``classes.classify``."""

    def __init__(
        self,
        tests: Sequence[TestResult],
        profile: Profile,
        capabilities: Mapping[str, Capability],
        today: datetime.date,
    ) -> None:
        self._phrases = phrases_of(capabilities)
        self._names = {canonical(name): name for name in capabilities}
        self._promised = promised(profile)
        self._mentions = Mentions(capabilities, profile, self._promised)
        self._rules = tuple((re.compile(rule.match), rule) for rule in profile.skips)
        self._today = today
        self._consequences = Consequences(tests)
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}  # many tests skip for one and the same reason

    def classified(self, test: TestResult, *, ran: bool = False) -> TestResult:
        """Return a skipped test with its class and the capability that it waits for.

        Of one that ``ran`` all the same a reason may mention what it likes: it is about the failure that was expected.
        """
        capability = self._phrases.capability(test.reason) if ran else self._capability(test)
        skip_class = self._class(test, capability)
        if skip_class == "consequence":
            cause = self._consequences.cause(test)[1]
            capability = self._capability(cause) if cause is not None and cause.outcome == "skipped" else ""
        return msgspec.structs.replace(test, skip_class=skip_class, capability=capability)

    def expected(self, test: TestResult) -> TestResult:
        """Return an xfail with its class where it stands for a skip, and without one where it is a known failure."""
        ran = executed(test)
        reason = test.reason.removeprefix(NOT_TRIED).lstrip()
        seen = self.classified(msgspec.structs.replace(test, reason=reason), ran=ran)
        kept = seen.skip_class in ("capability", "declared", "expired", "unrun") and not ran
        if not kept and not (seen.skip_class == "capability" and canonical(seen.capability) in self._promised):
            return msgspec.structs.replace(test, skip_class="", capability="")
        return msgspec.structs.replace(test, skip_class=seen.skip_class, capability=seen.capability)

    def _class(self, test: TestResult, capability: str) -> SkipClass:
        reason = bounded(test.reason)
        rules = [rule for pattern, rule in self._rules if pattern.search(reason) and _covers(rule, test.id)]
        if any(self._today < rule.expires for rule in rules):
            return "declared"
        if _UNRUN.search(reason):
            return "unrun"
        if capability and canonical(capability) in self._promised:
            return "capability"
        if rules:
            return "expired"
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
        found = self._phrases.capability(test.reason)
        if found and canonical(found) in self._promised:
            return found
        if mentioned := self._mentions.capability(bounded(test.reason)):
            return self._names.get(mentioned, mentioned)
        if found:
            return found
        for requirement in test.requires:
            name = self._names.get(requirement_name(requirement), requirement_name(requirement))
            if not test.reason.strip() or self._phrases.mentions(test.reason, name):
                return name
        return ""


def _covers(rule: SkipRule, test_id: str) -> bool:
    return not rule.tests or any(matches(test_id, pattern) for pattern in rule.tests)
