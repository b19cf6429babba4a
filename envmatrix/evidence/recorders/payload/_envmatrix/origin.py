"""Modules that come from neither the environment, the standard library nor the project.

PYTEST_DONT_REWRITE
"""

import os
import sys


def outside(project):
    """Return ``(module, file)`` for every top-most loaded module from elsewhere, sorted.

    A submodule is left out where its package is in the list already. Files below the folder for temporary files are
    what tests write themselves and are no finding.
    """
    homes, stdlib = _homes(project), _stdlib()
    found = {}
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: str(item[0])):
        path = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
        if not isinstance(name, str) or not isinstance(path, str) or not os.path.isabs(path):
            continue
        parent = name.rpartition(".")[0]
        if name == "__main__" or (parent and parent in found):
            if parent:
                found.setdefault(name, None)
            continue
        if not _allowed(path, homes, stdlib):
            found[name] = path
    return sorted((name, path) for name, path in found.items() if path)


def _homes(project):
    import tempfile

    places = [sys.prefix, sys.exec_prefix, project, os.path.dirname(os.path.abspath(__file__)), tempfile.gettempdir()]
    return _roots(places)


def _stdlib():
    import sysconfig

    names = ("stdlib", "platstdlib")
    return _roots([sysconfig.get_paths().get(name) for name in names] + [os.path.dirname(os.__file__)])


def _roots(places):
    roots = set()
    for place in places:
        if place:
            roots.add(os.path.join(os.path.abspath(place), ""))
            roots.add(os.path.join(os.path.realpath(place), ""))
    return tuple(roots)


def _allowed(path, homes, stdlib):
    for form in (os.path.abspath(path), os.path.realpath(path)):
        if form.startswith(homes):
            return True
        if form.startswith(stdlib):
            inner = form.replace(os.sep, "/")
            return "/site-packages/" not in inner and "/dist-packages/" not in inner
    return False
