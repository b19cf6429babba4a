"""What pytest leaves out of a collection without a word: folders, and classes with a constructor.

PYTEST_DONT_REWRITE
"""

import os

_NO_TESTS_IN = ("build", "dist", "node_modules", "venv", "__pycache__")


def is_left_out(path):
    """Tell whether a folder is one that is left out on purpose, and not one that pytest never looks into."""
    name = os.path.basename(path)
    usual = name.startswith(".") or name.endswith(".egg") or name in _NO_TESTS_IN
    return os.path.isdir(path) and not usual and not os.path.isfile(os.path.join(path, "pyvenv.cfg"))


def has_tests(folder, globs):
    """Tell whether a file below a folder is named like one with tests; large folders are not looked at to their end."""
    from fnmatch import fnmatch
    from itertools import islice

    names = (name for _, _, names in islice(os.walk(folder), 500) for name in names if name.endswith(".py"))
    return any(fnmatch(name, glob) for name in names for glob in globs)


def made_by(cls):
    """Return the name of the constructor for which pytest leaves a class out, "" where it has none."""
    for name in ("__init__", "__new__"):
        if getattr(cls, name, None) not in (None, getattr(object, name)) and getattr(cls, "__test__", True):
            return name
    return ""


def tests_of(collector):
    result = [name for name in dir(collector.obj) if collector.funcnamefilter(name)]
    return [name for name in result if callable(getattr(collector.obj, name, None))]
