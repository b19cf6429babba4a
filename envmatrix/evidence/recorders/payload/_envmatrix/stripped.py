"""Tests' own assert statements that this interpreter leaves out: with -O or PYTHONOPTIMIZE they check nothing.

PYTEST_DONT_REWRITE
"""

import os
import re
import sys
import tokenize

_TESTS = re.compile(r"(^|\.)(tests?|test_\w+|\w+_tests?|conftest)(\.|$)")
_INSTALLED = re.compile(r"(^|\.)(tests|test_\w+)(\.|$)")


def asserting(project):
    """Return ``file:line`` of the first assert statement of each loaded module of tests that pytest did not rewrite."""
    found = []
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: str(item[0])):
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(name, str) or not isinstance(path, str) or not path.endswith(".py") or _rewritten(module):
            continue
        line = _first(path) if _is_of_tests(name, path, project) else 0
        if line:
            found.append("%s:%d" % (_short(path, project), line))
    return found


def _rewritten(module):
    return type(getattr(module, "__loader__", None)).__name__ == "AssertionRewritingHook"


def _is_of_tests(name, path, project):
    full = os.path.abspath(path)
    if "site-packages" in full or "dist-packages" in full:
        return _INSTALLED.search(name) is not None
    if not project or not full.startswith(os.path.join(project, "")):
        return False
    return _TESTS.search(_short(full[:-3], project).replace(os.sep, ".")) is not None


def _short(path, project):
    full = os.path.abspath(path)
    inside = project and full.startswith(os.path.join(project, ""))
    return full[len(project) + 1 :] if inside else full


def _first(path):
    import ast

    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return 0
    return min((node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)), default=0)
