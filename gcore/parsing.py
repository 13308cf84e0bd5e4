"""A usage report of Gcore's, row by row and for one of the reseller's customers alone.

Columns are found by the names that are known. A file in which the customer's column is not found is
refused, so that no row ever goes to somebody else. Memory does not grow with the file.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Final, NamedTuple

from accounts.wire import exact_number
from gcore.tables import Record, ReportRefused, first_lines, records, shown

ZERO: Final = Decimal(0)
PLAIN: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# With a point behind them commas part thousands; without one they may be a decimal comma.
GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+")


class Row(NamedTuple):
    """What one row tells; `position` counts the records of the file."""

    position: int
    client_id: str
    company_name: str
    feature_id: str
    feature_name: str
    metric_value: Decimal
    region_id: str
    region_name: str
    resource_id: str
    resource_name: str
    unit_name: str


class Aside(NamedTuple):
    """A row that cannot be read: not counted, not lost."""

    position: int
    reason: str
    text: str


FIELDS: Final = Row._fields[1:]
NEEDED: Final = ("client_id", "feature_name", "metric_value", "unit_name")
# "Client ID", "client_id" and "clientId" have all been seen, in any case.
NAMES: Final = {
    spelled: field for field in FIELDS for spelled in (field, field.replace("_", " "), field.replace("_", ""))
}
# The portal's own file: one block for each customer. What it calls a product is a feature elsewhere.
BLOCK: Final = {
    "account id": "client_id",
    "company name": "company_name",
    "product id": "feature_id",
    "product name": "feature_name",
    "region id": "region_id",
    "region name": "region_name",
    "usage": "metric_value",
    "unit": "unit_name",
}


class ReportReader:
    """Iterates over the rows of one customer, but for those of zero, and over what cannot be read.

    Afterwards `zero_rows` and `other_rows` (those of other customers) tell what was left out.
    Errors, on iterating: ReportRefused.
    """

    def __init__(self, file: IO[bytes], client_id: str) -> None:
        self._file = file
        self._client_id = client_id
        self.zero_rows = 0
        self.other_rows = 0

    def __iter__(self) -> Iterator[Row | Aside]:
        try:
            with contextlib.closing(records(self._file)) as found:
                yield from self._rows(found)
        except ReportRefused as error:
            error.first_lines = first_lines(self._file)
            raise

    def _rows(self, found: Iterator[Record]) -> Iterator[Row | Aside]:
        numbered = enumerate((record for record in found if any(record)), start=1)
        _, header = next(numbered, (0, []))
        if not header:
            raise ReportRefused("The file is empty.")
        columns = _columns(header, NAMES)
        if columns.keys() >= set(NEEDED):
            yield from self._flat(numbered, columns, len(header))
            return
        _, second = next(numbered, (0, []))
        if _columns(second, BLOCK).keys() != set(BLOCK.values()):
            raise ReportRefused(_unknown(header, columns))
        yield from self._blocks(numbered, second)

    def _flat(
        self, numbered: Iterator[tuple[int, Record]], columns: Mapping[str, int], width: int
    ) -> Iterator[Row | Aside]:
        places = [columns.get(field, width) for field in FIELDS]
        client = columns["client_id"]
        for position, record in numbered:
            if len(record) != width:
                yield _aside(position, record, f"it has {len(record)} cells where the header has {width}")
            elif record[client].strip() != self._client_id:
                self.other_rows += 1  # a header that comes again is one of them
            else:
                yield from self._row(position, [*record, ""], places)

    def _blocks(self, numbered: Iterator[tuple[int, Record]], header: Record) -> Iterator[Row | Aside]:
        """Account and company stand in the first row of a block and hold for those below it."""
        columns, width = _columns(header, BLOCK), len(header)
        places = [columns.get(field, width) for field in FIELDS]
        client, company = columns["client_id"], columns["company_name"]
        owner = ("", "")
        for position, record in numbered:
            if _columns(record, BLOCK).keys() == columns.keys():
                owner = ("", "")
            elif len(record) != width:
                yield _aside(position, record, f"it has {len(record)} cells where the header has {width}")
            else:
                if record[client].strip():
                    owner = (record[client].strip(), record[company])
                if not owner[0]:
                    yield _aside(position, record, "its block names no account")
                elif owner[0] != self._client_id:
                    self.other_rows += 1
                else:
                    record[client], record[company] = owner
                    yield from self._row(position, [*record, ""], places)

    def _row(self, position: int, record: Record, places: Sequence[int]) -> Iterator[Row | Aside]:
        texts = [record[place].strip() for place in places]
        try:
            metric = metric_of(texts[METRIC])
            if any("\x00" in text for text in texts):
                raise ValueError("it holds the character NUL")
        except ValueError as error:
            yield _aside(position, record[:-1], str(error))
            return
        if metric == ZERO:
            self.zero_rows += 1
            return
        yield Row._make((position, *texts[:METRIC], metric, *texts[METRIC + 1 :]))


METRIC: Final = FIELDS.index("metric_value")


def metric_of(text: str) -> Decimal:
    """The number in a cell; an empty one is zero. Errors: ValueError."""
    if not text:
        return ZERO
    if PLAIN.fullmatch(text):
        return exact_number(text)
    if GROUPED.fullmatch(text):
        return exact_number(text.replace(",", ""))
    raise ValueError(f"{shown(text)!r} is no number")


def _columns(header: Record, names: Mapping[str, str]) -> dict[str, int]:
    """Where each known column stands. Errors: ReportRefused when one stands twice."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        field = names.get(name.strip().casefold())
        if field in found:
            raise ReportRefused(f"The column {shown(name)!r} stands in it twice.")
        if field:
            found[field] = place
    return found


def _unknown(header: Record, columns: Mapping[str, int]) -> str:
    missing = ", ".join(field.replace("_", " ") for field in NEEDED if field not in columns)
    # What has a digit may be a row of some customer; names of columns have none.
    named = "" if any(c.isdigit() for name in header for c in name) else f" It begins: {','.join(header)}"
    return f"The layout is unknown: there is no column for {missing}.{shown(named)}"


def _aside(position: int, record: Record, reason: str) -> Aside:
    return Aside(position, reason, shown(",".join(record)))
