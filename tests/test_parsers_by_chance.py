"""Whatever comes, a parser answers with what it read or with its own refusal: never with anything else.

`make fuzz` tries fifty times as many cases.
"""

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.errors import AppError, ValidationFailed
from gcore.parsing import Aside, ReportReader
from gcore.tables import ReportRefused
from inventory.cells import Cells, Notes
from inventory.files import BadFile, table_open
from inventory.files.table import MOST_COLUMNS
from inventory.reading import YEARS, BadValue
from inventory.tests.files import csv_bytes, focus, json_bytes, xlsx_bytes
from inventory.triggers import last_due, read_trigger
from usage.cloudevents import mode_of, take_batched, take_binary, take_structured
from usage.queries.events import read_cursor
from usage.tests import documents
from usage.tests.documents import admit

# A deadline would be a test of the machine.
SOME: Final = settings(deadline=None)
CLIENT: Final = "829449"
GCORE_ROWS: Final = [
    {"client_id": CLIENT, "feature_name": "Traffic", "metric_value": "1.5", "unit_name": "GB"},
    {"client_id": "7", "feature_name": "Traffic", "metric_value": "1,000.5", "unit_name": "GB"},
]
TABLES: Final = [
    csv_bytes([focus(), focus(BilledCost="-0.5")]),
    csv_bytes([focus()], ";").decode().encode("utf-16"),
    csv_bytes(GCORE_ROWS),
    json_bytes(GCORE_ROWS),
    json.dumps({"headers": list(GCORE_ROWS[0]), "rows": [list(row.values()) for row in GCORE_ROWS]}).encode(),
    xlsx_bytes([list(GCORE_ROWS[0]), *(list(row.values()) for row in GCORE_ROWS), [1.5, True, None]]),
]
SPLICES: Final = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"{",
    b"]",
    b"\r",
    b",,,,",
    b"9" * 60,
    b"1e999",
    b"\xed\xa0\x80",
    b"=1+1",
]
CRON_PARTS: Final = st.text("0123456789*/,-LW#?MONJAN ", max_size=8)
NUMBERS: Final = st.text("0123456789.,-+eE()$€ _\u0661\u00a0", max_size=45)
MOMENTS: Final = st.text("0123456789-/.:TZ+ \u0661", max_size=30) | st.from_regex(
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    fullmatch=True,
)


@st.composite
def spoilt(draw: st.DrawFn, whole: list[bytes] = TABLES) -> bytes:
    """A good file with some bytes taken out, put in or doubled; or bytes by chance."""
    body = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        body = body[:start] + draw(st.sampled_from([*SPLICES, body[start:end] * 2])) + body[end:]
    return gzip.compress(body, 1) if draw(st.booleans()) else body


FILES: Final = spoilt() | st.binary(max_size=60)


@SOME
@given(FILES)
def test_a_table(content: bytes) -> None:
    with contextlib.suppress(BadFile), table_open(io.BytesIO(content)) as table:
        assert 0 < len(table.header) <= MOST_COLUMNS
        for record in table.records():
            assert len(record.cells) == len(table.header)


@SOME
@given(FILES)
def test_a_report_of_gcores(content: bytes) -> None:
    """A row of another customer is never taken for one's own."""
    with contextlib.suppress(ReportRefused):
        for row in ReportReader(io.BytesIO(content), CLIENT):
            assert isinstance(row, Aside) or (row.client_id == CLIENT and row.metric_value.is_finite())


@SOME
@given(NUMBERS, st.booleans())
def test_a_number_in_a_cell(text: str, decimal_comma: bool) -> None:
    cells = Cells(Notes(), decimal_comma=decimal_comma, values={})
    for read in (cells.money, cells.quantity):
        with contextlib.suppress(BadValue):
            found = read(text)
            assert found.is_finite()
            assert abs(found) < 10**20


@SOME
@given(MOMENTS, st.sampled_from(["", "dmy", "mdy"]))
def test_a_moment_in_a_cell(text: str, order: str) -> None:
    with contextlib.suppress(BadValue):
        found = Cells(Notes(), date_order=order, values={}).moment(text)
        assert found.utcoffset() is not None
        assert found.year in YEARS


@SOME
@given(st.text('{}[]":,=;ab1\\\x00\ud800 ', max_size=40))
def test_tags_and_documents_in_a_cell(text: str) -> None:
    cells = Cells(Notes(), values={})
    for read in (cells.tags, cells.document):
        with contextlib.suppress(BadValue):
            read(text)


@SOME
@given(
    st.lists(CRON_PARTS, min_size=4, max_size=6).map(" ".join),
    st.sampled_from(["UTC", "Europe/Berlin", "../etc/passwd", "", 7, None, "Europe/berlin\x00"]),
)
def test_a_schedule(cron: str, zone: Any) -> None:
    """One that is taken is known to have a moment."""
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with contextlib.suppress(ValidationFailed):
        trigger = read_trigger({"type": "cron", "cron": cron, "time_zone": zone})
        assert last_due(trigger, now) <= now


@SOME
@given(st.text("0123456789|abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_=é", max_size=60))
def test_a_cursor_of_events(text: str) -> None:
    with contextlib.suppress(ValidationFailed):
        moment, _ = read_cursor(text)
        assert moment.tzinfo is UTC


VALUES: Final = st.recursive(
    st.sampled_from(
        [None, True, 7, -1, 10**20, 1.5, "", "a", "é", "1.0", "2026-03-01T10:00:00Z", "%", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "data"]), inner, max_size=3)
    ),
    max_leaves=4,
)
CHANGES: Final = st.dictionaries(
    st.sampled_from([*documents.cloud_event(), "data_base64", "datacontenttype", "x", "X"]),
    VALUES,
    max_size=3,
)


@SOME
@given(st.lists(CHANGES, max_size=3), st.sampled_from(["", "acme"]))
def test_cloud_events(changes: list[Mapping[str, Any]], home: str) -> None:
    sent = [documents.cloud_event(**change) for change in changes]
    takes: list[Callable[[], Any]] = [lambda: take_batched(json.dumps(sent).encode(), admit, home=home)]
    for one in sent:
        headers = {f"ce-{name}": str(value) for name, value in one.items() if name != "data"}
        body = json.dumps(one.get("data")).encode("utf-8", "surrogatepass")
        takes.append(partial(take_structured, json.dumps(one).encode(), admit, home=home))
        takes.append(partial(take_binary, body, admit, headers=headers, home=home))
        mode_of("", headers)
    for take in takes:
        with contextlib.suppress(AppError):
            take()
