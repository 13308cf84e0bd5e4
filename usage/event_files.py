"""Events in files: CSV with a header row, or one JSON object on each line, read line by line."""

import csv
import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

from accounts.errors import ValidationFailed
from accounts.wire import decode
from usage.service_types import Problem

# A line that was refused once carries the reason there; it is no part of the event.
REFUSED_KEY: Final = "_refused"
SUFFIXES: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
TEXTS: Final = frozenset(
    {
        "event_id",
        "timestamp",
        "tenant_id",
        "user_id",
        "service_type",
        "service_provider",
        "event_type",
        "session_id",
        "request_id",
    }
)
NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
CONSTANTS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Line:
    """What stands at a line: an event, or the problem with it. `text` is the line as it was."""

    number: int
    text: str
    event: dict[str, Any] | None = None
    problem: Problem | None = None


class EventFile:
    """An open file of events; `position` of `size` bytes are read. `-` is standard input, as JSON lines."""

    def __init__(self, name: str) -> None:
        """Errors: OSError, EOFError, zlib.error; ValueError for a name that does not tell what is inside."""
        path = Path(name.removesuffix(".gz"))
        kind = "jsonl" if name == "-" else SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise ValueError("it is to end in .csv, .jsonl or .ndjson, perhaps with .gz behind")
        self._kind = kind
        self._raw = _spooled(sys.stdin.buffer) if name == "-" else Path(name).open("rb")  # noqa: SIM115
        self._zipped = name.endswith(".gz")
        self.size = self._raw.seek(0, io.SEEK_END)
        # Lines without a time have this one, the same whenever the file is sent.
        self.modified = os.fstat(self._raw.fileno()).st_mtime
        self.digest = hashlib.file_digest(self._opened(), "sha256").hexdigest()

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def position(self) -> int:
        return self._raw.tell()

    def lines(self) -> Iterator[Line]:
        """The lines that hold something, in order."""
        return _csv_lines(self._opened()) if self._kind == "csv" else _json_lines(self._opened())

    def _opened(self) -> Any:
        self._raw.seek(0)
        return gzip.GzipFile(fileobj=self._raw) if self._zipped else self._raw


def _spooled(source: IO[bytes]) -> IO[bytes]:
    """A stream as a file, as it is read twice: for its digest and for its lines."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by the reader)
    shutil.copyfileobj(source, file)
    file.flush()
    return file


def _json_lines(stream: IO[bytes]) -> Iterator[Line]:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    number = 0
    while raw := stream.readline(limit):
        number += 1
        if len(raw) == limit and not raw.endswith(b"\n"):
            while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, "", problem=Problem("", f"the line is longer than {limit} bytes"))
        elif raw.strip():
            yield _json_line(number, raw)


def _json_line(number: int, raw: bytes) -> Line:
    text = raw.decode(errors="replace").rstrip("\r\n")
    try:
        event = decode(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
    except ValidationFailed as error:
        return Line(number, text, problem=Problem("", error.message))
    if not isinstance(event, dict):
        return Line(number, text, problem=Problem("", "an event is a JSON object"))
    event.pop(REFUSED_KEY, None)
    return Line(number, text, event)


def _csv_lines(stream: Any) -> Iterator[Line]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text)
    try:
        header = [name.strip() for name in next(reader, [])]
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Line(number, "", problem=Problem("", f"it is no CSV: {error}"))
                continue
            if any(cells):
                yield _csv_line(number, header, cells)
    finally:
        text.detach()  # the file is closed by whoever opened it


def _csv_line(number: int, header: list[str], cells: list[str]) -> Line:
    text = ",".join(cells).encode(errors="surrogateescape").decode(errors="replace")
    if len(cells) != len(header):
        told = f"it has {len(cells)} cells and the header names {len(header)} columns"
        return Line(number, text, problem=Problem("", told))
    event: dict[str, Any] = {}
    try:
        for name, cell in zip(header, cells, strict=True):
            if name and cell:
                _put(event, name, cell)
    except Problem as problem:
        return Line(number, text, event, problem)
    return Line(number, text, event)


def _put(event: dict[str, Any], name: str, cell: str) -> None:
    """Set `metrics.tokens` inside `metrics`."""
    value = _value(name, cell)
    *outer, last = name.split(".")
    place = event
    for part in outer:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise Problem(name, f"the column {part} has a value of its own")
    if last in place:
        raise Problem(name, "the header names it twice")
    place[last] = value


def _value(name: str, cell: str) -> Any:
    """A cell as JSON would have it: a number, true, false, or JSON in brackets or quotes; else a text."""
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        raise Problem(name, "it is not UTF-8") from error
    if name in TEXTS:
        return cell
    if name == "tags" and not cell.startswith("["):
        return [tag.strip() for tag in cell.split(";") if tag.strip()]
    if cell in CONSTANTS:
        return CONSTANTS[cell]
    if NUMBER.fullmatch(cell) or cell[0] in '{["':
        try:
            return decode(cell.encode())
        except ValidationFailed as error:
            raise Problem(name, error.message) from error
    return cell
