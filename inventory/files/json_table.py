"""Objects in JSON: an array of them, alone or inside an object, or one on each line."""

import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from accounts.errors import ValidationFailed
from accounts.exact import text_of
from accounts.wire import decode, encode
from inventory.files.table import LONGEST_RECORD, BadFile, Record, checked_header

PART: Final = 64 * 1024
SAMPLED: Final = 100
_FRAME: Final = re.compile(r'\s*\{\s*"[^"\\]{1,63}"\s*:\s*\[')
_MARK: Final = re.compile(r'["{}\[\]]')
_STRING_END: Final = re.compile(r'"|\\.', re.DOTALL)


class JsonTable:
    """The columns are the names in the first SAMPLED objects, in their order."""

    format = "json"
    delimiter = ""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.notes: list[str] = []
        objects = enumerate(_Objects(text), start=1)
        sample = [(number, _decoded(told)) for number, told in islice(objects, SAMPLED)]
        names = dict.fromkeys(name for _, value in sample if isinstance(value, dict) for name in value)
        self.header = checked_header(list(names))
        self._unknown: set[str] = set()
        self._items = chain(sample, ((number, _decoded(told)) for number, told in objects))

    def records(self) -> Iterator[Record]:
        for number, value in self._items:
            if isinstance(value, str):
                yield Record(number, [""] * len(self.header), value)
            else:
                self._tell_unknown(value)
                yield Record(number, [_cell(value.get(name)) for name in self.header])

    def _tell_unknown(self, value: dict[str, Any]) -> None:
        new = value.keys() - set(self.header) - self._unknown if len(self._unknown) < SAMPLED else set()
        self._unknown |= new
        self.notes += [f"{name[:80]!r} is left out: no earlier object has it." for name in sorted(new)]


def _decoded(told: str) -> dict[str, Any] | str:
    """The object, or why it is none."""
    try:
        value = decode(told.encode())
    except UnicodeEncodeError:
        return "The object is not UTF-8."
    except ValidationFailed as error:
        return error.message
    return value if isinstance(value, dict) else "It is not an object."


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = text_of(value)
    return encode(value).decode() if text is None else text


class _Objects:
    """The texts of the objects, found by their brackets; what is between them is not looked at."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._buffer = text.read(PART).lstrip("\ufeff")
        frame = _FRAME.match(self._buffer)
        self._place = frame.end() if frame else 0

    def __iter__(self) -> Iterator[str]:
        while (start := self._find("{")) >= 0:
            end = self._end_of(start)
            yield self._buffer[start:end]
            self._buffer, self._place = self._buffer[end:], 0

    def _find(self, mark: str) -> int:
        while (found := self._buffer.find(mark, self._place)) < 0:
            self._place = len(self._buffer)
            if not self._more():
                return -1
        return found

    def _end_of(self, start: int) -> int:
        depth, place = 0, start
        while True:
            found = _MARK.search(self._buffer, place)
            if found is None:
                place = len(self._buffer)
                self._need(start)
                continue
            place = found.end()
            if found[0] == '"':
                place = self._string_end(start, place)
            else:
                depth += 1 if found[0] in "{[" else -1
                if depth == 0:
                    return place

    def _string_end(self, start: int, place: int) -> int:
        while True:
            found = _STRING_END.search(self._buffer, place)
            if found is not None and found[0] == '"':
                return found.end()
            if found is not None:
                place = found.end()
                continue
            place = len(self._buffer) - self._buffer.endswith("\\")
            self._need(start)

    def _need(self, start: int) -> None:
        if len(self._buffer) - start > LONGEST_RECORD:
            raise BadFile(
                f"An object is longer than {LONGEST_RECORD:,} characters, or a quote is not closed."
            )
        if not self._more():
            raise BadFile("The file is cut off: its last object has no end.")

    def _more(self) -> bool:
        part = self._text.read(PART)
        self._buffer += part
        return bool(part)
