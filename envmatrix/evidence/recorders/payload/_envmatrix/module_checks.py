"""Modules that come from neither the environment, the standard library nor the project.

PYTEST_DONT_REWRITE

The project's own packages where the tests imported another copy of them: an old release that is installed.

PYTEST_DONT_REWRITE

Tests' own assert statements that this interpreter leaves out: with -O or PYTHONOPTIMIZE they check nothing.

PYTEST_DONT_REWRITE
"""

import os
import re
import sys
import tokenize


def find_outside_modules(project):
    """Return ``(module, file)`` for every top-most loaded module from elsewhere, sorted.

    A submodule is left out where its package is in the list already. Files below the folder for temporary files are
    what tests write themselves and are no finding.
    """
    homes, stdlib = _home_roots(project), _stdlib_roots()
    result = {}
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: str(item[0])):
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(name, str) or not isinstance(path, str) or not os.path.isabs(path):
            continue
        parent = name.rpartition(".")[0]
        if name == "__main__" or (parent and parent in result):
            if parent:
                result.setdefault(name, None)
            continue
        if not _is_allowed(path, homes, stdlib):
            result[name] = path
    return sorted((name, path) for name, path in result.items() if path)


def _home_roots(project):
    import tempfile

    places = [sys.prefix, sys.exec_prefix, project, os.path.dirname(os.path.abspath(__file__)), tempfile.gettempdir()]
    return _resolve_roots(places)


def _stdlib_roots():
    import sysconfig

    names = ("stdlib", "platstdlib")
    return _resolve_roots([sysconfig.get_paths().get(name) for name in names] + [os.path.dirname(os.__file__)])


def _resolve_roots(places):
    roots = set()
    for place in places:
        if place:
            roots.add(os.path.join(os.path.abspath(place), ""))
            roots.add(os.path.join(os.path.realpath(place), ""))
    return tuple(roots)


def _is_allowed(path, homes, stdlib):
    for form in (os.path.abspath(path), os.path.realpath(path)):
        if form.startswith(homes):
            return True
        if form.startswith(stdlib):
            inner = form.replace(os.sep, "/")
            return "/site-packages/" not in inner and "/dist-packages/" not in inner
    return False


_SOURCES = ("", "src", "lib")
_INSTALLED = ("%ssite-packages%s" % (os.sep, os.sep), "%sdist-packages%s" % (os.sep, os.sep))


def find_copies(project):
    """Return ``(name, where it was imported from, a file of the project that differs, whether that was asked for)``.

    A copy that its metadata calls installed from this project is none, whatever its build changed. Asked for is what
    the environment's own requirements name, and not only those of another distribution.
    """
    matches = []
    for name, folder in sorted(_own_names(project).items()):
        module = sys.modules.get(name)
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(path, str) or not any(part in path for part in _INSTALLED):
            continue
        package = os.path.basename(path).startswith("__init__.")
        base = os.path.dirname(os.path.dirname(path) if package else path)
        info = _find_metadata(base, ("%s/__init__.py" if package else "%s.py") % name)
        differing = "" if _is_of(info, project) else _find_difference(name, base, folder)
        if differing:
            place = os.path.dirname(path) if package else path
            matches.append((name, place, os.path.relpath(differing, project), _asked_for(info)))
    return matches


def _own_names(project):
    """Return the packages and modules at the top of the project, each with the folder in which it is."""
    result_value = {}
    for source in _SOURCES if project else ():
        folder = os.path.join(project, source) if source else project
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for entry in names:
            name = entry[:-3] if entry.endswith(".py") else entry
            if name.isidentifier() and name in sys.modules:
                result_value.setdefault(name, folder)
    return result_value


def _find_difference(top, base, folder):
    """Return the first file of the project of which a module with another content was imported, "" for none."""
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: str(item[0])):
        if not isinstance(name, str) or (name != top and not name.startswith(top + ".")):
            continue
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(path, str) or not path.startswith(base + os.sep) or "version" in os.path.basename(path):
            continue  # versions are written when a package is built
        local = os.path.join(folder, path[len(base) + 1 :])
        content = _read_content(local)
        if content and content != _read_content(path):
            return local
    return ""


def _read_content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _find_metadata(base, member):
    """Return the folder of the metadata that lists the file, "" where none does."""
    try:
        names = sorted(name for name in os.listdir(base) if name.endswith(".dist-info"))
    except OSError:
        return ""
    line = b"\n%s," % os.fsencode(member)
    places = (os.path.join(base, name) for name in names)
    return next((place for place in places if line in b"\n" + _read_content(os.path.join(place, "RECORD"))), "")


def _is_of(info, project):
    """Tell whether what has this metadata was installed from the project: from its folder, or as tox's package."""
    place = _installed_from(info)
    inside = os.path.join(os.path.realpath(place), "").startswith(os.path.join(os.path.realpath(project), ""))
    return bool(place) and (inside or "/.tmp/package/" in place)


def _installed_from(info):
    url = _read_json(os.path.join(info, "direct_url.json")).get("url")  # PEP 610
    return url[len("file://") :] if isinstance(url, str) and url.startswith("file://") else ""


def _asked_for(info):
    """Tell whether the requirements that tox noted of this environment name it (uv marks everything REQUESTED)."""
    noted = _read_json(os.path.join(sys.prefix, ".tox-info.json")).get("PythonRun")
    deps = noted.get("deps") if isinstance(noted, dict) else None
    words = deps.get("requirements") if isinstance(deps, dict) else deps
    if not info.startswith(os.path.join(sys.prefix, "")) or not isinstance(words, list):
        return False
    names = {_normalize_name(re.split(r"[^A-Za-z0-9._-]", str(word), maxsplit=1)[0]) for word in words}
    return _normalize_name(os.path.basename(info).split("-")[0]) in names or _installed_from(info) in words


def _normalize_name(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_json(path):
    import json

    try:
        found = json.loads(_read_content(path).decode("utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_TESTS = re.compile(r"(^|\.)(tests?|test_\w+|\w+_tests?|conftest)(\.|$)")
_INSTALLED_stripped = re.compile(r"(^|\.)(tests|test_\w+)(\.|$)")


def find_stripped_asserts(project):
    """Return ``file:line`` of the first assert statement of each loaded module of tests that pytest did not rewrite."""
    found = []
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: str(item[0])):
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(name, str) or not isinstance(path, str) or not path.endswith(".py") or _is_rewritten(module):
            continue
        line = _first_assert_line(path) if _is_of_tests(name, path, project) else 0
        if line:
            found.append("%s:%d" % (_relative_path(path, project), line))
    return found


def _is_rewritten(module):
    return type(getattr(module, "__loader__", None)).__name__ == "AssertionRewritingHook"


def _is_of_tests(name, path, project):
    full = os.path.abspath(path)
    if "site-packages" in full or "dist-packages" in full:
        return _INSTALLED_stripped.search(name) is not None
    if not project or not full.startswith(os.path.join(project, "")):
        return False
    return _TESTS.search(_relative_path(full[:-3], project).replace(os.sep, ".")) is not None


def _relative_path(path, project):
    full = os.path.abspath(path)
    inside = project and full.startswith(os.path.join(project, ""))
    return full[len(project) + 1 :] if inside else full


def _first_assert_line(path):
    import ast

    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return 0
    return min((node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)), default=0)
