"""Writes what the code knows of itself: docs/reference/*.md and man/envmatrix.1. Run it after changing a verb or a key.

``python docs/generate.py`` writes; a test holds the files against what this would write.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from envmatrix import __version__
from envmatrix.cli.main import VERBS, cli
from envmatrix.config import schema as config_schema
from envmatrix.errors import ExitCode
from envmatrix.report import FORMATS
from envmatrix.report.codes import BREACHES, REASONS
from envmatrix.report.schemas import SCHEMAS

ROOT = Path(__file__).parents[1]
HELP = ["-h", "--help"]
NOTE = "<!-- written by docs/generate.py -->\n\n"
EXIT_CODES = {
    ExitCode.PASSED: "passed: everything that was asked for ran, and was right",
    ExitCode.FAILED: "failed: something ran and was wrong",
    ExitCode.USAGE: "usage or configuration: nothing was run",
    ExitCode.INCOMPLETE: "incomplete: nothing was wrong, and something promised did not run",
    ExitCode.INTERNAL: "envmatrix itself failed, or could not keep the evidence",
    ExitCode.INTERRUPTED: "interrupted",
}


def files() -> dict[str, str]:
    """Return every generated file by its path in the repository."""
    return {
        "docs/reference/profile.md": NOTE + _profile(),
        "docs/reference/verbs.md": NOTE + _verbs(),
        "docs/reference/codes.md": NOTE + _codes(),
        "docs/reference/documents.md": NOTE + _documents(),
        "man/envmatrix.1": _man(),
    }


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words: verbs, and the commands of those that are groups."""
    context = click.Context(cli, info_name="envmatrix")
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        yield f"envmatrix {verb}", command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                one = command.get_command(context, name)
                assert one is not None
                yield f"envmatrix {verb} {name}", one


def _profile() -> str:
    text = (
        "# Profiles and capabilities\n\nOne TOML file a profile, `profiles/NAME.toml`; the name is that of the file.\n"
    )
    text += "Keys that are not listed here are errors. `envmatrix schema profile` prints the JSON Schema.\n"
    for name, title, wanted in (
        ("profile", "profiles/NAME.toml", ("ProfileFile", "RelevantTable", "GateTable", "SkipEntry", "FlakyEntry")),
        ("capabilities", "profiles/capabilities.toml, one table each", ("CapabilityTable",)),
    ):
        text += f"\n## {title}\n"
        definitions: Mapping[str, Any] = config_schema.schema(name)["$defs"]
        for struct in [*wanted, *sorted(set(definitions) - set(wanted))]:
            if struct not in definitions:
                continue
            table = definitions[struct]
            heading = {"RelevantTable": "[relevant]", "GateTable": "[gate]", "SkipEntry": "[[skips]]"}
            heading |= {"FlakyEntry": "[[flaky]]"}
            if struct in heading:
                text += f"\n### {heading[struct]}\n\n{table.get('description', '').splitlines()[0]}\n"
            text += "\n| key | type | default | |\n| --- | --- | --- | --- |\n"
            for key, value in table["properties"].items():
                needed = "required" if key in table.get("required", ()) else f"`{_default(value)}`"
                text += f"| `{key}` | {_type(value)} | {needed} | {value.get('description', '')} |\n"
    return text


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, (dict, tuple, list)):
        return "{}" if isinstance(default, dict) else "[]"
    return "none" if default is None else f'"{default}"' if isinstance(default, str) else str(default)


def _type(value: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(one) for one in value["anyOf"]))
    if "enum" in value:
        return " or ".join(f'`"{one}"`' for one in value["enum"])
    if "$ref" in value:
        return "table"
    kind = value.get("type", "value")
    if value.get("format") == "date":
        return "date"
    if kind == "array":
        return "list" if "$ref" not in str(value.get("items")) else "tables"
    return {"string": "text", "object": "table", "number": "number", "integer": "number"}.get(kind, kind)


def _verbs() -> str:
    text = "# Verbs\n\n" + _block(_help("envmatrix", cli))
    for words, command in commands():
        text += f"\n## {words}\n\n" + _block(_help(words, command))
    text += "\n## Formats of reports\n\n" + ", ".join(f"`{name}`" for name in FORMATS) + ".\n"
    return text


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _help(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=words, terminal_width=100, help_option_names=HELP)
    return command.get_help(context).rstrip()


def _codes() -> str:
    text = "# Exit codes, breaches and reasons\n\n## Exit codes\n\n| code | |\n| --- | --- |\n"
    text += "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    text += "\n## Breaches\n\nA breach is a promise of a profile that was not kept. A cell with one does not pass.\n\n"
    text += "| code | |\n| --- | --- |\n" + "".join(
        f"| `{code}` | {told} |\n" for code, told in sorted(BREACHES.items())
    )
    text += "\n## Reasons\n\nWhy a cell is blocked, owed, stale, inconclusive or failed.\n\n| code | |\n| --- | --- |\n"
    return text + "".join(f"| `{code}` | {told} |\n" for code, told in sorted(REASONS.items()))


def _documents() -> str:
    text = "# JSON documents\n\nWith `--json` a verb prints one document on stdout and nothing else there. Each\n"
    text += "names its schema; keys are only ever added. `envmatrix schema NAME` prints the JSON Schema.\n"
    for name, maker in sorted(SCHEMAS.items()):
        text += f"\n## {name}\n"
        document = maker()
        for struct, table in _tables(document):
            text += f"\n{struct}:\n\n| key | type |\n| --- | --- |\n"
            text += "".join(f"| `{key}` | {_type(value)} |\n" for key, value in table["properties"].items())
    return text


def _tables(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    definitions = document.get("$defs", {})
    first = str(document.get("$ref", "")).rpartition("/")[2]
    names = sorted(definitions, key=lambda name: (name != first, name))
    found = [("The document", document)] if "properties" in document else []
    return found + [
        ("The document" if name == first else f"`{name}`", definitions[name])
        for name in names
        if "properties" in definitions[name]
    ]


def _man() -> str:
    lines = [
        f'.TH ENVMATRIX 1 "" "envmatrix {__version__}" "User commands"',
        ".SH NAME",
        "envmatrix \\- run a test matrix through tox on what this host can do, and judge what really ran",
        ".SH SYNOPSIS",
        ".B envmatrix",
        "[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIARGS\\fR]...",
        ".SH DESCRIPTION",
        *_paragraphs(cli.help or ""),
        ".SH OPTIONS",
        *_options(cli),
        ".SH VERBS",
    ]
    for words, command in commands():
        context = click.Context(command, info_name=words)
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f".SS {_roff(words.removeprefix('envmatrix '))}", f".B {_roff(words)}", _roff(usage)]
        lines += [".PP", *_paragraphs(command.help or ""), *_options(command)]
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES.items():
        lines += [".TP", f".B {int(code)}", _roff(meaning)]
    lines += [".SH ENVIRONMENT"]
    for name, meaning in _environment():
        lines += [".TP", f".B {_roff(name)}", _roff(meaning)]
    lines += [".SH FILES", ".TP", ".I profiles/*.toml", "Profiles.", ".TP", ".I profiles/capabilities.toml"]
    lines += ["Capabilities of the project's own.", ".TP", ".I .envmatrix/", "Evidence and logs; it ignores itself."]
    lines += [".SH SEE ALSO", ".BR tox (1)"]
    return "\n".join(lines) + "\n"


def _environment() -> list[tuple[str, str]]:
    found = {"NO_COLOR": "Where it is set, nothing is coloured."}
    found["ENVMATRIX_<SERVICE>_URL"] = "A server to use instead of a private one, as in ENVMATRIX_MYSQL_URL."
    for words, command in commands():
        for param in command.params:
            if isinstance(param, click.Option) and isinstance(param.envvar, str):
                found.setdefault(param.envvar, f"As {param.opts[0]} of {words}. {param.help}")
    return sorted(found.items())


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        before, mark, verbatim = paragraph.partition("\b\n")
        if before.strip():
            lines += [_roff(" ".join(before.split())), ".PP"]
        if mark:
            lines += [".nf", *(_roff(line) for line in verbatim.splitlines()), ".fi", ".PP"]
    return lines[:-1]


def _options(command: click.Command) -> list[str]:
    lines = []
    context = click.Context(command, info_name="envmatrix", help_option_names=HELP)
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is not None:
            lines += [".TP", f".B {_roff(record[0])}", _roff(record[1])]
    return lines


def _roff(text: str) -> str:
    """Return a text so that roff shows it as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text)


def main() -> None:
    """Write all files."""
    for place, text in files().items():
        path = ROOT / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"wrote {place}\n")


if __name__ == "__main__":
    main()
