"""Files as people and programs write them: read right, or refused with a sentence."""

import gzip
import io
import json
import re
import tracemalloc
import zipfile
from datetime import timedelta
from typing import Any, Final

import pytest

from inventory.files import BadFile, Record, Rejects, table_open, xlsx_table
from inventory.tests.files import csv_bytes, gzipped, json_bytes, xlsx_bytes

HEADER: Final = ["a", "b"]
ROWS: Final = [["1", "x"], ["2", "y"]]
PLAIN: Final = b"a,b\n1,x\n2,y\n"


def read(content: bytes) -> tuple[list[str], list[Record], list[str]]:
    with table_open(io.BytesIO(content)) as table:
        return table.header, list(table.records()), table.notes


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.decode().encode("utf-16"),
        gzipped(PLAIN),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        b"sep=;\r\n" + PLAIN.replace(b",", b";"),
        b"\n\na,b,,\n1,x,,\n,,,\n\n2,y,,\n",
        b'"a","b"\n"1","x"\n"2","y"',
        xlsx_bytes([HEADER, [1, "x"], [None, None], [2.0, "y", None]]),
        json_bytes([{"a": 1, "b": "x"}, {"a": "2", "b": "y", "c": None}]),
        b'{"items": [{"a": 1, "b": "x"},\n{"b": "y", "a": 2}]}',
        b'{"a": 1, "b": "x"}\n{"a": 2.0, "b": "y"}\n',
    ],
)
def test_one_table_however_it_is_written(content: bytes) -> None:
    header, records, notes = read(content)
    assert (header[:2], [record.cells[:2] for record in records]) == (HEADER, ROWS)
    assert not any(record.problem for record in records)
    assert notes == []


def test_rows_are_counted_as_a_person_counts_them() -> None:
    content = b'\na,b\n"1\n2",x\n\n3,y\n'
    assert [(r.number, r.cells) for r in read(content)[1]] == [(3, ["1\n2", "x"]), (6, ["3", "y"])]
    sheet = xlsx_bytes([[], HEADER, [], ["1", "x"]])
    assert [record.number for record in read(sheet)[1]] == [4]
    assert [record.number for record in read(b'[{"a": 1}, {"a": 2}]')[1]] == [1, 2]


@pytest.mark.parametrize(
    ("content", "number", "problem"),
    [
        (b"a,b\n1,x\n2,y,z\n", 3, "3 cells, the header 2"),
        (b"a,b\n1\n", 2, "1 cells"),
        (b"a,b\n" + b"1,x\n" * 20_000 + b"\xff,x\n", 20_002, "not UTF-8"),
        (b"a,b\n1,x\n" * 20_000 + b"1\x00,x\n", 40_001, "NUL"),
        (b"a,b\n" + b"1" * 100_000_000 + b",x\n3,y\n", 2, "longer than 131,072"),
        (xlsx_bytes([HEADER, ["=1+1", "x"]]), 2, "a is a formula"),
        (xlsx_bytes([HEADER, [1, timedelta(hours=30)]]), 2, "b is a duration"),
        (b'[{"a": 1}, {"a": NaN}]', 2, "NaN"),
        (b'[{"a": 1}, {"a": 1, "a": 2}]', 2, "given twice"),
    ],
)
def test_a_bad_row_harms_no_other(content: bytes, number: int, problem: str) -> None:
    bad = [record for record in read(content)[1] if record.problem]
    assert [record.number for record in bad] == [number]
    assert problem in bad[0].problem
    assert "\x00" not in "".join(bad[0].cells) or "NUL" in problem


def bomb(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<a/>")
        archive.writestr(name, b"0" * 50_000_000)
    return out.getvalue()


def sheet(rows: bytes) -> bytes:
    """A workbook whose second row is replaced by others."""
    plain, out = zipfile.ZipFile(io.BytesIO(xlsx_bytes([HEADER, ["row", ""]]))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in plain.namelist():
            content = re.sub(rb'<row r="2".*</row>', rows, plain.read(name), flags=re.DOTALL)
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"[]", "empty"),
        (xlsx_bytes([]), "empty"),
        (gzipped(b"a,b\n" + b"0" * 100_000_000), "unpacks to more than 250 times"),
        (bomb("xl/worksheets/sheet1.xml"), "beyond any use"),
        (gzipped(PLAIN * 999)[:-20], "cut off"),
        (gzipped(gzipped(PLAIN)), "another archive"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"PK\x03\x04nonsense", "damaged"),
        (xlsx_bytes([HEADER])[:2000], "damaged"),
        (b"a\x00,\x00b\x00\n\x00", "UTF-16 without its mark"),
        (b"\xff\xfea\x00b", "damaged"),
        (b"\xd0\xcf\x11\xe0 old Excel", "none of CSV, XLSX and JSON"),
        (b'a,b\n"1,x\n' + b"2,y\n" * 50_000, "quote is not closed"),
        (b'[{"a": 1}, {"a": "', "cut off"),
        (b'[{"a": "' + b"1" * 300_000, "longer than"),
        (xlsx_bytes([["a", "=1+1"], ["1", "2"]]), "The header holds a formula"),
        (sheet(b'<row><c r="ZZZ2"><v>1</v></c></row>' * 2000), "or 2,000 columns"),
        (",".join(f"c{n}" for n in range(3000)).encode(), "more than 2000 columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        read(content)


def test_a_row_that_claims_to_be_far_below_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_table, "MOST_ROWS", 1000)
    with pytest.raises(BadFile, match="Row 1,001 is beyond 1,000 rows"):
        read(sheet(b'<row r="9000000000"><c><v>1</v></c></row>'))


def test_an_archive_of_something_else_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("costs.csv", PLAIN)
    with pytest.raises(BadFile, match="send what is inside"):
        read(out.getvalue())


def test_a_western_encoding_is_guessed_and_said() -> None:
    header, records, notes = read("näme,b\nMünchen,x\n".encode("cp1252"))
    assert (header[0], records[0].cells[0]) == ("näme", "München")
    assert "Windows-1252" in notes[0]


def test_numbers_of_a_sheet_are_the_ones_that_it_shows() -> None:
    rows = read(xlsx_bytes([HEADER, [0.1, 1e-7], [10**20, True]]))[1]
    assert rows[0].cells == ["0.1", "0.0000001"]
    assert rows[1].cells == ["100000000000000000000", "true"]


def test_json_keeps_every_digit_and_says_what_it_leaves_out() -> None:
    lines = ['{"a": 0.1234567890123456789, "b": {"k": [1.50]}}'] * 100 + ['{"a": 1, "late": 2}']
    _, records, notes = read("\n".join(lines).encode())
    assert records[0].cells == ["0.1234567890123456789", '{"k":[1.50]}']
    assert len(records) == 101
    assert notes == ["'late' is left out: no earlier object has it."]


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (b'[{"a": 1}, null, {"a": 2}]', [2]),
        (b'{"a": 1}\nlost\n{"a": 2}\n', [2]),
        (b'[{"a": 1}, {"a": 2}] lost', [3]),
        (b'[{"a": 1}, {"a": 2}], {"a": 3}, {"a": 4}', [3]),
        (b'{"items": [{"a": 1}, {"a": 2}], "next": {"a": 3}}', []),
        (b'{"a": 1}\n\n{"a": 2}\n', []),
    ],
)
def test_json_passes_over_nothing_but_what_frames_the_objects(content: bytes, numbers: list[int]) -> None:
    records = read(content)[1]
    assert [record.cells for record in records if not record.problem] == [["1"], ["2"]]
    assert [record.number for record in records if record.problem] == numbers


def test_memory_does_not_grow_with_the_file() -> None:
    content = gzip.compress(
        b"a,b\n" + b"".join(b"%d,%s\n" % (n, bytes(200)[:0] + b"x" * 200) for n in range(50_000))
    )
    file = io.BytesIO(content)
    tracemalloc.start()
    try:
        with table_open(file) as table:
            assert sum(1 for _ in table.records()) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def rejected(content: bytes) -> bytes:
    with table_open(io.BytesIO(content)) as table:
        rejects = Rejects(table)
        for record in table.records():
            rejects.add(record, record.problem or "bad")
        rejects.close()
        assert rejects.file is not None
        return rejects.file.read()


def test_refused_rows_keep_the_layout_of_their_file() -> None:
    assert rejected(b"a;b\n1;x;y\n") == b"a;b;x_RejectReason\r\n1;x;2: The row has 3 cells, the header 2.\r\n"
    assert json.loads(rejected(b'[{"a": 1, "b": ""}]')) == [{"a": "1", "x_RejectReason": "1: bad"}]
    assert read(rejected(xlsx_bytes([HEADER, ["1", "x"]])))[1][0].cells == ["1", "x", "2: bad"]


def test_refused_rows_that_are_refused_again_have_one_reason() -> None:
    again = rejected(rejected(csv_bytes([{"a": "1", "b": "x"}])))
    assert again == b"a,b,x_RejectReason\r\n1,x,2: bad\r\n"


def test_a_file_stays_open_for_its_owner() -> None:
    file: Any = io.BytesIO(PLAIN)
    for _ in range(2):
        with table_open(file) as table:
            assert len(list(table.records())) == 2
