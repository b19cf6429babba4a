"""Skip classes: is a skip about the host, agreed on, a consequence of another's, or none of these?"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from envmatrix.config.model import Capability, Profile
from envmatrix.evidence.model import TestResult

MARKED: Final = frozenset({"skipped", "xfailed"})  # the outcomes that may have a class


def classify(
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
    from envmatrix.verdict.classifier import Classifier  # patterns by the hundred, for those who have skips

    judge = Classifier(tests, profile, capabilities, today)
    sorted_out = list(tests)
    for at in marked:
        test = tests[at]
        if test.outcome == "skipped":
            sorted_out[at] = judge.classified(test)
        elif test.outcome == "xfailed":
            sorted_out[at] = judge.expected(test)
        else:
            sorted_out[at] = msgspec.structs.replace(test, skip_class="", capability="")
    return tuple(sorted_out)
