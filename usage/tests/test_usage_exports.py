"""Events as files: each read back and compared to the last digit, of one moment, in constant memory."""

import csv
import datetime as dt
import io
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from openpyxl import load_workbook
from pyarrow import parquet
from rest_framework.test import APIClient

from accounts import streams, tables
from accounts.models import Tenant, User
from accounts.streams import PartByPart, streamed
from accounts.tables import FORMATS
from accounts.wire import encode
from tests.browser import browser
from usage import exports
from usage.ledger import Lot, Row, store
from usage.models import UsageEvent
from usage.tests.documents import event, row

Get = Callable[..., Any]
COLUMNS: Final = [column.name for column in exports.COLUMNS]
NOON: Final = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
LONG_COST: Final = "1234567890.1234567890123"
NASTY: Final[list[dict[str, Any]]] = [
    {"event_id": "plain", "metrics": {"hours": Decimal("0.10")}, "tags": ["a", "b,c"]},
    {"event_id": "long", "metrics": {"n": Decimal("12345678901234567890.000000000000000001")}},
    {"event_id": "cost", "billing_info": {"total_cost": "-0.30"}},
    {"event_id": "long-cost", "billing_info": {"total_cost": Decimal(LONG_COST)}},
    {"event_id": '=HYPERLINK("http://evil")', "user_id": "@sum", "session_id": "+1", "request_id": "'quoted"},
    {"event_id": "#N/A", "user_id": "two\r\nlines \x07 _x0041_ ä 😀", "metadata": {"k": "=1+1"}},
    {"event_id": "wide", "metadata": {"text": "x" * 40_000}},
]


@pytest.fixture
def get(client_for: Callable[..., APIClient], key: Callable[..., str]) -> Get:
    """`get("csv", user_id=…)`: the answer, read whole."""
    client = client_for(key("read"))
    return lambda format, **parameters: client.get("/api/v1/usage/export", {"format": format, **parameters})


def make(tenant: Tenant, rows: Iterable[dict[str, Any]]) -> None:
    fixed = {name: value for name, value in event().items() if name != "tenant_id"}
    for number, fields in enumerate(rows):
        moment = NOON - dt.timedelta(microseconds=number)
        UsageEvent.objects.create(tenant=tenant, timestamp=moment, received_at=NOON, **{**fixed, **fields})


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


TEXTS: Final = ("event_id", "user_id", "service_type", "service_provider", "event_type")


def expected(fields: dict[str, Any], number: int) -> dict[str, Any]:
    """What any of the files holds of one of the rows, as the ledger has it."""
    values = event(**fields)
    cost = values.get("billing_info", {}).get("total_cost")
    return {
        **{name: values[name] for name in TEXTS},
        "timestamp": NOON - dt.timedelta(microseconds=number),
        "tenant_id": "acme",
        **{name: encode(values.get(name, {})).decode() for name in ("metrics", "billing_info", "metadata")},
        "total_cost": None if cost is None else str(cost),
        "tags": values.get("tags", []),
        "session_id": values.get("session_id", ""),
        "request_id": values.get("request_id", ""),
        "received_at": NOON,
    }


def moments(record: dict[str, Any]) -> dict[str, Any]:
    for name in ("timestamp", "received_at"):
        record[name] = dt.datetime.fromisoformat(record[name])
    return record


ALL: Final = [expected(fields, number) for number, fields in enumerate(NASTY)]


def test_csv_reads_back_as_it_was_and_runs_no_formula(acme: Tenant, get: Get) -> None:
    make(acme, NASTY)
    answer = get("csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    read = list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))
    assert not [
        cell
        for record in read
        for name, cell in record.items()
        if cell[:1] in "=+-@" and name != "total_cost" and cell
    ]
    found = []
    for record in read:
        plain: dict[str, Any] = {name: cell.removeprefix("'") for name, cell in record.items()}
        plain |= {"tags": json.loads(plain["tags"]), "total_cost": plain["total_cost"] or None}
        found.append(moments(plain))
    assert found == ALL


def test_xlsx_reads_back_as_it_was_and_holds_no_formula(acme: Tenant, get: Get) -> None:
    make(acme, NASTY)
    sheet = load_workbook(io.BytesIO(body(get("xlsx")))).active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == list(COLUMNS)
    assert {cell.data_type for row in rows for cell in row} == {"s", "n"}
    found = [dict(zip(COLUMNS, (cell.value for cell in row), strict=True)) for row in rows[1:]]
    assert [record["total_cost"] for record in found[:5]] == [None, None, -0.3, LONG_COST, None]
    said = found[6].pop("metadata")
    assert said == "40011 characters, more than a cell holds: see the CSV or Parquet export"
    assert found[5]["user_id"] == "two_x000D_\nlines _x0007_ _x005F_x0041_ ä 😀"
    for number, record in enumerate(found):
        wanted = {**ALL[number], "total_cost": record["total_cost"]}
        if number == 5:
            wanted["user_id"] = record["user_id"]
        if number == 6:
            del wanted["metadata"]
        record |= {"tags": json.loads(record["tags"] or "[]")}
        record |= {name: record[name] or "" for name in ("session_id", "request_id")}
        assert moments(record) == wanted


def test_parquet_reads_back_as_it_was(acme: Tenant, get: Get) -> None:
    make(acme, NASTY)
    answer = get("parquet")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(pa.BufferReader(body(answer)))
    assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert table.column_names == list(COLUMNS)
    assert table.to_pylist() == ALL


def test_parquet_is_written_in_groups_of_rows(
    acme: Tenant, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PARQUET_GROUP", 3)
    make(acme, NASTY)
    file = parquet.ParquetFile(pa.BufferReader(body(get("parquet"))))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 1]
    assert file.read().to_pylist() == ALL


@pytest.mark.parametrize("format", list(FORMATS))
def test_no_events_make_a_file_with_columns_alone(acme: Tenant, get: Get, format: str) -> None:
    content = body(get(format))
    if format == "csv":
        assert content.decode() == ",".join(COLUMNS) + "\r\n"
    elif format == "xlsx":
        assert load_workbook(io.BytesIO(content)).active.max_row == 1
    else:
        assert parquet.read_table(pa.BufferReader(content)).num_rows == 0


def test_the_filters_are_those_of_the_list_and_only_what_counts_is_there(
    acme: Tenant, rival: Tenant, get: Get
) -> None:
    make(
        acme, [{"event_id": "a"}, {"event_id": "b", "user_id": "jonas"}, {"event_id": "c", "ended_at": NOON}]
    )
    make(rival, [{"event_id": "foreign"}])

    def ids(**parameters: str) -> list[str]:
        lines = csv.DictReader(io.StringIO(body(get("csv", **parameters)).decode()))
        return [line["event_id"] for line in lines]

    assert ids() == ["a", "b"]
    assert ids(user_id="jonas") == ["b"]
    assert ids(start_date=NOON.isoformat()) == ["a"]
    assert ids(end_date=NOON.isoformat()) == ["b"]
    assert ids(end_date="2026-03-09") == []


def test_its_name_says_whose_and_of_when(acme: Tenant, get: Get) -> None:
    def name(**parameters: str) -> str:
        return str(get("csv", **parameters)["Content-Disposition"])

    assert name() == 'attachment; filename="usage-acme-open-open.csv"'
    march = name(start_date="2026-03-01T01:00:00+01:00", end_date="2026-03-31")
    assert march == 'attachment; filename="usage-acme-20260301T000000Z-20260401T000000Z.csv"'
    answer = get("csv")
    assert answer["X-Pending"] == "0"
    through = dt.datetime.fromisoformat(answer["X-Complete-Through"])
    assert dt.datetime.now(dt.UTC) - through < dt.timedelta(seconds=30)


@pytest.mark.parametrize(
    "parameters", [{"format": "pdf"}, {"start_date": "2026-03-02", "end_date": "2026-03-01"}]
)
def test_what_cannot_be_made_is_refused(acme: Tenant, get: Get, parameters: dict[str, str]) -> None:
    answer = get(**{"format": "csv", **parameters})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == ("format" if "format" in parameters else "end_date")


def test_more_events_than_a_sheet_holds_are_refused_before_the_work(
    acme: Tenant, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "XLSX_MAX_ROWS", 2)
    make(acme, [{"event_id": "a"}, {"event_id": "b"}])
    assert get("xlsx").status_code == 200
    make(acme, [{"event_id": "c"}])
    monkeypatch.setattr("openpyxl.Workbook", None)
    answer = get("xlsx")
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "format: a sheet of XLSX holds 2 events and there are more; take CSV or Parquet, or a shorter window."
    )


@pytest.mark.parametrize(("format", "queries"), [("csv", 1), ("parquet", 1), ("xlsx", 2)])
def test_the_number_of_queries_does_not_grow_with_the_events(
    acme: Tenant, format: str, queries: int, django_assert_num_queries: Any
) -> None:
    make(acme, ({"event_id": f"e-{n}"} for n in range(20)))
    with django_assert_num_queries(queries):
        for _ in exports.event_parts(format, UsageEvent.objects.for_tenant(acme), "acme"):
            pass


def fill(tenant: Tenant, count: int) -> None:
    rows = [
        Row(**{**row(f"e-{n:06}"), "metrics": b'{"hours":0.10}', "metadata": b'{"model":"m"}'})
        for n in range(count)
    ]
    for start in range(0, count, 2000):
        store([Lot(str(tenant.pk), NOON, rows[start : start + 2000], "entry")])


@pytest.mark.parametrize(("format", "count"), [("csv", 1000), ("parquet", 1000), ("xlsx", 500)])
@pytest.mark.django_db(transaction=True)
def test_memory_does_not_grow_with_the_events(
    acme: Tenant, format: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small steps show in thousands of rows what the real ones would in hundreds of thousands."""
    monkeypatch.setattr(exports, "FETCHED", 100)
    monkeypatch.setattr(tables, "PARQUET_GROUP", 200)
    fill(acme, 3 * count)
    peaks = []
    for number in (count, 3 * count):
        chosen = UsageEvent.objects.for_tenant(acme).filter(event_id__lt=f"e-{number:06}")
        tracemalloc.start()
        held = pa.total_allocated_bytes()
        size = sum(len(part) for part in exports.event_parts(format, chosen, "acme"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert size > number
        assert pa.total_allocated_bytes() - held < 1_000_000
    assert peaks[1] < peaks[0] * 1.2


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_file_is_of_one_moment(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PART", 1)
    monkeypatch.setattr(exports, "FETCHED", 2)
    make(acme, ({"event_id": f"e-{n}"} for n in range(10)))
    parts = exports.event_parts("csv", UsageEvent.objects.for_tenant(acme).live(), "acme")
    next(parts)
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)

    def change() -> None:
        UsageEvent.objects.for_tenant(acme).update(ended_at=NOON)
        make(acme, ({"event_id": f"late-{n}"} for n in range(10)))
        connection.close()

    other = threading.Thread(target=change)
    other.start()
    other.join()
    assert len(list(parts)) == 10
    assert not connection.in_atomic_block
    assert UsageEvent.objects.for_tenant(acme).live().count() == 10


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_leaves_ends_the_transaction(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PART", 1)
    make(acme, ({"event_id": f"e-{n}"} for n in range(3)))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    parts = exports.event_parts("csv", UsageEvent.objects.for_tenant(acme), "acme")
    next(parts)
    streamed(ASGIRequest(scope, io.BytesIO()), parts).close()
    assert not connection.in_atomic_block
    assert list(parts) == []


def test_under_asgi_the_parts_come_one_by_one() -> None:
    made: list[int] = []

    def parts() -> Any:
        for number in range(3):
            made.append(number)
            yield b"x"

    async def first() -> list[int]:
        await anext(aiter(PartByPart(parts())))
        return list(made)

    assert async_to_sync(first)() == [0]


def test_the_console_offers_the_filtered_events_as_files(acme: Tenant, viewer: User) -> None:
    make(acme, [{"event_id": "a"}, {"event_id": "b", "user_id": "jonas"}])
    page = browser(viewer).get("/console/events?user_id=jonas&first=2026-03-10&last=2026-03-10")
    link = f"/api/v1/usage/export?{page.context['export']}&format=csv"
    assert link.replace("&", "&amp;") in page.content.decode()
    lines = body(browser(viewer).get(link)).decode().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["event_id", "b"]
