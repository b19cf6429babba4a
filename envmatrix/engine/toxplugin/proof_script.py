"""Run by the environment's own python, from 3.7 on, in the folder and with the variables of the commands.

Reads a question (a JSON file) and writes an answer: who this python is, what the required modules import as, which
distributions are installed and which console scripts they declare.
"""

import json
import os
import sys


def _import_module(requested):
    import importlib

    answer = {
        "capability": requested["capability"],
        "module": requested["module"],
        "file": "",
        "version": "",
        "error": "",
    }
    try:
        module = importlib.import_module(requested["module"])
    except BaseException as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
        return answer
    answer["file"] = getattr(module, "__file__", None) or ""
    try:
        answer["version"] = _find_version(module, requested)
    except Exception as error:
        answer["error"] = "its version cannot be told: %s: %s" % (type(error).__name__, error)
    return answer


def _find_version(module, requested):
    value = None
    if requested["version"]:
        value = eval(
            requested["version"], {requested["module"].split(".")[0]: sys.modules[requested["module"].split(".")[0]]}
        )
    if value is None and requested["distribution"]:
        named = {_canonical_name(item["name"]): item["version"] for item in _list_distributions()}
        if _canonical_name(requested["distribution"]) not in named:
            raise LookupError("no distribution is called %r" % requested["distribution"])
        value = named[_canonical_name(requested["distribution"])]
    if value is None:
        value = getattr(module, "__version__", "")
    if isinstance(value, int) and value >= 1000000:  # libvirt counts 9.1.2 as 9001002
        value = "%d.%d.%d" % (value // 1000000, value // 1000 % 1000, value % 1000)
    if isinstance(value, tuple):
        value = ".".join(str(part) for part in value)
    return str(value)


def _list_distributions(project=""):
    """Return what is installed, the first on sys.path of each name, which is the one that imports.

    What a build left in the project's own folder (NAME.egg-info) comes last: it is not installed there.

    Read as the core metadata specification says; importlib.metadata would do it too, in several times the time that
    this python takes to start, and is not there in 3.7.
    """
    seen, matches = set(), []
    for folder in sorted(sys.path, key=lambda folder: _is_of_project(folder, project)):
        try:
            entries = sorted(os.listdir(folder or "."))
        except OSError:
            continue  # a zip file, or a folder that is not there
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")) or entry == "EGG-INFO":
                place = os.path.join(folder or ".", entry)
                fields = _parse_fields(
                    _read_text(place, "METADATA") or _read_text(place, "PKG-INFO") or _read_text(place)
                )
                name = fields.get("name", "")
                if name and _canonical_name(name) not in seen:
                    seen.add(_canonical_name(name))
                    matches.append({"name": name, "version": fields.get("version", ""), "place": place})
    return matches


def _read_text(*parts):
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def _parse_fields(text):
    fields = {}
    for line in text.splitlines():
        if not line.strip():
            break  # the description follows
        key, colon, value = line.partition(":")
        if colon and key.lower() in ("name", "version"):
            fields.setdefault(key.lower(), value.strip())
    return fields


def _canonical_name(name):
    return name.lower().replace("_", "-").replace(".", "-")


def _find_scripts(distributions, names):
    """Return the console scripts called ``names`` with the functions that they call."""
    scripts = {}
    for distribution in distributions if names else ():
        section = ""
        for line in _read_text(distribution["place"], "entry_points.txt").splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[] ")
            name, equals, value = (part.strip() for part in line.partition("="))
            if section == "console_scripts" and equals and name in names:
                scripts.setdefault(name, value)
    return scripts


def _find_owner(distribution, project):
    """Return whose it is; the project's own folder is nothing of the system's, whatever its builds leave in it."""
    place = os.path.dirname(distribution["place"])
    return "env" if _is_below(place, sys.prefix) or _is_of_project(place, project) else "system"


def _is_of_project(folder, project):
    return bool(project) and _is_below(folder, project) and not _is_below(folder, sys.prefix)


def _is_below(folder, parent):
    place, above = os.path.realpath(folder or "."), os.path.realpath(parent)
    return place == above or place.startswith(above + os.sep)


def main(question, answer):
    """Answer the question in one file in another; an import that kills the process leaves what was known before it."""
    with open(question) as handle:
        requested = json.load(handle)
    project = requested.get("project", "")
    distributions = _list_distributions(project)
    result = {
        "executable": sys.executable,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "scripts": _find_scripts(distributions, requested["scripts"]),
        "distributions": [
            [element["name"], element["version"], _find_owner(element, project)] for element in distributions
        ],
        "system": sorted(
            {
                os.path.dirname(distribution_value["place"])
                for distribution_value in distributions
                if _find_owner(distribution_value, project) == "system"
            }
        ),
        "modules": [],
    }
    with open(answer, "w") as handle:  # an import that kills the process leaves at least this
        json.dump(result, handle)
    for module in requested["modules"]:
        result["modules"].append(_import_module(module))
        with open(answer + ".part", "w") as handle:
            json.dump(result, handle)
        os.replace(answer + ".part", answer)
