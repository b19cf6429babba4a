"""What a skip reason is about: the sentences by which test suites say that something is not there.

The shapes were collected from the skip reasons of CPython's own suite, OpenStack projects and pytest's
``importorskip``. Two kinds: a missing import (or "not installed") may name any module, every other sentence only a
capability that is known, because "requires Windows" and "not implemented" have the same form and mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Final

from envmatrix.config.model import Capability
from envmatrix.verdict.skips.capability_names import SERVERS, capabilities_by_alias, capabilities_by_module
from envmatrix.verdict.skips.mentions import client_error, is_client_error

# Characters of a reason that are looked at, at its two ends: patterns may take the square of them.
_BEGINNING: Final = 400
_END: Final = 200
_LONGEST_WORD: Final = 120  # no name of a module is longer
_KEPT: Final = 200_000  # reasons whose answer is remembered

_NOUN = (
    r"(?:python|native|server|service|daemon|backend|database|db|dbapi|driver|bindings?|library|module|package|client"
    r"|command|binary|executable|program|broker|cluster|engine|instance|socket|connection|device|acceleration|support"
    r"|container|runtime|privileges?|rights|access|user|credentials|url|host|port|extension|headers?)"
)
_ARTICLE = (
    r"(?:(?:an?|the|some|any|either|both|running|working|usable|local|live|real|suitable|available|access(?:ible)?|to"
    r"|existing|backend|module|package|program|command|binary|library|device|server|service|database|system|python"
    r"|optional|connection|with|have|be|as|run|able|installed)\s+)*"
)
_VERSION = r"(?:\s*(?:[<>=!~]=?|v(?:ersion)?\s?)?\s*\d[\w.]*\+?)?"
_MAYBE_IS = (
    r"(?:\s*[:,-]?\s*(?:is|are|was|were|isn't|aren't|wasn't|weren't|seems?|appears?|could|can|cannot|can't|has|to))?"
)
_GONE = (
    r"(?:present|installed|available|found|importable|imported|running|reachable|usable|accessible|configured|ready"
    r"|detected|working|started|up|responding|set|defined|exported|connected|on\s+(?:the\s+)?path|in\s+(?:the\s+)?path"
    r"|import|loaded|there|provided|readable|writable|openable)"
)
_MISSING = (
    r"(?:unavailable|missing|absent|unreachable|uninstalled|inaccessible|offline|down|required|needed|unset|undefined"
    r"|too\s+old|(?:connection\s+)?(?:refused|failed)|(?:command\s+)?not\s+found)"
)
_AFTER_NO = (
    r"(?=$|[.!;:,)(]|found|available|running|present|installed|at\b|on\b|in\b|here|configured|detected"
    r"|accessible|reachable)"
)
_NEEDS = r"(?:requires?|requiring|needs?|needing|depends\s+on|relies\s+on|must\s+(?:have|be|run)|wants)\s*:?\s+"
_CANNOT = r"(?:could\s+not|couldn't|cannot|can't|can\s+not|unable\s+to|failed\s+to|error|failure)\s+"
_REACH = (
    r"(?:connect(?:ing)?(?:\s+to)?|reach(?:ing)?|contact|find|open(?:ing)?|locate|start(?:ing)?|launch|load(?:ing)?"
    r"|access|talk\s+to|import(?:ing)?|use|query)\s+"
)
_IMPOSSIBLE = r"(?:cannot|can't|could\s+not|not\s+possible|unable|impossible|won't|nothing)"
_ONLY_IF = r"(?:unless|only\s+(?:\w+\s+)?(?:if|when|where)|(?:requires?|needs?)\s+that)\s+"
# Sentences, each behind the words of which it has one.
_SHAPES = (
    # "libvirt not present", "MySQL backend isn't available", "redis server could not be found"
    ("not|n't", r"{x}{is_}(?:\s+not|(?<=n't)|(?<=cannot))\s+(?:currently\s+|yet\s+|be\s+|been\s+)*{gone}\b"),
    # "MySQL must be running", "should be run as root"
    ("be ", r"{x}\s+(?:must|has\s+to|have\s+to|needs\s+to|should)\s+be\s+{gone}\b"),
    ("run", r"\b(?:must|has\s+to|needs\s+to|should)\s+(?:be\s+)?run\s+(?:as|with|under|on)\s+{article}{x}"),
    # "Backend 'mysql' is unavailable", "docker required", "kvm missing"
    (
        "unavailable|missing|absent|unreachable|uninstalled|inaccessible|offline|down|required|needed|unset|undefined|old|refused|failed|found",
        r"{x}{is_}\s*[:,-]?\s*{missing}\b",
    ),
    # "No redis server found", "no MySQL", "missing libvirt bindings"
    ("no|missing|lack", r"(?:^|[\s(:;,.])(?:no|missing|lacks?|lacking)\s+{article}{x}\s*{after_no}"),
    # "requires libvirt", "test needs a running docker", "depends on redis"
    ("requir|need|depends|relies|must|wants", r"{needs}{article}{x}(?![\w-])"),
    # "only run when mysql is available", "unless docker is running"
    ("unless|only|requir|need", r"{only_if}{article}{x}{is_}\s+{gone}\b"),
    # "cannot connect to mysql", "failed to start redis-server", "connection to postgres refused"
    ("not|n't|unable|failed|error|failure", r"{cannot}{reach}{article}{x}"),
    ("connection", r"connection\s+to\s+{article}{x}.*\b(?:refused|failed|timed\s+out)"),
    # "can't be tested without docker"
    ("without", r"{impossible}.*\swithout\s+{article}{x}(?![\w-])"),
    # "set OS_TEST_URL to run these"
    ("set|export|define", r"(?:^|\s)(?:set|export|define)\s+(?:\$)?{x}\s+to\b"),
)
_FLAGS = (
    # pytest shows a string condition as it was written: "condition: not HAVE_LIBVIRT"
    r"\bnot\s+(?:have|has|with|use)_{x}\b|\bno_{x}\b",
    # "skipUnless(HAVE_LIBVIRT)", "LIBVIRT_AVAILABLE is False"
    r"(?<!condition: )(?:\b|_)(?:have|has|with)_{x}\b(?!\s+is\s+(?:true|set))",
    r"(?<!condition: )\b{x}_(?:available|installed|present|found|importable|missing|unavailable)\b(?!\s+is\s+true)",
)
_PARTS = {
    "is_": _MAYBE_IS,
    "gone": _GONE,
    "missing": _MISSING,
    "after_no": _AFTER_NO,
    "article": _ARTICLE,
    "needs": _NEEDS,
    "only_if": _ONLY_IF,
    "cannot": _CANNOT,
    "reach": _REACH,
    "impossible": _IMPOSSIBLE,
}
_WISH_FOR_ABSENCE = re.compile(
    r"(?:requires?|needs?)\s+(?:the\s+)?[\w.-]+(?:\s+\w+)?\s+(?:(?:is\s+)?not\s+(?:be\s+)?(?:installed|present|available|importable)"
    r"|(?:absent|uninstalled))\b"
    r"|(?:requires?|needs?)\s+[\w.-]+,\s+not\s+[\w.-]+"
    r"|not\s+to\s+be|to\s+(?:not\s+be|be\s+(?:absent|missing|uninstalled|unavailable|stopped|disabled))"
    r"|(?:requires?|needs?|only\s+(?:runs?\s+|valid\s+|relevant\s+|tested\s+)?)\s*(?:that|if|when|where)\b[^,;]*\b(?:not|isn't|unavailable|missing|absent)\b"
    r"|requires?\s+(?:no|non|the\s+absence)\b",
    re.IGNORECASE,
)
_NO_MODULE = re.compile(r"No module named:? ['\"]?([A-Za-z_][\w.]*)")
_NOT_IMPORT = r"(?:could not|couldn't|cannot|can't|unable to|failed to) import (?:the )?(?:module |package )?"
_IMPORTS = (
    re.compile(r"cannot import name \S+ from (?:partially initialized module )?['\"]([\w.]+)"),
    re.compile(_NOT_IMPORT + r"(['\"`])([\w.]+)\1", re.IGNORECASE),
    re.compile(_NOT_IMPORT + r"([\w.]+)", re.IGNORECASE),
    re.compile(r"^(?:Skipped: )?module '([\w.]+)' has __version__ .*required is"),
    re.compile(
        r"(?<![\w.])([A-Za-z_][\w.]*)['\"`]?(?: module| package)?"
        r" (?:could not|couldn't|cannot|can't) be imported"
    ),
    re.compile(
        r"(?<![\w.])([A-Za-z_][\w.]*)['\"`]?(?: module| package)?"
        r" (?:is |are |was )?(?:not importable|unimportable)"
    ),
)
_NOT_INSTALLED = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]*)['\"`)]*"
    r"(?: (?:python )?"
    r"(?:module|package|library|bindings|plugin|dependency|extension|tool|program"
    r"|command|extra))? (?:is |are |was )?(?:(?:not|isn't|aren't) installed|must be installed)",
    re.IGNORECASE,
)
_LONG_WORD = re.compile(rf"[^\s]{{{_LONGEST_WORD},}}")
# A number between blanks that is no port: many reasons differ in nothing else.
_NUMBER = re.compile(rf"(?<= )(?!(?:{'|'.join(SERVERS.values())}) )\d+(?= )")
# Words that stand where a module's name could, and are none.
_PROSE = frozenset(
    re.findall(
        r"\w+",
        """a all an and any are bindings both client command compiler dependencies dependency driver drivers
        either extension extra extras for if in is it its libraries library locale module modules name
        needed neither none not of one options or package packages plugin plugins program project python
        required requirements server service software something support system test tests that the them
        these they things this those to tool tools was we were when which with""",
    )
)

_Shape = tuple[tuple[str, ...], re.Pattern[str]]


class Phrases:
    """Finds the capability that a reason names. Made once for a set of capabilities, asked many times."""

    def __init__(self, capabilities: Mapping[str, Capability]) -> None:
        self._modules = capabilities_by_module(capabilities)
        self._aliases = capabilities_by_alias(capabilities)
        patterns = [
            (item.origin == "built-in", name, re.compile(pattern))
            for name, item in sorted(capabilities.items())
            for pattern in item.skip_reasons
        ]
        self._declared = tuple((name, pattern) for built_in, name, pattern in patterns if not built_in)
        self._built_in = tuple((name, pattern) for built_in, name, pattern in patterns if built_in)
        self._word = _compile_alternatives(self._aliases)
        self._shapes: dict[str, tuple[_Shape, ...]] = {}
        self._known: dict[str, str] = {}

    def find_capability(self, reason: str) -> str:
        """The capability that a reason says is missing, "" where it is about something else."""
        reason = cut_reason(reason)
        if not self._declared:  # a project's own patterns may look for any number
            reason = _NUMBER.sub("0", reason)
        result = self._known.get(reason)
        if result is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            result = self._known[reason] = self._find_uncached(reason)
        return result

    def is_about(self, reason: str, name: str) -> bool:
        """Whether a reason speaks of a capability at all, in whatever sentence."""
        words = [word for word, owner in self._aliases.items() if owner == name] or [name.lower()]
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", cut_reason(reason).lower()) for word in words)

    def _find_uncached(self, reason: str) -> str:
        lower = reason.lower()
        module = _find_module(reason) if "import" in lower or "module" in lower else ""
        if module and (owner := self._find_owner(module)):
            return owner
        if declared := _find_first(self._declared, reason):
            return declared
        if module:
            return module.partition(".")[0]
        words = set(self._word.findall(lower)) if self._word else set()
        is_installable = "installed" in lower
        if not (words or is_installable or is_client_error(lower)) or _WISH_FOR_ABSENCE.search(reason):
            return ""
        return (
            self._by_shape(reason, lower, words)
            or _find_first(self._patterns_of(words), reason)
            or client_error(lower)
            or (_find_installable(reason) if is_installable else "")
        )

    def _find_owner(self, module: str) -> str:
        """The capability whose module is this one or a parent of it."""
        parts = module.split(".")
        for end in range(len(parts), 0, -1):
            if owner := self._modules.get(".".join(parts[:end])):
                return owner
        return ""

    def _by_shape(self, reason: str, lower: str, words: Set[str]) -> str:
        if not words:
            return ""
        known = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
        shapes = self._shapes.get(known)
        if shapes is None:
            shapes = self._shapes[known] = tuple(_make_shapes(known))
        for hints, shape in shapes:
            if any(hint in lower for hint in hints) and (match := shape.search(reason)):
                return self._aliases[next(group for group in match.groups() if group).lower()]
        return ""

    def _patterns_of(self, words: Set[str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Return the built-in patterns of the capabilities that words belong to; no other can find anything."""
        owners = {self._aliases[word] for word in words}
        return tuple(item for item in self._built_in if item[0] in owners)


def cut_reason(reason: str) -> str:
    """Return what is looked at of a reason: its beginning and end, without words that are longer than any name."""
    if len(reason) > _BEGINNING + _END:
        reason = f"{reason[:_BEGINNING]} … {reason[-_END:]}"
    return reason if len(reason) <= _LONGEST_WORD else _LONG_WORD.sub("…", reason)


def _compile_alternatives(words: Mapping[str, str]) -> re.Pattern[str] | None:
    """Return what finds where a word begins, the longest of each place."""
    known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?=({known}))") if words else None


def _find_first(patterns: tuple[tuple[str, re.Pattern[str]], ...], reason: str) -> str:
    return next((name for name, pattern in patterns if pattern.search(reason)), "")


def _make_shapes(known: str) -> Iterator[_Shape]:
    """Yield the sentences about some words, each with what it cannot be without."""
    quote = r"['\"`]?"
    x = rf"(?<![\w/.-]){quote}({known})(?:\+\w+)?{quote}{_VERSION}(?:[\s-]+{_NOUN})*"
    for hints, shape in _SHAPES:
        yield tuple(hints.split("|")), re.compile(shape.format(x=x, **_PARTS), re.IGNORECASE)
    for flag in _FLAGS:
        yield ("_",), re.compile(flag.format(x=f"({known})"), re.IGNORECASE)


def _find_module(reason: str) -> str:
    """The module that a reason says cannot be imported. The innermost error names the one that is really missing."""
    if matches := _NO_MODULE.search(reason):
        return matches.group(1).rstrip(".")
    for shape in _IMPORTS:
        matches = shape.search(reason)
        if matches and (name := matches.group(matches.lastindex or 0).rstrip(".")).lower() not in _PROSE:
            return name
    return ""


def _find_installable(reason: str) -> str:
    """The name in "NAME is not installed", whatever it is: that is about the host or the environment by itself."""
    entry = _NOT_INSTALLED.search(reason)
    name = entry.group(1).lower() if entry else ""
    return "" if name in _PROSE else name
