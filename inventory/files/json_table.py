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
_ARRAY: Final = re.compile(r"\s*\[")
_BETWEEN: Final = ", \t\r\n"
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
    """The texts of the objects, found by their brackets, and what stands between them and is none.

    They end with the array: what an object around it says after that is no row.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._buffer = text.read(PART).lstrip("\ufeff")
        opening = _FRAME.match(self._buffer) or _ARRAY.match(self._buffer)
        self._framed = opening is not None and opening.re is _FRAME
        self._buffer = self._buffer[opening.end() :] if opening else self._buffer
        self._place = 0

    def __iter__(self) -> Iterator[str]:
        while True:
            start = self._find("{")
            stray, bracket, _ = (self._buffer if start < 0 else self._buffer[:start]).partition("]")
            after = "" if self._framed else self._buffer[len(stray) + 1 :] if bracket else ""
            yield from (text for part in (stray, after) if (text := part.strip(_BETWEEN)))
            if start < 0 or bracket:
                return
            end = self._end_of(start)
            yield self._buffer[start:end]
            self._buffer, self._place = self._buffer[end:], 0

    def _find(self, mark: str) -> int:
        while (found := self._buffer.find(mark, self._place)) < 0:
            self._place = len(self._buffer)
            self._bound(0)
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
        self._bound(start)
        if not self._more():
            raise BadFile("The file is cut off: its last object has no end.")

    def _bound(self, start: int) -> None:
        if len(self._buffer) - start > LONGEST_RECORD:
            raise BadFile(
                f"An object is longer than {LONGEST_RECORD:,} characters, or a quote is not closed."
            )

    def _more(self) -> bool:
        part = self._text.read(PART)
        self._buffer += part
        return bool(part)
