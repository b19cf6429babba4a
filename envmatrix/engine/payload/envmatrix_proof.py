"""Run by the environment's own python, from 3.7 on, in the folder and with the variables of the commands.

Reads a question (a JSON file) and writes an answer: who this python is, what the required modules import as, which
distributions are installed and which console scripts they declare.
"""

import json
import os
import sys


def _module(asked):
    import importlib

    answer = {"capability": asked["capability"], "module": asked["module"], "file": "", "version": "", "error": ""}
    try:
        module = importlib.import_module(asked["module"])
    except BaseException as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
        return answer
    answer["file"] = getattr(module, "__file__", None) or ""
    try:
        answer["version"] = _version(module, asked)
    except Exception as error:
        answer["error"] = "its version cannot be told: %s: %s" % (type(error).__name__, error)
    return answer


def _version(module, asked):
    value = None
    if asked["version"]:
        value = eval(asked["version"], {asked["module"].split(".")[0]: sys.modules[asked["module"].split(".")[0]]})
    if value is None and asked["distribution"]:
        value = _distributions()[1].version(asked["distribution"])
    if value is None:
        value = getattr(module, "__version__", "")
    if isinstance(value, int) and value >= 1000000:  # libvirt counts 9.1.2 as 9001002
        value = "%d.%d.%d" % (value // 1000000, value // 1000 % 1000, value % 1000)
    if isinstance(value, tuple):
        value = ".".join(str(part) for part in value)
    return str(value)


def _distributions():
    try:
        import importlib.metadata as metadata
    except ImportError:  # Python 3.7
        try:
            import importlib_metadata as metadata
        except ImportError:
            return [], None
    seen, found = set(), []
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if not name or name.lower() in seen:
            continue  # the first on sys.path is the one that imports
        seen.add(name.lower())
        found.append(distribution)
    return found, metadata


def _owner(distribution):
    place = os.path.realpath(str(distribution.locate_file("")))
    return "env" if place.startswith(os.path.realpath(sys.prefix) + os.sep) else "system"


def main(question, answer):
    """Answer the question in one file in another; an import that kills the process leaves what was known before it."""
    with open(question) as handle:
        asked = json.load(handle)
    distributions, _ = _distributions()
    scripts = {}
    for distribution in distributions:
        for entry in distribution.entry_points:
            if entry.group == "console_scripts" and entry.name in asked["scripts"]:
                scripts.setdefault(entry.name, entry.value)
    result = {
        "executable": sys.executable,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "scripts": scripts,
        "distributions": [[d.metadata["Name"], d.version, _owner(d)] for d in distributions],
        "modules": [],
    }
    with open(answer, "w") as handle:  # an import that kills the process leaves at least this
        json.dump(result, handle)
    for module in asked["modules"]:
        result["modules"].append(_module(module))
        with open(answer + ".part", "w") as handle:
            json.dump(result, handle)
        os.replace(answer + ".part", answer)
