"""CSV as people and programs write it."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from inventory.files.table import LONGEST_RECORD, BadFile, Record, checked_header, fitted

DELIMITERS: Final = ",;\t|"
_QUOTED: Final = re.compile(r'"[^"]*"')
_SEPARATOR: Final = re.compile(r"sep=(.)\r?\n?")


class CsvTable:
    format = "csv"

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.notes: list[str] = []
        self._text = text
        self._problem = ""
        self._skipped = 0
        first = self._first_line()
        told = _SEPARATOR.fullmatch(first.lower())
        if told:
            first = self._first_line()
        self.delimiter = told[1] if told else _delimiter_of(first)
        self._reader = csv.reader(self._lines(first), delimiter=self.delimiter)
        try:
            self.header = checked_header(next(self._reader, []))
        except csv.Error as error:
            raise BadFile(f"The header cannot be read: {error}.") from error
        if self._problem:
            raise BadFile(f"The header cannot be read: {self._problem}")

    def records(self) -> Iterator[Record]:
        columns = len(self.header)
        reader = self._reader
        while True:
            number = reader.line_num + self._skipped + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                told = f"Line {number}: {error}. Perhaps a quote is not closed; nothing after it can be read."
                raise BadFile(told) from error
            if self._problem:
                yield fitted(number, cells, columns)._replace(problem=self._problem)
                self._problem = ""
            elif any(cells):
                yield Record(number, cells) if len(cells) == columns else fitted(number, cells, columns)

    def _first_line(self) -> str:
        """The next line that is not blank."""
        while line := self._text.readline(LONGEST_RECORD):
            if line.strip("\ufeff \t\r\n"):
                return line.removeprefix("\ufeff")
            self._skipped += 1
        raise BadFile("The file is empty.")

    def _lines(self, first: str) -> Iterator[str]:
        """Line by line; one that cannot be used is told in `_problem`, and empty."""
        read = self._text.readline
        line = first
        while line:
            if len(line) == LONGEST_RECORD and not line.endswith("\n"):
                self._problem = f"The line is longer than {LONGEST_RECORD:,} characters."
                while (line := read(LONGEST_RECORD)) and not line.endswith("\n"):
                    pass
                yield "\n"
            else:
                if not line.isascii() or "\x00" in line:
                    self._check(line)
                yield line
            line = read(LONGEST_RECORD)

    def _check(self, line: str) -> None:
        if "\x00" in line:
            self._problem = "The line holds the NUL character."
        try:
            line.encode()
        except UnicodeEncodeError:
            self._problem = "The line is not UTF-8."


def _delimiter_of(line: str) -> str:
    bare = _QUOTED.sub("", line)
    return max(DELIMITERS, key=bare.count)
