"""What the profile promises, for ``@pytest.mark.requires("libvirt>=9")``.

PYTEST_DONT_REWRITE
"""

import json
import os
import re

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*((?:[<>=!~]=?=?\s*[^,;\s]+\s*,?\s*)*)\s*$")


def find_unmet(requirements):
    """Return why a test with these requirements is skipped, or "" where the profile promises all of them.

    A name that is promised without a known version meets every version: the test itself decides then.
    """
    promised, profile = _read_promised(), os.environ.get("ENVMATRIX_PROFILE", "")
    where = "the profile %s" % profile if profile else "the profile"
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            continue
        name = _normalize_name(match.group(1))
        if name not in promised:
            return "requires %s, which %s does not promise" % (requirement, where)
        version = promised[name]
        if version and match.group(2).strip() and not _meets_specifier(version, match.group(2)):
            return "requires %s, and %s has %s" % (requirement, where, version)
    return ""


def _read_promised():
    try:
        values = json.loads(os.environ.get("ENVMATRIX_PROMISED", "") or "{}")
    except ValueError:
        return {}
    return {_normalize_name(name): version for name, version in values.items()} if isinstance(values, dict) else {}


def _normalize_name(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _meets_specifier(version, specifier):
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return all(_compare_version(version, clause.strip()) for clause in specifier.split(",") if clause.strip())
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except Exception:  # neither side is sure to be a PEP 440 version
        return all(_compare_version(version, clause.strip()) for clause in specifier.split(",") if clause.strip())


def _compare_version(version, clause):
    match = re.match(r"(===|[<>=!~]=|[<>])\s*(.+)$", clause)
    if match is None:
        return True
    operator, expected = match.group(1), match.group(2).strip()
    have, want = _parse_numbers(version), _parse_numbers(expected)
    if expected.endswith(".*"):
        same = have[: len(want)] == want
        return same if operator == "==" else not same
    width = max(len(have), len(want))
    have, full = have + [0] * (width - len(have)), want + [0] * (width - len(want))
    return {
        "==": have == full,
        "===": have == full,
        "!=": have != full,
        ">=": have >= full,
        "<=": have <= full,
        ">": have > full,
        "<": have < full,
        "~=": have >= full and have[: len(want) - 1] == want[:-1],
    }[operator]


def _parse_numbers(version):
    return [int(number) for number in re.findall(r"\d+", version.split("+")[0])]
