"""The console examples of a page of the documentation, and what they say the output is. Standard library only.

A console block below ``<!-- test: example -->`` is run in a copy of the example project, all blocks of a page in the
same one and in order. ``...`` is any text, on a line of its own any lines; ``# ends with 3`` is the exit code. What is
another every time (seconds, ids, and which phases take long enough to be told) is compared as equal.
"""

import re

SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARKED = re.compile(r"^( *)<!-- test: example( without-\w+)? -->\n\1```console\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PHASE = r"creating the environment|installing |building |preparing: |running: |cleaning up: "
EVERY_TIME_ANOTHER = (
    (re.compile(rf"^\[ *[\d.]+ s\] [^ ]+: (?:{PHASE}).*\n", re.MULTILINE), ""),
    (re.compile(r"\[ *[\d.]+ s\]"), "[0.0 s]"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b(?!\])"), "0 s"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "0" * 12),
)


def examples(text):
    """Yield (command, expected output, what the host is without) of a page's marked blocks."""
    for indent, without, block in MARKED.findall(text):
        lines = [line.removeprefix(indent) for line in block.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield lines[start][2:], lines[start + 1 : end], without.removeprefix(" without-")


def begins_with(text):
    """The commands of a page's first sh block, which prepare what its examples need."""
    found = SHELL.search(text)
    return found[1].splitlines() if found else []


def pattern(lines):
    """A regular expression for expected lines."""
    parts = [r"(?:.*\n)*?" if line == "..." else _line(line) for line in flat("\n".join(lines)).splitlines()]
    return re.compile("".join(parts) + r"\Z")


def _line(line):
    return re.escape(line).replace(re.escape("..."), ".*") + r"\n"


def flat(text):
    """The text with one blank where it has several, and without what is another in every run."""
    flattened = "".join(re.sub(r"\s+", " ", line.rstrip()) + "\n" for line in text.splitlines())
    for found, same in EVERY_TIME_ANOTHER:
        flattened = found.sub(same, flattened)
    return flattened
