"""A report gives the rows of one customer, each number exactly, or it gives nothing."""

import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook

from accounts.wire import encode
from gcore.parsing import Aside, ReportReader, Row, metric_of
from gcore.tables import MAX_HELD, ReportRefused
from inventory.tests.files import xlsx_bytes

HEADER = (
    "Client ID,Company name,Feature ID,Feature name,Metric value,"
    "Region ID,Region name,Resource ID,Resource name,Unit name"
)
MINE = "829449,SDG Test 2,2362,Block Storage (Standard) - Gb,0.4965,,,,,GBM"
OTHER = "111,Someone Else,2362,Block Storage (Standard) - Gb,7.0000,,,,,GBM"


def read(body: str | bytes, client: str = "829449") -> tuple[list[Row | Aside], ReportReader]:
    reader = ReportReader(io.BytesIO(body.encode() if isinstance(body, str) else body), client)
    return list(reader), reader


def refused(body: str | bytes) -> ReportRefused:
    with pytest.raises(ReportRefused) as error:
        read(body)
    return error.value


def spoilt_workbook() -> bytes:
    """One whose parts are all there, but cannot be unpacked."""
    body = bytearray(xlsx_bytes([["a"], ["b"]]))
    at = body.index(b"xl/theme/theme1.xml") + 100
    body[at : at + 400] = b"9" * 400
    return bytes(body)


def swelling_workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<a/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 100_000_000)
    return out.getvalue()


def lines(*rows: str) -> str:
    return "\r\n".join((*rows, ""))


def test_a_customer_gets_its_own_rows_alone() -> None:
    rows, reader = read(lines(HEADER, OTHER, MINE, OTHER))
    assert rows == [
        Row(
            position=3,
            client_id="829449",
            company_name="SDG Test 2",
            feature_id="2362",
            feature_name="Block Storage (Standard) - Gb",
            metric_value=Decimal("0.4965"),
            region_id="",
            region_name="",
            resource_id="",
            resource_name="",
            unit_name="GBM",
        )
    ]
    assert (reader.other_rows, reader.zero_rows) == (2, 0)


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff" + lines(HEADER, MINE),
        lines(HEADER.upper(), MINE),
        lines(HEADER.replace("Client ID", "client_id").replace("Metric value", "metricValue"), MINE),
        lines(HEADER, "", MINE, ",,,,,,,,,", HEADER),
        lines(HEADER, MINE.replace("829449", " 829449 ")),
        lines("New column," + HEADER, "?," + MINE),
        encode({"headers": HEADER.split(","), "rows": [MINE.split(","), OTHER.split(",")]}),
        encode({"rows": [[829449, "SDG Test 2", 2362, "Block Storage (Standard) - Gb", Decimal("0.4965"),
                          None, None, None, None, "GBM"]], "headers": HEADER.split(",")}),
    ],
)  # fmt: skip
def test_forms_of_the_same_report(body: str | bytes) -> None:
    (row,) = read(body)[0]
    expected = read(lines(HEADER, MINE))[0][0]
    assert row[1:] == expected[1:]


def test_a_workbook_is_read_with_its_numbers_as_they_are_shown() -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.append(HEADER.split(","))
    sheet.append([829449, "A", 2362.0, "Block", 0.1, None, None, None, None, "GBM"])
    sheet.append([111, "B", 2362, "Block", 5, None, None, None, None, "GBM"])
    out = io.BytesIO()
    book.save(out)
    (row,), reader = read(out.getvalue())
    assert isinstance(row, Row)
    assert (row.client_id, row.feature_id, row.metric_value) == ("829449", "2362", Decimal("0.1"))
    assert reader.other_rows == 1


def test_quoted_commas_and_line_ends_are_part_of_a_cell() -> None:
    (row,), _ = read(lines(HEADER, MINE.replace("SDG Test 2", '"SDG, ""Test""\r\n2"')))
    assert isinstance(row, Row)
    assert row.company_name == 'SDG, "Test"\r\n2'


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (HEADER.replace("Client ID", "Customer"), "client id"),
        (HEADER.replace("Client ID", "Their client id"), "client id"),  # the name as a whole, not a part
        (HEADER.replace("Metric value", "Value"), "metric value"),
        (HEADER.replace("Unit name", "Unit").replace("Feature name", "Feature"), "feature name, unit name"),
    ],
)
def test_a_file_without_a_column_that_is_needed_is_refused(header: str, missing: str) -> None:
    error = refused(lines(header, OTHER))
    assert error.reason.startswith(f"The layout is unknown: there is no column for {missing}. It begins: ")
    assert OTHER not in error.reason
    assert error.first_lines == [header, OTHER]


def test_a_refusal_never_shows_anybodys_row() -> None:
    error = refused(lines(OTHER, MINE))
    assert "Someone" not in error.reason
    assert "7.0" not in error.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "The file is empty."),
        ("\r\n", "The file is empty."),
        ("<html>502 Bad Gateway</html>", "The layout is unknown"),
        ('{"headers": ["Client ID"]}', "The JSON is not of the form"),
        ('{"headers": ["Client ID"], "rows": [1]}', "A row of the JSON is not a list."),
        ('[{"Client ID": 1}]', "The JSON is not of the form"),
        ("{", "Invalid JSON"),
        (b"PK\x03\x04 not a workbook", "It is no XLSX that can be read"),
        (spoilt_workbook(), "It is no XLSX that can be read"),
        (swelling_workbook(), "It is no XLSX that can be read: The workbook unpacks to 100,000,004 bytes"),
        (lines(HEADER, MINE.replace("SDG", '"SDG')), "It is no CSV in UTF-8 all through"),
        (lines(HEADER, MINE).encode() + b"\xff\xfe", "It is no CSV in UTF-8 all through"),
        (lines(HEADER + ",client_id", MINE + ",111"), "The column 'client_id' stands in it twice."),
        (b"{" + b" " * MAX_HELD, "JSON and XLSX are read up to"),
    ],
)
def test_what_is_no_report_is_refused(body: str | bytes, reason: str) -> None:
    assert refused(body).reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.4965", "0.4965"), ("199.9000", "199.9000"), ("-3.5", "-3.5"), ("1e3", "1000"), ("", "0"),
        ("1,234.5000", "1234.5000"), ("-1,234,567.25", "-1234567.25"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
    ],
)  # fmt: skip
def test_numbers_are_exact(text: str, number: str) -> None:
    assert str(metric_of(text)) == number


@pytest.mark.parametrize(
    "text", ["1,234", "12,34.5", "1.234,5", "1 234", "NaN", "Infinity", "1_000", "٣", "n/a", "1e99", "."]
)
def test_what_is_no_number_beyond_doubt_is_set_aside(text: str) -> None:
    (aside,), reader = read(lines(HEADER, MINE.replace("0.4965", f'"{text}"')))
    assert isinstance(aside, Aside)
    assert aside.position == 2
    assert aside.text.startswith("829449,SDG Test 2")
    assert reader.zero_rows == 0


def test_rows_of_zero_are_left_out_and_counted() -> None:
    rows, reader = read(
        lines(HEADER, *(MINE.replace("0.4965", zero) for zero in ("0.0000", "", "-0", "0e5")))
    )
    assert (rows, reader.zero_rows) == ([], 4)


@pytest.mark.parametrize(
    "row", [MINE + ",", MINE[:-1].rpartition(",")[0], "829449", MINE.replace("SDG", "S\0")]
)
def test_a_row_out_of_shape_is_set_aside(row: str) -> None:
    found, _ = read(lines(HEADER, row, MINE))
    assert [type(item) for item in found] == [Aside, Row]


BLOCK = "Account ID,Company name,Product ID,Product name,Region ID,Region name,Usage,Unit"


def test_the_portals_blocks_are_filled_down_within_each() -> None:
    rows, reader = read(
        lines(
            "1,The Reseller",
            BLOCK,
            "111,Someone Else,92,Delivery per GB,7,Latin America,4.5,GB",
            ",,92,Delivery per GB,8,Middle East,5.5,GB",
            BLOCK,
            "829449,SDG Test 2,92,Delivery per GB,7,Latin America,1.25,GB",
            ",,92,Delivery per GB,8,Middle East,2.5,GB",
        )
    )
    mine = ("829449", "SDG Test 2", "92", "Delivery per GB")
    assert rows == [
        (6, *mine, Decimal("1.25"), "7", "Latin America", "", "", "GB"),
        (7, *mine, Decimal("2.5"), "8", "Middle East", "", "", "GB"),
    ]
    assert reader.other_rows == 2


def test_a_block_without_an_account_is_nobodys() -> None:
    rows, _ = read(
        lines("1,R", BLOCK, "829449,A,3,c,7,L,1,GB", BLOCK, ",,3,c,8,M,2,GB", "829449,A,3,c,8,M,3")
    )
    assert [type(item) for item in rows] == [Row, Aside, Aside]
    assert rows[1][1:] == ("its block names no account", ",,3,c,8,M,2,GB")
