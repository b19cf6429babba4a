"""One id per test, the same in every cell and on every host.

pytest's ids are node ids relative to the project's root (``tests/test_a.py::TestB::test_c[param]``), unittest's and
subunit's are dotted (``tests.test_a.TestB.test_c``). Parameters are kept; only what is certain to differ from run to
run is folded: the project's folder, the environment's site-packages, folders for temporary files and addresses.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Final

TEMPORARY: Final = "<tmp>"
ADDRESS: Final = "0x…"

_SITE_PACKAGES = re.compile(r"^(?:[^\[\]:]*/)?(?:site|dist)-packages/")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+\b|\b0x(?:7[ef]|5[56])[0-9a-fA-F]{10}\b")
_PYTEST_TEMPORARY = re.compile(r"pytest-of-[^/\s]+/pytest-\d+")
_RANDOM_NAME = re.compile(
    r"(?:/private)?(?:/var)?/tmp/tmp[a-z0-9_]{8}\b|(?:/private)?/var/folders/\w\w/\w+/T/tmp\w{8}\b"
)
_HOLDER = re.compile(r"^(setUp|tearDown)(Class|Module) \(([^()]+)\)$")
_LOADER = re.compile(
    r"^(?:unittest|nose2)\.loader\.(?:_FailedTest|ModuleSkipped|ModuleImportFailure|LoadTestsFailure)\.(.+)$", re.DOTALL
)
_GROUP = re.compile(r"@[^\[\]@]+$")


def normalise(test_id: str, project: Path) -> str:
    """Return ``test_id`` without what differs from host to host or run to run; applying it twice changes nothing."""
    text = _text(test_id)
    for root in _roots(str(project)):
        text = text.replace(root, "")
    text = _SITE_PACKAGES.sub("", text)
    text = _RANDOM_NAME.sub(TEMPORARY, text)
    if "pytest-of-" in text:
        text = re.sub(rf"(?:{re.escape(_temporary())}/)?{_PYTEST_TEMPORARY.pattern}", TEMPORARY, text)
    return _ADDRESS.sub(lambda match: f"at {ADDRESS}" if match[0].startswith("at") else ADDRESS, text)


def from_pytest(nodeid: str, rootdir: str, project: Path, *, grouped: bool = False) -> str:
    """Return the normalised id of a pytest node, whose path counts from the project's root and not from ``rootdir``.

    ``grouped`` says that pytest-xdist ran with ``--dist loadgroup``, which writes ``@group`` behind the id.
    """
    if grouped:
        nodeid = _GROUP.sub("", nodeid)
    path, separator, rest = nodeid.partition("::")
    return normalise(f"{_relative(path, rootdir, str(project))}{separator}{rest}", project)


def place_of(nodeid: str, rootdir: str) -> str:
    """Return the path of a pytest node's file as it was named, with its root: different files may have one id."""
    return os.path.normpath(os.path.join(rootdir, nodeid.partition("::")[0]))  # noqa: PTH118 - for each test


def from_unittest(test_id: str, project: Path) -> tuple[str, bool]:
    """Return the normalised id of a unittest or subunit test, and whether it stands for a whole module or class.

    A failed import and a skipped module carry the module's name, a failed or skipped ``setUpClass`` the class's; what
    failed after a class's or module's tests keeps its own name beside them, since the tests themselves did run.
    """
    loader, holder = _LOADER.match(test_id), _HOLDER.match(test_id)
    if loader is not None:
        return normalise(loader[1], project), True
    if holder is not None and holder[1] == "setUp":
        return normalise(holder[3], project), True
    if holder is not None:
        return normalise(f"{holder[3]}.{holder[1]}{holder[2]}", project), False
    return normalise(test_id, project), False


def _text(text: str) -> str:
    """Return text that every encoder takes, on one line: lone surrogates and line ends are written out."""
    if text.isascii() and "\n" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n")


@cache
def _temporary() -> str:
    import tempfile

    return tempfile.gettempdir()


@cache
def _roots(project: str) -> tuple[str, ...]:
    forms = {project.rstrip("/"), str(Path(project).resolve())}
    return tuple(sorted((f"{form}/" for form in forms if form), key=len, reverse=True))


@cache
def _relative(path: str, rootdir: str, project: str) -> str:
    """Return a path that counts from pytest's root as one that counts from the project's."""
    if not rootdir or Path(path).is_absolute():
        return path
    root, top = Path(rootdir).resolve(), Path(project).resolve()
    return path if root == top else os.path.relpath(root / path, top)
