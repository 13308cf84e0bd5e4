"""Costs and resources as files: every line, every digit, FOCUS's columns for each of its versions."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pytest
from openpyxl import load_workbook
from pyarrow import parquet

from accounts import tables
from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.exports import lines_table
from inventory.focus_export import ADDED, columns_of, focus_parts
from inventory.models import CostDay, ExchangeRate
from inventory.queries.costs import live_lines
from inventory.services.bulk import Sent, resources_bulk
from inventory.tests.bills import bill, load
from inventory.tests.files import applied
from inventory.tests.rows import ACCOUNT, resource

URL: Final = "/api/v1/costs/export"
TINY: Final = Decimal("0.00000000000001")


@pytest.fixture(autouse=True)
def costs(acme: Tenant, rival: Tenant) -> None:
    load(
        acme,
        [
            bill(
                "2026-03-01", "-0.10", region="us-east-1", service_category="Compute", tags={"env": "prod"},
                effective_cost=TINY, list_cost=Decimal("1E+3"), consumed_quantity=Decimal("24"),
                consumed_unit="Hours", charge_category="Credit", charge_description="=1+1",
                sub_account_id="8", invoice_id="INV-1",
                other={"InvoiceIssuerName": "Reseller", "PricingCurrency": "USD",
                       "SkuPriceDetails": {"x": 1}},
            ),
            bill("2026-03-02", "2", currency="EUR", provider="acme-cloud", billing_account_id="",
                 sub_account_id="s-1", other={"PricingCurrency": "USD", "PublisherName": "P"}),
        ],
    )  # fmt: skip
    load(rival, [bill("2026-03-01", "99999")])


def read(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def records(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(answer).decode(), newline="")))


def test_focus_1_2_is_what_comes_unasked(api: Any) -> None:
    answer = api.get(URL)
    assert answer["Content-Disposition"] == 'attachment; filename="focus-1.2-acme-open-open.csv"'
    second, first = records(answer)
    assert list(first) == columns_of("1.2")
    told = {
        "BilledCost": "-0.1", "EffectiveCost": "0.00000000000001", "ListCost": "1000", "ContractedCost": "",
        "BillingAccountId": "7", "SubAccountId": "8", "BillingCurrency": "USD", "ProviderName": "AWS",
        "PublisherName": "AWS", "InvoiceIssuerName": "Reseller", "ServiceName": "EC2",
        "RegionId": "us-east-1", "ServiceCategory": "Compute", "ServiceSubcategory": "Other (Compute)",
        "Tags": '{"env":"prod"}',
        "ChargePeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodEnd": "2026-03-02T00:00:00Z",
        "BillingPeriodStart": "2026-03-01T00:00:00Z", "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargeCategory": "Credit", "ChargeDescription": "=1+1", "ConsumedQuantity": "24",
        "ConsumedUnit": "Hours", "InvoiceId": "INV-1", "PricingCurrencyEffectiveCost": "0.00000000000001",
        "SkuPriceDetails": '{"x":1}', "PricingCurrency": "USD",
    }  # fmt: skip
    assert {name: value for name, value in first.items() if value} == {k: v for k, v in told.items() if v}
    assert (second["ProviderName"], second["PublisherName"], second["BillingAccountId"], second["Tags"]) == (
        "acme-cloud", "P", "s-1", "",
    )  # fmt: skip
    assert (second["PricingCurrencyEffectiveCost"], second["ServiceCategory"]) == ("", "Other")


@pytest.mark.parametrize(
    ("version", "count"), [("1.0", 43), ("1.1", 50), ("1.2", 57), ("1.3", 65), ("1.4", 65)]
)
def test_each_version_has_its_columns(api: Any, version: str, count: int) -> None:
    header = list(records(api.get(URL, {"format": f"focus-{version}"}))[0])
    assert len(header) == count
    assert header == sorted(header)
    assert ("ProviderName" in header, "ServiceProviderName" in header) == (
        version != "1.4", version in ("1.3", "1.4"),
    )  # fmt: skip


def test_the_columns_are_those_of_the_specification() -> None:
    """Those that it calls mandatory in every version."""
    mandatory = {
        "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart",
        "BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodStart",
        "ChargePeriodEnd", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
        "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName",
    }  # fmt: skip
    for version in ADDED:
        assert mandatory <= set(columns_of(version))
    assert {"ProviderName", "PublisherName"} <= set(columns_of("1.3"))


def test_the_reporting_currency_stands_beside_and_never_instead(api: Any, acme: Tenant) -> None:
    named = {"currency": "EUR", "to_currency": "CHF", "valid_from": "2026-01-01"}
    ExchangeRate.objects.create(tenant=acme, rate=Decimal("0.95"), **named)
    found = records(api.get(URL, {"reporting_currency": "CHF"}))
    shown = ("BilledCost", "BillingCurrency", "x_ReportingCost", "x_ReportingCurrency")
    assert [[row[name] for name in shown] for row in found] == [
        ["2", "EUR", "1.9", "CHF"],
        ["-0.1", "USD", "", ""],
    ]


def test_csv_has_our_columns_with_their_import_and_no_formula(api: Any) -> None:
    _, first = records(api.get(URL, {"format": "csv"}))
    told = {
        "day": "2026-03-01", "billed_cost": "-0.10000000000000", "provider": "aws", "row_number": "1",
        "charge_description": "'=1+1", "source": "test", "tags": '{"env":"prod"}', "contracted_cost": "",
    }  # fmt: skip
    shown = {name: first[name] for name in told}
    assert Decimal(shown.pop("billed_cost")) == Decimal(told.pop("billed_cost"))
    assert shown == told


def test_parquet_has_decimals_dates_and_moments(api: Any) -> None:
    table = parquet.read_table(pa.BufferReader(read(api.get(URL, {"format": "parquet"}))))
    assert table.schema.field("billed_cost").type == pa.decimal128(38, 14)
    assert table.schema.field("charge_start").type == pa.timestamp("us", tz="UTC")
    _, first = table.to_pylist()
    assert (first["effective_cost"], first["contracted_cost"]) == (TINY, None)
    assert (first["day"], first["row_number"]) == (date(2026, 3, 1), 1)
    assert first["charge_end"] == datetime.fromisoformat("2026-03-02T00:00:00Z")
    assert json.loads(first["other"])["PricingCurrency"] == "USD"


def test_xlsx_and_its_limit(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "XLSX_MAX_ROWS", 2)
    sheet = load_workbook(io.BytesIO(read(api.get(URL, {"format": "xlsx"})))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert (len(rows), rows[2][rows[0].index("billed_cost")]) == (3, -0.1)
    monkeypatch.setattr(tables, "XLSX_MAX_ROWS", 1)
    answer = api.get(URL, {"format": "xlsx"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "format")


def test_filters_are_those_of_the_list(api: Any) -> None:
    def count(**query: str) -> int:
        return len(records(api.get(URL, query)))

    assert count(period="2026-03") == 2
    assert count(start="2026-03-02") == 1
    assert count(provider="aws") == 1
    assert count(currency="EUR") == 1
    assert count(filter="tag:env = prod") == 1
    assert count(period="2025", format="csv") == 0
    assert api.get(URL, {"format": "focus-2.0"}).json()["errors"][0]["field"] == "format"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_analytics_as_a_file_have_every_group(api: Any, format: str) -> None:
    query = {"group_by": "service,month", "limit": 1, "format": format}
    answer = read(api.get("/api/v1/costs/analytics", query))
    if format == "csv":
        found: Any = list(csv.DictReader(io.StringIO(answer.decode())))
    else:
        found = parquet.read_table(pa.BufferReader(answer)).to_pylist()
    rows = [(row["service"], row["month"], row["currency"], Decimal(row["billed_cost"])) for row in found]
    assert rows == [("EC2", "2026-03", "EUR", 2), ("EC2", "2026-03", "USD", Decimal("-0.1"))]


def test_resources_as_a_file(api: Any, acme: Tenant, rival: Tenant) -> None:
    rows = [resource(1), resource(2, region="=eu", tags={"a": Decimal("1.50")})]
    resources_bulk(by=SYSTEM.enter("acme"), sent=Sent(rows))
    resources_bulk(by=SYSTEM.enter("rival"), sent=Sent([resource(3)]))
    second, first = records(api.get("/api/v1/resources/export"))
    assert (first["resource_id"], first["account_id"]) == ("i-1", ACCOUNT)
    assert Decimal(first["cost_monthly"]) == 72
    assert (second["region"], second["tags"]) == ("'=eu", '{"a":1.50}')
    assert len(records(api.get("/api/v1/resources/export", {"region": "=eu"}))) == 1
    assert read(api.get("/api/v1/resources/export", {"format": "parquet"}))[:4] == b"PAR1"


@pytest.mark.parametrize(("format", "queries"), [("csv", 1), ("focus-1.4", 1), ("parquet", 1)])
def test_the_number_of_queries_does_not_grow(
    acme: Tenant, format: str, queries: int, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(queries):
        if format.startswith("focus"):
            parts = focus_parts(live_lines(acme), "1.4", None)
        else:
            table = lines_table(live_lines(acme))
            parts = tables.FORMATS[format].parts(table.title, table.columns, table.rows)
        assert b"".join(parts)


@pytest.mark.every_case
@pytest.mark.parametrize("version", list(ADDED))
def test_what_is_exported_and_imported_is_the_same_again(acme: Tenant, rival: Tenant, version: str) -> None:
    first = b"".join(focus_parts(live_lines(acme), version, None))
    CostDay.objects.for_tenant(rival).update(is_live=False)
    run = applied(rival, first, source="again")
    assert (run.rows, run.rejected, run.totals) == (2, 0, {"EUR": Decimal(2), "USD": Decimal("-0.1")})
    again = b"".join(focus_parts(live_lines(rival), version, None))
    assert sorted(again.splitlines()) == sorted(first.splitlines())
