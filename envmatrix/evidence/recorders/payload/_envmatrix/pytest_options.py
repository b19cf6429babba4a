"""What was asked of a pytest run, and what of earlier runs narrowed it.

PYTEST_DONT_REWRITE
"""

import os
import time

_OPTIONS = (
    ("keyword", ""),
    ("markexpr", ""),
    ("lf", False),
    ("stepwise", False),
    ("deselect", None),
    ("ignore", None),
    ("ignore_glob", None),
    ("collectonly", False),
    ("maxfail", 0),
    ("pyargs", False),
    ("dist", "no"),
    ("numprocesses", None),
)


def read_facts(config):
    """Return what was asked of this run, for whoever judges whether that was the whole suite."""
    params = getattr(config, "invocation_params", None)
    addopts = os.environ.get("PYTEST_ADDOPTS", "")
    options = {}
    for name, usual in _OPTIONS:
        value = config.getoption(name, usual)
        if value not in (usual, None, [], ()):
            options[name] = value if isinstance(value, (bool, int)) else str(value)
    source = getattr(config, "args_source", None)
    return {
        "args": [str(arg) for arg in params.args] if params is not None else [],
        "addopts": addopts,
        "paths": [str(arg) for arg in config.args] if getattr(source, "name", "ARGS") == "ARGS" else [],
        "options": options,
        "narrowed": _describe_narrowing(config),
        "at": time.time(),
    }


def _describe_narrowing(config):
    """Return what narrowed the run by the state that earlier runs left."""
    options = (("lf", "--lf"), ("stepwise", "--stepwise"))
    return ", ".join(flag for option, flag in options if config.getoption(option, False))
