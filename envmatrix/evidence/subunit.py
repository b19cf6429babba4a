"""Read the streams that stestr and testrepository keep: numbered files of subunit version 1 in the working directory.

Source of the layout and of the protocol's words: the file repository of stestr 4.2, and streams that it wrote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.evidence import test_ids
from envmatrix.evidence.model import Outcome, Session, TestResult
from envmatrix.evidence.recordings import DIED, REASON_LENGTH, Recorded, Stream
from envmatrix.evidence.test_ids import EndCounter, IdNumbers, combine_results

RUNNERS: Final = {".stestr": "stestr", ".testrepository": "testrepository"}  # by the directory of their streams
_OUTCOMES: Final[dict[bytes, Outcome]] = {
    b"success": "passed",
    b"successful": "passed",
    b"failure": "failed",
    b"error": "error",
    b"skip": "skipped",
    b"xfail": "xfailed",
    b"uxsuccess": "xpassed",
}
_STARTS: Final = (b"test", b"testing")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]+)\r\n")


class StreamSizes(msgspec.Struct, frozen=True):
    """The sizes in bytes of the streams of a working directory, by path."""

    sizes: dict[str, int]


def mark_streams(cwd: Path) -> StreamSizes:
    """Return the sizes of the streams before the commands, for ``read_streams`` afterwards."""
    return StreamSizes({str(path): path.stat().st_size for path in _list_streams(cwd)})


def read_streams(cwd: Path, before: StreamSizes, *, project: Path, streams: Iterable[Stream] = ()) -> Recorded:
    """Return the results that were written below ``cwd`` since ``before``.

    ``streams`` are the streams that the recorder saw (``Recorded.streams``). If there are any, only they are read,
    because runs of other environments may write to the same directory at the same time.
    """
    known = tuple(streams) or tuple(
        Stream(path=str(path), offset=before.sizes.get(str(path), 0), closed=True)
        for path in _list_streams(cwd)
        if path.stat().st_size > before.sizes.get(str(path), 0)
    )
    tests: list[TestResult] = []
    sessions: list[Session] = []
    notes: list[str] = []
    numbers = IdNumbers()
    for stream in known:
        try:
            content = Path(stream.path).read_bytes()[stream.offset :]
        except OSError as error:
            notes.append(f"{stream.path}: cannot be read ({error.strerror or error})")
            content, stream = b"", msgspec.structs.replace(stream, closed=False)
        results = tuple(_number_results(parse_stream(content, project), numbers, str(Path(stream.path).parent)))
        died = any(test.reason == DIED for test in results)
        tests += results
        sessions.append(
            Session(runner=_find_runner(stream.path), finished=stream.closed and not died, tests=len(results))
        )
    return Recorded(sessions=tuple(sessions), tests=combine_results(tests), notes=tuple(notes))


def _number_results(results: Iterable[TestResult], numbers: IdNumbers, repository: str) -> Iterator[TestResult]:
    """Yield the results of one stream with unique ids.

    Results of one id in one stream are different tests; in another stream of the same repository they are the same.
    """
    ends = EndCounter()
    for test in results:
        number = 1 if test.stands_for_module else ends.count_ended(test.id)
        yield msgspec.structs.replace(test, id=numbers.name_test(test.id, (repository, number)))


def parse_stream(content: bytes, project: Path) -> Iterator[TestResult]:
    """Yield the results of a version 1 stream in order; lines that are not part of the protocol are ignored.

    A test that never ended, or that failed without details, died with its process: its outcome is an error.
    """
    position, now, running = 0, 0.0, ""
    started = 0.0
    while position < len(content):
        end = content.find(b"\n", position)
        line = content[position : end if end >= 0 else len(content)]
        position = end + 1 if end >= 0 else len(content)
        word, separator, rest = line.partition(b":")
        if not separator:
            continue
        if word == b"time":
            now = _parse_time(rest) or now
        elif word in _STARTS:
            running, started = _decode_id(rest), now
        elif word in _OUTCOMES:
            test_id, reason, position = _parse_details(rest, content, position)
            clock = now - started if running == test_id else 0.0
            running = ""
            yield _make_result(test_id, _OUTCOMES[word], reason, clock, project)
    if running:
        yield _make_result(running, "failed", "", 0.0, project)


def _find_runner(path: str) -> str:
    return RUNNERS.get(Path(path).parent.name, "testrepository")


def _list_streams(cwd: Path) -> Iterator[Path]:
    for name in RUNNERS:
        folder = f"{cwd}/{name}"
        if os.path.isdir(folder):  # noqa: PTH112 - called twice for each cell
            numbers = (entry for entry in os.listdir(folder) if entry.isdigit())  # noqa: PTH208
            yield from (Path(folder, number) for number in sorted(numbers, key=int))


def _decode_id(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").strip()


def _parse_time(raw: bytes) -> float:
    text = raw.decode("ascii", "replace").strip().rstrip("Z")
    for pattern in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0


def _make_result(test_id: str, outcome: Outcome, reason: str, duration_s: float, project: Path) -> TestResult:
    name, stands = test_ids.normalise_unittest_id(test_id, project)
    if outcome == "failed" and not reason:
        outcome, reason = "error", DIED
    return TestResult(
        id=name,
        outcome=outcome,
        reason=reason[:REASON_LENGTH] if outcome in ("skipped", "xfailed") else reason[-REASON_LENGTH:],
        duration_s=round(max(duration_s, 0.0), 6),
        runner="subunit",
        stands_for_module=stands and outcome in ("skipped", "failed", "error"),
    )


def _parse_details(rest: bytes, content: bytes, position: int) -> tuple[str, str, int]:
    """Return the id of an outcome line, the text of its details and the position of the next line."""
    if rest.endswith(b" [ multipart"):
        parts, position = _parse_multipart(content, position)
        reason = parts.get("reason") or "\n".join(text for name, text in parts.items() if name.startswith("traceback"))
        return _decode_id(rest[: -len(b" [ multipart")]), reason.strip(), position
    if rest.endswith(b" ["):
        end = content.find(b"\n]\n", position - 1)
        end = len(content) if end < 0 else end
        text = content[position:end].decode("utf-8", "backslashreplace").replace("\n ]", "\n]")
        return _decode_id(rest[:-2]), text.strip(), end + 3
    return _decode_id(rest), "", position


def _parse_multipart(content: bytes, position: int) -> tuple[dict[str, str], int]:
    """Return the text parts by name. A part is a content type, a name, and chunks with their length in hex."""
    parts: dict[str, str] = {}
    while position < len(content):
        line, position = _read_line(content, position)
        if line == b"]" or not line.startswith(b"Content-Type:"):
            break
        name, position = _read_line(content, position)
        body, position = _read_chunks(content, position)
        if line.startswith(b"Content-Type: text/"):
            parts[name.decode("utf-8", "backslashreplace")] = body.decode("utf-8", "backslashreplace")
    return parts, position


def _read_line(content: bytes, position: int) -> tuple[bytes, int]:
    end = content.find(b"\n", position)
    return (content[position:], len(content)) if end < 0 else (content[position:end], end + 1)


def _read_chunks(content: bytes, position: int) -> tuple[bytes, int]:
    body = b""
    while (header := _CHUNK.match(content, position)) is not None:
        size = int(header[1], 16)
        position = header.end() + size
        if not size:
            break
        body += content[header.end() : position]
    return body, position
