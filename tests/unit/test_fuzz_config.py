"""Whatever is in a profile file, the loader answers with profiles or with ConfigError."""

import contextlib
import datetime
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envmatrix.config.load import load
from envmatrix.config.matrix import digest
from envmatrix.config.model import Project
from envmatrix.config.schema import CapabilityTable, ProfileFile
from envmatrix.config.select import UnknownNameError, select
from envmatrix.config.tox.keys import known
from envmatrix.errors import ConfigError

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.sampled_from(
    ["3.11", "py311", "mysql", "libvirt>=9", "tox:py311-mysql", "full", "fuzz", "append", "python", "-", "{mysql.url}"]
)
TEXT = st.one_of(WORDS, st.text(max_size=12))
SCALARS = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.just(datetime.date(2027, 3, 1)),
)
KEYS = st.one_of(
    st.sampled_from(sorted(field.name for field in msgspec.structs.fields(ProfileFile))),
    st.sampled_from(sorted(field.name for field in msgspec.structs.fields(CapabilityTable))),
    st.sampled_from(sorted(known())),
    TEXT,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "extends": st.one_of(TEXT, st.lists(TEXT, max_size=3)),
        "requires": st.lists(TEXT, max_size=3),
        "services": st.lists(TEXT, max_size=2),
        "axes": st.dictionaries(TEXT, st.lists(TEXT, max_size=4), max_size=4),
        "exclude": st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=3),
        "include": st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=3),
        "env": st.dictionaries(KEYS, VALUES, max_size=4),
        "service_env": st.dictionaries(TEXT, TEXT, max_size=3),
        "skips": st.lists(st.dictionaries(st.sampled_from(["match", "owner", "expires"]), SCALARS), max_size=2),
        "gate": st.dictionaries(st.sampled_from(["required", "min_tests", "expect"]), VALUES),
        "timeout_s": st.one_of(st.floats(), st.integers()),
    },
)
DOCUMENTS = st.one_of(st.dictionaries(KEYS, VALUES, max_size=5), LIKELY)


def as_toml(value):
    """Write a value as TOML: inline all the way down, which is valid and needs no table headers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)


def answer(profile=b"", capabilities=None, tox=None, names=()):
    """Load a project of these files; anything but an answer or a known error goes through."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "profiles").mkdir()
        (root / "profiles" / "fuzz.toml").write_bytes(profile)
        if capabilities is not None:
            (root / "profiles" / "capabilities.toml").write_bytes(capabilities)
        if tox is not None:
            (root / tox[0]).write_bytes(tox[1])
        project = Project(root=folder)
        with contextlib.suppress(ConfigError, UnknownNameError):
            loaded = load(project)
            selection = select(loaded, names or ["fuzz"])
            assert selection.cells
            assert digest(project, selection.profiles.values(), selection.cells).startswith("sha256:")


def document(data):
    return "".join(f"{as_toml(key)} = {as_toml(value)}\n" for key, value in data.items()).encode("utf-8", "replace")


@FUZZ
@given(DOCUMENTS)
def test_any_document_as_a_profile(data):
    answer(document(data))


@FUZZ
@given(st.dictionaries(TEXT, st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=5)), max_size=3))
def test_any_document_as_capabilities(data):
    answer(capabilities=document(data))


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes(content):
    answer(content, content)


@FUZZ
@given(st.sampled_from(["tox.ini", "tox.toml", "pyproject.toml", "setup.cfg"]), st.one_of(st.binary(), st.text()))
def test_any_tox_file(name, content):
    answer(tox=(name, content if isinstance(content, bytes) else content.encode("utf-8", "replace")))


@FUZZ
@given(st.dictionaries(st.sampled_from(["env_list", "env", "env_base", "env_run_base"]), VALUES))
def test_any_tox_table(data):
    answer(tox=("tox.toml", document(data)))


@FUZZ
@given(st.text(max_size=30))
def test_any_name(name):
    answer(names=[name])


@pytest.mark.parametrize("value", [["x"] * 3, {"a": {"b": 1}}, 'quote " and \\', datetime.date(2027, 3, 1), -0.5])
def test_the_writer_of_this_test_writes_toml(value):
    import tomllib

    assert tomllib.loads(document({"key": value}).decode()) == {"key": value}
