"""What a project's tests say of the hosts that they need, read from their source: nothing of them is imported."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

MOST_FILES = 5000
MOST_BYTES = 1_000_000
_LEFT_OUT = {"node_modules", "build", "dist", "site-packages", "__pycache__", "venv"}
_TEST_FILE = re.compile(r"(?:test_.*|.*_tests?|tests?|conftest)\.py")
_SKIPS = {"skip", "skipIf", "skipUnless", "skipTest", "skipif", "SkipTest", "skipException", "skip_test"}
_CONDITIONAL = {"skipIf", "skipUnless"}


class Skip(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place where tests skip. ``pattern`` is a glob of the test ids that it is about, "" where that is not known."""

    file: str
    line: int
    reason: str
    pattern: str = ""


class Variable(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An environment variable that test code reads, and the words that the file has about servers."""

    file: str
    line: int
    name: str
    words: str = ""


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in all files of tests; ``imports`` are the names of modules that they import at the top."""

    skips: tuple[Skip, ...] = ()
    variables: tuple[Variable, ...] = ()
    imports: frozenset[str] = frozenset()


def read_suite(root: Path) -> Suite:
    """Return what the test files below ``root`` say; files that cannot be read or parsed are passed over."""
    skips: list[Skip] = []
    variables: list[Variable] = []
    imports: set[str] = set()
    for path in sorted(_walk_files(root)):
        try:
            text = path.read_text("utf-8", "replace") if path.stat().st_size <= MOST_BYTES else ""
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        reader = _Reader(str(path.relative_to(root)), path.stem, text)
        reader.visit(tree)
        skips += reader.skips
        variables += reader.variables
        imports |= reader.imports
    return Suite(skips=tuple(sorted(set(skips))), variables=tuple(sorted(set(variables))), imports=frozenset(imports))


def _walk_files(root: Path) -> Iterator[Path]:
    result = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and not name.endswith(".egg-info")
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        inside = any(part in ("test", "tests") for part in Path(folder).relative_to(root).parts)
        for name in names:
            if name.endswith(".py") and (inside or _TEST_FILE.fullmatch(name)):
                yield Path(folder) / name
                result += 1
                if result >= MOST_FILES:
                    return


class _Reader(ast.NodeVisitor):
    """Walks one file and keeps where it is: the classes and functions around a call."""

    def __init__(self, file: str, stem: str, text: str) -> None:
        self._file, self._text = file, text.lower()
        self._module = "" if stem in ("conftest", "__init__", "base", "utils") else stem
        self._around: list[str] = []
        self.skips: list[Skip] = []
        self.variables: list[Variable] = []
        self.imports: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:
        """Note what is imported."""
        self.imports |= {name.name.partition(".")[0] for name in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note what is imported from."""
        if node.module and not node.level:
            self.imports.add(node.module.partition(".")[0])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Go through a class; what decorates it is about it."""
        self._visit_inside(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Go through a function; what decorates it is about it."""
        self._visit_inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Go through a coroutine."""
        self._visit_inside(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a skip, or an environment variable that is read."""
        name = _last_name(node.func)
        if name in _SKIPS:
            self._add_skip(node, _read_reason(node, 1 if name in _CONDITIONAL else 0))
        elif name == "importorskip" and (module := _read_text(node.args[0]) if node.args else ""):
            self._add_skip(node, f"could not import {module!r}: No module named {module!r}")
        elif name in ("getenv", "get") and node.args and (name == "getenv" or _last_name(node.func, 1) == "environ"):
            self._add_variable(node, node.args[0])
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Note ``os.environ["NAME"]``."""
        if _last_name(node.value) == "environ":
            self._add_variable(node, node.slice)
        self.generic_visit(node)

    def _visit_inside(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._around.append(node.name)
        self.generic_visit(node)
        self._around.pop()

    def _add_skip(self, node: ast.Call, reason: str) -> None:
        if reason:
            self.skips.append(Skip(file=self._file, line=node.lineno, reason=reason, pattern=self._make_pattern()))

    def _make_pattern(self) -> str:
        """Return a glob of the tests around this place; a helper's tests are known to nobody."""
        if not self._module:
            return ""
        named = []
        for name in self._around:
            if name.lower().startswith("test") or name.lower().endswith(("test", "tests", "testcase")):
                named.append(name)
            elif name not in ("setUp", "setUpClass", "setup_method", "asyncSetUp", "setup_class"):
                return ""
        return "*".join(("", self._module, *named, ""))

    def _add_variable(self, node: ast.expr, name: ast.expr) -> None:
        if text := _read_text(name):
            words = " ".join(
                word for word in ("mysql", "mariadb", "postgres", "redis", "memcache") if word in self._text
            )
            self.variables.append(Variable(file=self._file, line=node.lineno, name=text, words=words))


def _last_name(node: ast.expr, back: int = 0) -> str:
    """Return the last name of ``a.b.c``, with ``back`` the one before it."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return names[back] if len(names) > back else ""


def _read_reason(node: ast.Call, at: int) -> str:
    for keyword in node.keywords:
        if keyword.arg in ("reason", "msg"):
            return _read_text(keyword.value)
    return _read_text(node.args[at]) if len(node.args) > at else ""


def _read_text(node: ast.expr) -> str:
    """Return a text as far as it is written there; what is filled in later is left out."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_read_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _read_text(node.left) + (_read_text(node.right) if isinstance(node.op, ast.Add) else "")
    if isinstance(node, ast.Call) and _last_name(node.func) in ("_", "format") and node.args:
        return _read_text(node.func.value) if isinstance(node.func, ast.Attribute) else _read_text(node.args[0])
    return ""
