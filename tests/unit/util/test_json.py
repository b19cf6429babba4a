import sys
import threading
from typing import Any

import msgspec
import pytest

from envmatrix.util.json import convert, decode, schema


def kinds(number: int) -> list[Any]:
    """Types that were never looked at, each within the next: looking at the last means looking at all."""
    found: list[Any] = [msgspec.defstruct(f"S{number}", [("a", int)])]
    for depth in range(8):
        fields = [("inner", found[-1]), *((f"f{one}", dict[str, found[-1]], {}) for one in range(5))]
        found.append(msgspec.defstruct(f"S{number}x{depth}", fields))
    return found


def document(depth: int) -> bytes:
    return b'{"inner": ' * depth + b'{"a": 1}' + b"}" * depth


@pytest.mark.parametrize("number", range(10))
def test_threads_that_meet_a_type_at_the_same_moment_all_get_their_value(number: int) -> None:
    found, ready, values = kinds(number), threading.Barrier(6), []

    def work(which: int) -> None:
        ready.wait()
        values.append((which, decode(document(8 - which), found[8 - which])))

    threads = [threading.Thread(target=work, args=(which % 3,)) for which in range(6)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(values) == 6
    assert all(type(value) is found[8 - which] for which, value in values)


def test_what_is_of_another_shape_is_an_error_of_msgspec() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"a": "text"}', dict[str, int])
    with pytest.raises(msgspec.ValidationError):
        convert({"a": "text"}, dict[str, int])
    with pytest.raises(msgspec.DecodeError):
        decode(b"{", dict[str, int])


def test_a_schema_refers_to_its_own_definitions() -> None:
    assert schema(kinds(99)[1])["$ref"] == "#/$defs/S99x0"
