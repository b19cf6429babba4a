#!/usr/bin/env python3
"""Measure how the package reads, and compare the figures with the limits in tools/house.toml.

    python tools/house.py            # prints a markdown table, and the imports inside functions
    python tools/house.py --check    # exits with 1, and names the places, when a limit is exceeded
    python tools/house.py --write    # puts the table into docs/design.md

The sources are read as text and never imported. Definitions:

- A module is a Python file of the package. Payload directories are left out: they run in other interpreters.
- A one-word name has no underscore after its leading ones. Functions of modules and methods count, special methods do
  not.
- A binding is an assigned name, a parameter, or a target of for, with, except, match, a comprehension or a walrus.
- An import inside a function counts unless its package is in ``lazy_packages``, which may be imported late.
- A circle is a strongly connected component of the graph of module-level imports without those for TYPE_CHECKING.
- The spine of `run` holds the modules reached from the function ``entry`` by direct calls of imported functions and
  classes, at most ``depth`` steps from module to module. Calls within a module are free; methods of values are not
  followed.
- The path of `run` holds all modules that the entry's module imports at module level, directly or not; and, as a second
  figure, also by imports inside functions.
- The length of a function includes neither its decorators nor its docstring. Functions that click calls may have any
  number of parameters: one for each option.
"""

from __future__ import annotations

import ast
import statistics
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = ROOT / "tools" / "house.toml"
PAGE = ROOT / "docs" / "design.md"
BEGIN, END = "<!-- tools/house.py --write -->", "<!-- end -->"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """A line of a module, and the reason why it is shown."""

    module: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Module:
    """A source file of the package, parsed."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Return the number of lines of the file."""
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> dict[str, Function | ast.ClassDef]:
        """Return the functions and classes at module level by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, Function | ast.ClassDef)}

    def resolve_origin(self, node: ast.ImportFrom) -> str:
        """Return the absolute name of the module that a from-import names."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        base = parts if self.path.name == "__init__.py" else parts[:-1]
        base = base[: len(base) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class House:
    """All modules of a package by name, and the settings of tools/house.toml."""

    modules: dict[str, Module]
    settings: dict[str, object] = field(default_factory=dict)

    def iterate_functions(self) -> Iterator[tuple[Module, Function]]:
        """Yield each function and method with its module, nested functions included."""
        for module in self.modules.values():
            for node in ast.walk(module.tree):
                if isinstance(node, Function):
                    yield module, node


def load_house(package: Path, settings: dict[str, object]) -> House:
    """Return the modules below a package directory, without its payloads."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package.parent)
        if "payload" in relative.parts:
            continue
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name=name, path=path, text=text, tree=ast.parse(text))
    return House(modules=modules, settings=settings)


def list_one_word_names(house: House) -> tuple[list[Place], int]:
    """Return the functions whose name is one word, and the number of all functions of modules and classes."""
    places, total = [], 0
    for module in house.modules.values():
        owners: list[ast.Module | ast.ClassDef] = [module.tree]
        owners += [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
        for node in (node for owner in owners for node in owner.body if isinstance(node, Function)):
            if node.name.startswith("__") and node.name.endswith("__"):
                continue
            total += 1
            if "_" not in node.name.lstrip("_"):
                places.append(Place(module.name, node.lineno, node.name))
    return places, total


def iterate_bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each bound name of a syntax tree with its line; imports bind nothing here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno


def list_banned_bindings(house: House) -> tuple[list[Place], int]:
    """Return the bindings with a banned name, and the number of all bindings."""
    banned, places, total = set(_list_texts(house, "banned")), [], 0
    for module in house.modules.values():
        for name, line in iterate_bindings(module.tree):
            total += 1
            if name in banned:
                places.append(Place(module.name, line, name))
    return places, total


def list_late_imports(house: House) -> list[Place]:
    """Return the imports inside functions of everything but the packages that may be imported late."""
    free, places = set(_list_texts(house, "lazy_packages")), []
    for module, function in house.iterate_functions():
        for node in _walk_body(function):
            if isinstance(node, ast.ImportFrom):
                names = [module.resolve_origin(node)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            places += [Place(module.name, node.lineno, name) for name in names if name.partition(".")[0] not in free]
    return sorted(places, key=lambda place: (place.module, place.line))


def _walk_body(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions inside of it, which are visited for themselves."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, Function):
            pending += ast.iter_child_nodes(node)


def iterate_imports(house: House, module: Module, *, late: bool = False) -> Iterator[str]:
    """Yield the modules of the package that a module imports when it is loaded; with ``late`` also inside functions."""
    for node in _walk_loaded(module.tree.body, late):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in house.modules)
        elif isinstance(node, ast.ImportFrom):
            origin = module.resolve_origin(node)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                if inner in house.modules:
                    yield inner
                elif origin in house.modules:
                    yield origin


def _walk_loaded(body: Iterable[ast.stmt], late: bool) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is loaded; with ``late`` also those of its functions."""
    for node in body:
        if isinstance(node, Function) and not late:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _walk_loaded(node.orelse, late)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _walk_loaded(getattr(node, name, ()), late)
        for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _walk_loaded(handler.body, late)


def build_import_graph(house: House, *, late: bool = False) -> dict[str, set[str]]:
    """Return for each module the modules that it imports at module level; with ``late`` also inside functions."""
    return {name: set(iterate_imports(house, module, late=late)) - {name} for name, module in house.modules.items()}


def list_circles(graph: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Return the groups of modules that import each other, directly or not."""
    reached = {name: reach_modules(graph, name) for name in graph}
    circles = {
        tuple(sorted({name, *(other for other in reached[name] if name in reached[other])}))
        for name in graph
        if any(name in reached[other] for other in graph[name])
    }
    return sorted(circles)


def reach_modules(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return the modules that ``start`` imports, directly or not; itself only where there is a circle."""
    reached: set[str] = set()
    pending = [start]
    while pending:
        for name in graph[pending.pop()] - reached:
            reached.add(name)
            pending.append(name)
    return reached


def trace_spine(house: House, entry: str, depth: int) -> set[str]:
    """Return the modules reached from the function ``module:name`` by direct calls."""
    module, _, name = entry.partition(":")
    level = {(module, name)}
    visited: set[tuple[str, str]] = set()
    for _ in range(depth + 1):
        level = _close_in_module(house, level - visited)
        visited |= level
        level = {call for caller in level for call in _list_calls(house, *caller) if call[0] != caller[0]}
    return {module for module, _ in visited}


def _close_in_module(house: House, functions: set[tuple[str, str]]) -> set[tuple[str, str]]:
    closed, pending = set(functions), list(functions)
    while pending:
        caller = pending.pop()
        inner = {call for call in _list_calls(house, *caller) if call[0] == caller[0]} - closed
        closed |= inner
        pending += inner
    return closed


def _list_calls(house: House, module_name: str, function_name: str) -> set[tuple[str, str]]:
    """Return the functions and classes of the package that one function or class uses by name in a call."""
    module = house.modules[module_name]
    node = module.functions.get(function_name)
    if node is None:
        return set()
    imported = {**_read_imported_names(house, module, module.tree), **_read_imported_names(house, module, node)}
    calls = set()
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        # a function that is handed over to be called counts as called
        for used in (call.func, *call.args, *(keyword.value for keyword in call.keywords)):
            if target := _resolve_use(house, module, imported, used):
                calls.add(target)
    return calls


def _resolve_use(
    house: House, module: Module, imported: dict[str, tuple[str, str]], used: ast.expr
) -> tuple[str, str] | None:
    if isinstance(used, ast.Name):
        target = imported.get(used.id, (module.name, used.id))
    elif isinstance(used, ast.Attribute) and isinstance(used.value, ast.Name) and used.value.id in imported:
        origin, inner = imported[used.value.id]
        target = (origin, used.attr) if not inner else (origin, inner)
    else:
        return None
    return target if target[1] in house.modules[target[0]].functions else None


def _read_imported_names(house: House, module: Module, node: ast.AST) -> dict[str, tuple[str, str]]:
    """Return what each imported name means: a module and a name in it, the name empty for the module itself."""
    names = {}
    for inner in ast.walk(node):
        if not isinstance(inner, ast.ImportFrom):
            continue
        origin = module.resolve_origin(inner)
        for alias in inner.names:
            if f"{origin}.{alias.name}" in house.modules:
                names[alias.asname or alias.name] = (f"{origin}.{alias.name}", "")
            elif origin in house.modules:
                names[alias.asname or alias.name] = (origin, alias.name)
    return names


def count_parameters(function: Function) -> int:
    """Return the number of parameters without self and cls."""
    arguments = function.args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    extra = sum(item is not None for item in (arguments.vararg, arguments.kwarg))
    return len(names) - (names[:1] in (["self"], ["cls"])) + extra


def measure_length(function: Function) -> int:
    """Return the number of lines of a function, its docstring and decorators left out."""
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    written = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - written


def is_command(function: Function) -> bool:
    """Tell whether click calls the function: it has a parameter for each option."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


@dataclass(frozen=True)
class Figures:
    """All figures of a house, with the places behind those that have a limit."""

    house: House
    one_word: list[Place]
    functions: int
    banned: list[Place]
    bindings: int
    late: list[Place]
    circles: list[tuple[str, ...]]
    spine: set[str]
    path: set[str]
    late_path: set[str]

    @property
    def one_word_percent(self) -> float:
        """Return the share of one-word names."""
        return 100 * len(self.one_word) / max(1, self.functions)

    @property
    def banned_percent(self) -> float:
        """Return the share of banned bindings."""
        return 100 * len(self.banned) / max(1, self.bindings)


def measure_house(house: House) -> Figures:
    """Return all figures of a house."""
    one_word, functions = list_one_word_names(house)
    banned, bindings = list_banned_bindings(house)
    graph = build_import_graph(house)
    entry, depth = str(house.settings["entry"]), int(str(house.settings["depth"]))
    module = entry.partition(":")[0]
    return Figures(
        house=house,
        one_word=one_word,
        functions=functions,
        banned=banned,
        bindings=bindings,
        late=list_late_imports(house),
        circles=list_circles(graph),
        spine=trace_spine(house, entry, depth),
        path={module} | reach_modules(graph, module),
        late_path={module} | reach_modules(build_import_graph(house, late=True), module),
    )


def render_table(figures: Figures) -> str:
    """Return the figures as a markdown table."""
    modules = figures.house.modules.values()
    longest = max(modules, key=lambda module: module.lines)
    functions = [(measure_length(node), module.name, node.name) for module, node in figures.house.iterate_functions()]
    length, owner, name = max(functions)
    banned = ", ".join(_list_texts(figures.house, "banned"))
    lazy = ", ".join(_list_texts(figures.house, "lazy_packages"))
    rows = [
        ("modules", f"{len(modules):,}"),
        ("lines", f"{sum(module.lines for module in modules):,}"),
        ("module: median, longest", f"{_find_median(m.lines for m in modules)}, {longest.lines} ({longest.name})"),
        ("function: median, longest", f"{_find_median(item[0] for item in functions)}, {length} ({owner}.{name})"),
        ("functions with a one-word name", f"{figures.one_word_percent:.0f} % of {figures.functions:,}"),
        (f"bindings called {banned}", f"{len(figures.banned)} ({figures.banned_percent:.1f} %)"),
        (f"imports inside functions (not of {lazy})", str(len(figures.late))),
        ("circles of files", str(len(figures.circles))),
        ("files on the spine of `run`", str(len(figures.spine))),
        ("files on its path, also by imports inside functions", f"{len(figures.path)}, {len(figures.late_path)}"),
    ]
    return "\n".join(["| figure | value |", "| --- | --- |", *(f"| {label} | {value} |" for label, value in rows)])


def list_excesses(figures: Figures) -> list[str]:
    """Return a sentence for each limit that is exceeded, followed by the places."""
    limits = figures.house.settings["limits"]
    assert isinstance(limits, dict)
    long = [
        Place(module.name, node.lineno, f"{node.name} has {size} lines")
        for module, node in figures.house.iterate_functions()
        if (size := measure_length(node)) > limits["function_lines"]
    ]
    wide = [
        Place(module.name, node.lineno, f"{node.name} has {count} parameters")
        for module, node in figures.house.iterate_functions()
        if (count := count_parameters(node)) > limits["parameters"] and not is_command(node)
    ]
    measured: list[tuple[str, float, float, Iterable[object]]] = [
        ("modules", len(figures.house.modules), limits["modules"], ()),
        ("% of one-word names", figures.one_word_percent, limits["one_word_percent"], figures.one_word),
        ("banned bindings", len(figures.banned), limits["banned"], figures.banned),
        ("circles of files", len(figures.circles), limits["circles"], map(" <-> ".join, figures.circles)),
        ("functions that are too long", len(long), limits["long_functions"], long),
        ("functions with too many parameters", len(wide), limits["wide_functions"], wide),
    ]
    excesses = []
    for label, value, limit, places in measured:
        if value > limit:
            excesses += [f"{value:g} {label}, allowed are {limit:g}:", *(f"  {place}" for place in places)]
    return excesses


def _find_median(values: Iterable[int]) -> int:
    return round(statistics.median(values))


def _list_texts(house: House, key: str) -> list[str]:
    value = house.settings[key]
    assert isinstance(value, list)
    return [str(item) for item in value]


def read_settings() -> dict[str, object]:
    """Return the content of tools/house.toml."""
    return tomllib.loads(LIMITS.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> int:
    """Print the table, check the limits or write the table; return the exit code."""
    figures = measure_house(load_house(ROOT / "envmatrix", read_settings()))
    if arguments == ["--check"]:
        excesses = list_excesses(figures)
        print("\n".join(excesses) or "tools/house.toml: all limits are kept")
        return 1 if excesses else 0
    if arguments == ["--write"]:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{render_table(figures)}\n\n{END}{after}", encoding="utf-8")
        return 0
    if arguments:
        print("usage: house.py [--check | --write]", file=sys.stderr)
        return 2
    print(render_table(figures))
    print("\nImports inside functions:\n", *(f"- {place}" for place in figures.late), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
