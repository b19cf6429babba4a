"""Skips for want of a promised capability that the profile itself declares: they count as declared, and are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envmatrix.config.model import Profile
from envmatrix.evidence.model import TestResult
from envmatrix.util.text import count
from envmatrix.verdict.counting import Tally
from envmatrix.verdict.names import canonical, promised
from envmatrix.verdict.phrases import bounded


def accepted_skips(sums: Tally, profile: Profile) -> Iterator[str]:
    """Yield a sentence for each promised capability for want of which tests skipped as the profile declares."""
    names = promised(profile)
    found: dict[str, list[TestResult]] = {}
    for test in sums.left:
        if test.skip_class == "declared" and canonical(test.capability) in names:
            found.setdefault(test.capability, []).append(test)
    for capability, tests in sorted(found.items()):
        entries = sorted(
            f"{rule.owner} until {rule.expires}"
            for rule in profile.skips
            if any(re.search(rule.match, bounded(test.reason)) for test in tests)
        )
        yield (
            f"{count(len(tests), 'test')} skipped for want of {capability}, which the profile promises and whose skips"
            f" it declares as known ([[skips]] of {', '.join(entries)}), such as {tests[0].id}"
        )
