"""Which words of a test runner's command line leave tests out."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Final

import msgspec


def _split_set(text: str) -> Set[str]:
    return frozenset(text.split())


class Grammar(msgspec.Struct, frozen=True, kw_only=True):
    """A runner's options: ``narrowing`` leave tests out, ``valued`` are those that take the next word, ``harmless`` do
    neither. Short ones are given with their dash. ``words`` that are no options name tests or are subcommands.
    """

    narrowing: Set[str]
    valued: Set[str]
    harmless: Set[str]
    subcommands: Set[str] = frozenset()


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Positions in a command line: words that leave tests out, and options that nobody here knows."""

    certain: Set[int]
    unknown: Set[int]


_PYTEST: Final = Grammar(
    narrowing=_split_set(
        "-k -m -c --config-file --lf --last-failed --sw --stepwise --stepwise-skip --deselect --ignore --ignore-glob"
        " --co --collect-only --pyargs --noconftest --confcutdir --rootdir --setup-only --setup-plan --fixtures"
        " --fixtures-per-test --markers --help -h --version -V --splits --group --shard-id --num-shards --picked"
        " --testmon --testmon-forceselect --sw-skip"
    ),
    valued=_split_set(
        "-k -m -c --config-file --deselect --ignore --ignore-glob --confcutdir --rootdir --splits --group --shard-id"
        " --num-shards -n -r -p -W -o --override-ini --maxfail --durations --durations-min --tb --color --junitxml"
        " --junit-xml --junit-prefix --basetemp --log-level --log-file --log-file-level --log-cli-level --log-format"
        " --log-date-format --import-mode --capture --show-capture --verbosity --code-highlight --dist --maxprocesses"
        " --max-worker-restart --tx --timeout --timeout-method --reruns --reruns-delay --cov-config --cov-fail-under"
        " --cov-report --count --html --alluredir --pythonwarnings --assert --pastebin --debug --xfail-tb"
    ),
    harmless=_split_set(
        "-q -v -s -x -l --quiet --verbose --exitfirst --ff --failed-first --nf --new-first --no-header --no-summary"
        " --showlocals --no-showlocals --strict --strict-config --strict-markers --disable-warnings"
        " --disable-pytest-warnings --cache-clear --full-trace --runxfail --pdb --trace --setup-show --no-cov --cov"
        " --cov-append --cov-branch --self-contained-html --continue-on-collection-errors --force-short-summary"
        " --keep-duplicates --collect-in-virtualenv --numprocesses --force-sugar --benchmark-disable --benchmark-skip"
        " --doctest-modules --doctest-continue-on-failure --allow-hosts --disable-socket"
    ),
)
# Settings that -o may change without a test's being left out, by how their names begin.
_SETTINGS: Final = tuple(
    _split_set(
        "log_ junit_ console_ cache_dir faulthandler_ tmp_path_ verbosity_ truncation_ xfail_strict filterwarnings"
        " asyncio_ timeout strict"
    )
)
_UNITTEST: Final = Grammar(
    narrowing=_split_set("-k -p --pattern -s --start-directory -t --top-level-directory -h --help"),
    valued=_split_set("-k -p --pattern -s --start-directory -t --top-level-directory --durations"),
    harmless=_split_set("-v --verbose -q --quiet -f --failfast -c --catch -b --buffer --locals"),
    subcommands=frozenset({"discover", "test"}),
)
_STESTR: Final = Grammar(
    narrowing=_split_set(
        "-i -e -E -n --include-list --exclude-list --exclude-regex --include --whitelist-file --blacklist-file"
        " --black-regex --load-list --failing --no-discover --until-failure --analyze-isolation --regex -r --path"
        " --test-path --print-exclude -l --list"
    ),
    valued=_split_set(
        "-i -e -E -n --include-list --exclude-list --exclude-regex --include --whitelist-file --blacklist-file"
        " --black-regex --load-list --no-discover --regex -r --path --concurrency --worker-file --color --abbreviate"
        " --config -c --test-path -t --top-dir --group-regex -g --repo-url -u"
    ),
    harmless=_split_set(
        "-q --quiet --slowest --serial --random --combine --subunit --no-subunit-trace --suppress-attachments"
        " --all-attachments --force-subunit-trace --pretty --verbose -v --dynamic --debug"
    ),
    subcommands=frozenset({"run", "--"}),
)
GRAMMARS: Final = {"pytest": _PYTEST, "unittest": _UNITTEST, "nose2": _UNITTEST, "stestr": _STESTR}


def find_narrowing(words: Sequence[str], grammar: Grammar, folder: Path) -> Narrowing:
    """Return which of a runner's arguments leave tests out. ``folder`` is where the runner was started.

    For pytest a word that is no option counts where it names something that is there: it takes no other, and plugins
    have options whose values look alike.
    """
    certain: set[int] = set()
    unknown: set[int] = set()
    taken: set[int] = set()
    for at, word in enumerate(words):
        if at in taken:
            continue
        if not word.startswith("-") or word == "--":
            if word not in grammar.subcommands and (grammar is not _PYTEST or _names_tests(word, words, folder)):
                (unknown if _may_be_value(words, at, unknown) else certain).add(at)
            continue
        for name, value in _split_options(word, grammar):
            takes = name in grammar.valued and value is None and at + 1 < len(words)
            result = {at, at + 1} if takes else {at}
            taken |= result
            setting = words[at + 1] if takes else value or ""
            if name in grammar.narrowing or (name in {"-o", "--override-ini"} and not setting.startswith(_SETTINGS)):
                certain |= result
            elif name not in grammar.valued and name not in grammar.harmless:
                unknown |= result
    return Narrowing(certain=certain, unknown=unknown)


def _split_options(word: str, grammar: Grammar) -> list[tuple[str, str | None]]:
    """Take ``--name=value``, ``-kvalue`` and ``-qk`` apart into names with values, None where the next word may be."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return [(name, value if equals else None)]
    matches: list[tuple[str, str | None]] = []
    for at, letter in enumerate(word[1:], start=1):
        name = f"-{letter}"
        if name in grammar.valued:
            return [*matches, (name, word[at + 1 :].removeprefix("=") or None)]
        matches.append((name, None))
    return matches


def _may_be_value(words: Sequence[str], at: int, unknown: Set[int]) -> bool:
    return at - 1 in unknown and words[at - 1].startswith("-") and "=" not in words[at - 1]


def _names_tests(word: str, words: Sequence[str], folder: Path) -> bool:
    if word.startswith("@") or "--pyargs" in words:
        return True
    place = word.partition("::")[0]
    return bool(place) and os.path.lexists(folder / place)
