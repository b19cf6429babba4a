"""The measurements of tools/house.py: what they count, and that the package keeps the limits that only fall."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "house.py"
SETTINGS = {
    "entry": "package.entry:handle_run",
    "depth": 1,
    "banned": ["found", "told"],
    "lazy_packages": ["rich"],
    "limits": {
        "modules": 9,
        "one_word_percent": 50,
        "banned": 0,
        "circles": 0,
        "function_lines": 3,
        "long_functions": 0,
        "parameters": 2,
        "wide_functions": 0,
    },
}


@pytest.fixture(scope="module")
def house():
    spec = importlib.util.spec_from_file_location("house", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up the module of their annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measure(house, tmp_path):
    """``measure(entry="…")``: the figures of a package of these modules."""

    def run(**modules):
        package = tmp_path / "package"
        package.mkdir()
        for name, text in {"__init__": "", "entry": "def handle_run(): pass\n", **modules}.items():
            (package / f"{name}.py").write_text(text)
        return house.measure_house(house.load_house(package, SETTINGS))

    return run


def test_the_package_keeps_its_limits_for_names_and_circles(house):
    settings = house.read_settings()
    modules = house.load_house(TOOL.parents[1] / "envmatrix", settings)
    places, bindings = house.list_banned_bindings(modules)
    assert bindings > len(places)
    assert len(places) <= settings["limits"]["banned"], "choose words that say what the value is"
    assert house.list_circles(house.build_import_graph(modules)) == []


def test_all_kinds_of_bindings_count(measure):
    code = """
        found: int = 1
        def f(found, *told, a=lambda found: 1, **other):
            for told, _ in []: pass
            with a as found: (told := 1)
            try: [found for found in []]
            except OSError as told: pass
            match a:
                case {"x": found}: pass
        from x import found
        print(found, told)
        """
    figures = measure(code="\n".join(line[8:] for line in code.splitlines()))
    assert [place.text for place in figures.banned].count("found") == 6
    assert [place.text for place in figures.banned].count("told") == 4
    assert figures.bindings == 13


def test_one_word_names_are_those_without_an_inner_underscore(measure):
    methods = (
        "    def __init__(self): pass\n    def _one(self): pass\n    def two_words(self):\n        def in_it(): pass\n"
    )
    figures = measure(code=f"class A:\n{methods}")
    assert [place.text for place in figures.one_word] == ["_one"]
    assert figures.functions == 3


def test_a_circle_is_one_of_imports_that_happen_on_loading(measure):
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import a\n"
    figures = measure(
        a="from package import b, c, d\n",
        b="from package.c import x\n",
        c="try:\n    import package.a\nexcept ImportError: pass\n",
        d=f"{typing}def f():\n    from . import a\n    import rich.table, json\n",
    )
    assert figures.circles == [("package.a", "package.b", "package.c")]
    assert [place.text for place in figures.late] == ["package", "json"]


def test_the_spine_follows_calls_and_the_path_imports(measure):
    figures = measure(
        entry="from package import near, unused\ndef handle_run(): inner()\ndef inner(): near.step()\n",
        near="def step():\n    from package.far import go\n    go()\ndef other(): pass\n",
        far="def go(): pass\n",
        unused="",
    )
    assert figures.spine == {"package.entry", "package.near"}
    assert figures.path == {"package.entry", "package.near", "package.unused"}
    assert figures.late_path == figures.path | {"package.far"}


def test_what_exceeds_a_limit_is_named_with_its_place(house, measure):
    figures = measure(code='def do_it(found, b, c):\n    """Explain\n\n    it."""\n    x = 1\n    y = 2\n    z = 3\n')
    assert house.list_excesses(figures) == [
        "1 banned bindings, allowed are 0:",
        "  package.code:1: found",
        "1 functions that are too long, allowed are 0:",
        "  package.code:1: do_it has 4 lines",
        "1 functions with too many parameters, allowed are 0:",
        "  package.code:1: do_it has 3 parameters",
    ]
    assert "| modules | 3 |" in house.render_table(figures)
