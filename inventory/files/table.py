"""What all kinds of files are read into."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

MOST_COLUMNS: Final = 2_000
LONGEST_RECORD: Final = 128 * 1024  # characters, as many as csv takes in one cell
MEBIBYTE: Final = 1024 * 1024


class BadFile(ValueError):
    """The file as a whole cannot be read; `message` is for the person who sent it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Record(NamedTuple):
    """A row as texts, one for each column of the header; an empty text: nothing is there.

    `number` is what a person would count: the line of a CSV file at which the row begins, the row of a
    sheet, the item of a JSON array. `problem` says why the cells are not to be used.
    """

    number: int
    cells: list[str]
    problem: str = ""


class Table(Protocol):
    """A file whose header is read. `notes` says what had to be guessed."""

    format: str
    header: list[str]
    delimiter: str
    notes: list[str]

    def records(self) -> Iterator[Record]:
        """The rows that hold something, once. Errors: BadFile."""


def checked_header(names: list[str]) -> list[str]:
    """The names without spaces around them and without empty ones at the end; BadFile when there is none."""
    header = [name.strip() for name in names]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise BadFile("The file is empty.")
    if len(header) > MOST_COLUMNS:
        raise BadFile(f"The file has more than {MOST_COLUMNS} columns.")
    return header


def fitted(number: int, cells: list[str], columns: int) -> Record:
    """A row of exactly so many cells; empty ones too many are dropped, anything else is a problem."""
    if len(cells) > columns and not any(cells[columns:]):
        cells = cells[:columns]
    if len(cells) == columns:
        return Record(number, cells)
    told = f"The row has {len(cells)} cells, the header {columns}."
    return Record(number, cells[:columns] + [""] * (columns - len(cells)), told)
