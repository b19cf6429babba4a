"""Profiles are valid by their JSON Schema too, as an editor or check-jsonschema would see them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from envmatrix.config.load import BUILT_IN
from envmatrix.config.schema import schema

VALID = Path(__file__).parent / "valid"
INVALID = Path(__file__).parent / "invalid"


def check(tmp_path, *files):
    (tmp_path / "profile.json").write_text(json.dumps(schema("profile")))
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(tmp_path / "profile.json")]
    return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=60, check=False)


def test_the_schemas_are_schemas(tmp_path):
    files = []
    for name in ("profile", "capabilities"):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(schema(name)))
    command = [sys.executable, "-m", "check_jsonschema", "--check-metaschema", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_built_in_profiles_and_the_valid_ones_match_the_schema(tmp_path):
    # a byte order mark is more than check-jsonschema reads
    files = [*sorted(BUILT_IN.glob("*.toml")), *sorted(set(VALID.glob("*.toml")) - {VALID / "byte-order-mark.toml"})]
    assert len(files) > 8
    done = check(tmp_path, *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["unknown-key", "text-for-list", "skips-without-owner", "python-as-number"])
def test_an_editor_sees_what_the_loader_sees(tmp_path, name):
    assert check(tmp_path, INVALID / f"{name}.toml").returncode == 1
