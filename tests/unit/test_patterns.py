import importlib
import pkgutil
import re
from collections.abc import Iterator

import envmatrix
from envmatrix.patterns import lazy


def test_it_behaves_as_the_pattern() -> None:
    pattern = lazy(r"(a+)b", re.IGNORECASE)
    assert pattern.sub("x", "AAb ab") == "x x"
    match = pattern.fullmatch("aab")
    assert match is not None
    assert match[1] == "aa"
    assert pattern.pattern == "(a+)b"
    assert pattern.groups == 1
    assert lazy(rb"\d").findall(b"1a2") == [b"1", b"2"]


def patterns() -> Iterator[tuple[str, object]]:
    for module in pkgutil.walk_packages(envmatrix.__path__, "envmatrix."):
        if "payload" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for one in [value, *(value if isinstance(value, tuple) else ())]:
                if type(one).__name__ == "_Lazy":
                    yield f"{module.name}.{name}", one


def test_every_pattern_of_the_package_can_be_compiled() -> None:
    found = dict(patterns())
    assert len(found) > 60
    for name, pattern in found.items():
        assert isinstance(pattern.pattern, str | bytes), name  # type: ignore[attr-defined]
