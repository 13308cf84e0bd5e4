"""A report's file: CSV of ten columns, JSON or XLSX, right or with the oddities that were set."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, cycle, islice
from typing import Any, Final

from gcore.simulator.state import Knobs
from gcore.simulator.wire import Answer
from gcore.simulator.world import CLIENTS, RESELLER, Client, Feature, resources

CSV: Final = "text/csv"
JSON: Final = "application/json"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADER: Final = (
    "Client ID", "Company name", "Feature ID", "Feature name", "Metric value",
    "Region ID", "Region name", "Resource ID", "Resource name", "Unit name",
)  # fmt: skip
NAME, METRIC, UNIT = 1, 4, 9
BLOCK_ROWS: Final = 2000
Row = Sequence[Any]
Table = Iterator[Row]


def rendered(knobs: Knobs, rows: Iterable[Row], accept: str) -> Answer:
    """The answer to a download, in the first format that `accept` names; JSON when it names none."""
    if knobs.file is not None:
        return Answer(body=knobs.file.encode(), content_type=CSV)
    header, table = odd(knobs, rows)
    if XLSX in accept:
        return Answer(body=_xlsx(header, table), content_type=XLSX)
    if CSV in accept:
        start = "\ufeff" if "bom" in knobs.oddities else ""
        return Answer(body=_csv(start, chain([header], table)), content_type=f"{CSV}; charset=utf-8")
    return Answer(body=_json(header, table))


def odd(knobs: Knobs, rows: Iterable[Row]) -> tuple[Row, Table]:
    """Header and rows after every oddity that is set, in the order of ODDITIES."""
    if knobs.table is not None:
        return knobs.table[0], iter(knobs.table[1:])
    header: Row = HEADER
    for name, change in ODDITIES.items():
        if name in knobs.oddities:
            header, rows = change(header, iter(rows))
    return header, iter(rows)


def _csv(start: str, rows: Iterable[Row]) -> Iterator[bytes]:
    """In pieces of BLOCK_ROWS rows, with CRLF."""
    rows = iter(rows)
    while block := list(islice(rows, BLOCK_ROWS)):
        out = io.StringIO(start, newline="")
        out.seek(0, io.SEEK_END)
        csv.writer(out).writerows(block)  # metrics have their four places already
        start = ""
        yield out.getvalue().encode()


def _json(header: Row, rows: Iterable[Row]) -> Iterator[bytes]:
    """`{"headers": […], "rows": [[…], …]}` in pieces; metrics are numbers of four places."""
    yield f'{{"headers": {json.dumps(header)}, "rows": ['.encode()
    between = ""
    for row in rows:
        cells = ", ".join(str(v) if isinstance(v, Decimal) else json.dumps(v) for v in row)
        yield f"{between}[{cells}]".encode()
        between = ", "
    yield b"]}"


def _xlsx(header: Row, rows: Iterable[Row]) -> bytes:
    from openpyxl import Workbook  # see accounts/workbooks.py

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Report")
    for row in chain([header], rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def many(count: int, clients: Sequence[Client], features: Sequence[Feature]) -> Table:
    """So many rows by client, feature and resource, cheap to make.

    A thousand clients are made up, unless one is asked for; each has as many resources as it takes.
    """
    if not features:
        return iter(())
    known = [one for one in clients if one.size]
    others = (Client(900_000 + n, f"Customer {n}", Decimal(1)) for n in range(1000))
    parts = [
        (one.id, one.name, feature.id, feature.name, place.region_id, place.region, place.id, place.name,
         feature.unit)
        for one in chain(known, others if len(clients) == len(CLIENTS) else ())
        for feature in features
        for place in resources(one.id, feature.product.id)
    ]  # fmt: skip
    metrics = [f"{number * 7919 % 100_003 / 10_000 + 0.0001:.4f}" for number in range(9973)]
    lines = zip(range(count), cycle(parts), cycle(metrics), strict=False)
    return (
        (*part[:4], metric, *part[4:6], part[6] + number // len(parts) * 10**9, *part[7:])
        for number, part, metric in lines
    )


def _each(change: Callable[[int, list[Any]], Row]) -> Callable[[Row, Table], tuple[Row, Table]]:
    """An oddity of single rows; `change` gets the row's number from 0."""
    return lambda header, rows: (header, (change(n, list(row)) for n, row in enumerate(rows)))


def _with(column: int, values: Sequence[Any]) -> Callable[[Row, Table], tuple[Row, Table]]:
    """Every third row, and the first, has one of these values in that column."""

    def change(number: int, row: list[Any]) -> Row:
        if number % 3 == 0:
            row[column] = values[number // 3 % len(values)]
        return row

    return _each(change)


def _quoted(_: int, row: list[Any]) -> Row:
    row[NAME] = f'{row[NAME]}, "Inc."\nSecond line'
    return row


def _thousands(_: int, row: list[Any]) -> Row:
    row[METRIC] = f"{Decimal(row[METRIC]) * 1000:,.4f}"
    return row


def _without_client(header: Row, rows: Table) -> tuple[Row, Table]:
    return header[1:], (row[1:] for row in rows)


def _header_again(header: Row, rows: Table) -> tuple[Row, Table]:
    def repeat() -> Table:
        for number, row in enumerate(rows):
            if number and number % 4 == 0:
                yield header
            yield row

    return header, repeat()


def _formulas(_: int, row: list[Any]) -> Row:
    row[NAME] = f"=HYPERLINK({row[NAME]})"
    return row


def _blocks(header: Row, rows: Table) -> tuple[Row, Table]:
    """The portal's layout: the reseller, then a header and the rows of each customer, named once."""

    def blocks() -> Table:
        client = None
        for row in rows:
            if row[0] != client:
                yield ("Account ID", "Company name", "Product ID", "Product name", "Region ID", "Region name",
                       "Usage", "Unit")  # fmt: skip
            named = row[:2] if row[0] != client else ("", "")
            client = row[0]
            yield (*named, row[2], row[3], row[5], row[6], row[METRIC], row[UNIT])

    return (RESELLER, "Skyledger Reseller"), blocks()


def _unknown(header: Row, rows: Table) -> tuple[Row, Table]:
    return [f"Column {n}" for n, _ in enumerate(header)], rows


ODDITIES: Final[dict[str, Callable[[Row, Table], tuple[Row, Table]]]] = {
    "bom": lambda header, rows: (header, rows),  # of the CSV's bytes, written by `rendered`
    "empty": lambda header, _: (header, iter(())),
    "quoted": _each(_quoted),
    "formulas": _each(_formulas),
    "thousands": _each(_thousands),
    "zero": _with(METRIC, ("0.0000", "0", "-0.0")),
    "negative": _with(METRIC, ("-12.5000",)),
    "blank": _with(METRIC, ("", " ")),
    "garbled": _with(METRIC, ("n/a", "1,2,3.4.5", "NaN")),
    "repeated_header": _header_again,
    "no_client_column": _without_client,
    "unknown_layout": _unknown,
    "blocks": _blocks,
}
