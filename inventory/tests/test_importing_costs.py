"""Files of costs: what they would change is told first, and then exactly that happens."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.utils import timezone

from accounts.errors import Conflict, ValidationFailed
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory import cells
from inventory.models import Charge, CostDay, CostLine, Import
from inventory.queries.costs import live_lines
from inventory.services import imports
from inventory.services.bulk import Sent, costs_bulk
from inventory.services.costs import cost_lines_replace
from inventory.services.imports import (
    import_check,
    import_confirm,
    import_discard,
    import_map,
    import_preview,
)
from inventory.tests.files import (
    applied,
    checked,
    csv_bytes,
    focus,
    gzipped,
    json_bytes,
    received,
    xlsx_bytes,
)
from inventory.tests.rows import cost

BY: Final = SYSTEM
PLAIN: Final = (
    "provider",
    "service_name",
    "region",
    "cost_date",
    "usage_quantity",
    "usage_unit",
    "cost_amount",
    "currency",
)


def counts(run: Import) -> tuple[int, int, int, int, int, int]:
    return run.rows, run.inserted, run.updated, run.unchanged, run.removed, run.rejected


def told(tenant: Tenant) -> list[tuple[str, Any]]:
    rows = live_lines(tenant).order_by("cost_day__day", "billed_cost")
    return [(str(day), cost) for day, cost in rows.values_list("cost_day__day", "billed_cost")]


def on(day: int, amount: str = "1", **fields: str) -> dict[str, str]:
    start, end = f"2026-03-{day:02}T00:00:00Z", f"2026-03-{day:02}T01:00:00Z"
    return focus(BilledCost=amount, ChargePeriodStart=start, ChargePeriodEnd=end, **fields)


def test_nothing_counts_before_it_is_confirmed(acme: Tenant) -> None:
    run = checked(acme, csv_bytes([on(10, "1.25"), on(11, "-0.05")]))
    assert (run.state, counts(run)) == ("checked", (2, 2, 0, 0, 0, 0))
    assert run.totals == {"USD": Decimal("1.20")}
    assert (told(acme), CostLine.objects.count()) == ([], 2)
    assert not ActivityEntry.objects.filter(type="costs.imported").exists()
    run = import_confirm(by=BY, run=run)
    assert told(acme) == [("2026-03-10", Decimal("1.25")), ("2026-03-11", Decimal("-0.05"))]
    entry = ActivityEntry.objects.get(type="costs.imported")
    assert (entry.payload["inserted"], entry.payload["totals"]) == (2, {"USD": "1.2"})
    line = CostLine.objects.get(billed_cost=Decimal("-0.05"))
    assert (line.row_number, line.source_import) == (3, run)
    assert (line.charge_start, line.charge_end.hour) == (datetime(2026, 3, 11, tzinfo=UTC), 1)


def test_every_column_of_focus_is_kept(acme: Tenant) -> None:
    row = focus(
        SkuPriceDetails='{"CoreCount": 2}', PricingCurrency="USD", PricingCurrencyEffectiveCost="1.00",
        RegionId="eu-west-1", InvoiceId="INV-1", AvailabilityZone="NULL", SubAccountId="222",
        ConsumedQuantity="0.123456789012345678", x_Mine="left out",
    )  # fmt: skip
    applied(acme, csv_bytes([row]))
    line = CostLine.objects.select_related("charge__cloud_account").get()
    charge = line.charge
    assert (line.consumed_quantity, line.invoice_id) == (Decimal("0.123456789012345678"), "INV-1")
    assert (line.effective_cost, line.list_cost, line.contracted_cost) == (1, Decimal("2.5"), Decimal("1.25"))
    assert (charge.provider, charge.region, charge.availability_zone, charge.tags) == (
        "aws", "eu-west-1", "", {"env": "prod"},
    )  # fmt: skip
    assert charge.other == {"SkuPriceDetails": {"CoreCount": 2}, "PricingCurrency": "USD"}
    assert (charge.cloud_account.account_id, line.cost_day.billing_account_id) == ("222", "111")


def test_a_virtual_currency_keeps_what_it_cost_there(acme: Tenant) -> None:
    fields = {"PricingCurrency": "TOK", "PricingCurrencyEffectiveCost": "245"}
    applied(acme, csv_bytes([focus(**fields), focus(**{**fields, "PricingCurrencyEffectiveCost": "10"})]))
    kept = {str(c.other["PricingCurrencyEffectiveCost"]) for c in Charge.objects.all()}
    assert kept == {"245", "10"}


def test_the_same_file_again_is_recognised(acme: Tenant) -> None:
    content = csv_bytes([on(10)])
    run = received(acme, content)
    assert received(acme, content) == run
    run = import_confirm(by=BY, run=import_check(by=BY, run=run))
    assert received(acme, content) == run
    assert Import.objects.count() == 1
    other = received(acme, content, source="elsewhere")
    assert other != run


def test_a_file_whose_days_were_replaced_since_may_come_again(acme: Tenant) -> None:
    first = csv_bytes([on(10, "1")])
    run = applied(acme, first)
    applied(acme, csv_bytes([on(10, "2")]))
    again = checked(acme, first)
    assert again != run
    assert counts(again) == (1, 0, 1, 0, 0, 0)


def test_only_the_days_of_the_file_are_replaced_and_the_difference_is_told(acme: Tenant) -> None:
    twice = [on(11, "3"), on(11, "3")]
    applied(acme, csv_bytes([on(10, "1"), *twice, on(11, "4"), on(11, "5", ServiceName="S3")]))
    after = [on(11, "3"), on(11, "40"), on(11, "7", ServiceName="RDS"), on(12, "8")]
    run = checked(acme, csv_bytes(after))
    # Of 3, 3, 4 and S3: one 3 stays, another becomes 40; 4 and S3 go; RDS and the 12th come.
    assert counts(run) == (4, 2, 1, 1, 2, 0)
    import_confirm(by=BY, run=run)
    assert told(acme) == [
        ("2026-03-10", 1), ("2026-03-11", 3), ("2026-03-11", 7), ("2026-03-11", 40), ("2026-03-12", 8),
    ]  # fmt: skip


def test_bills_are_replaced_each_by_itself(acme: Tenant) -> None:
    applied(
        acme, csv_bytes([on(10, "1"), on(10, "2", BillingAccountId="222"), on(10, "3", ProviderName="GCP")])
    )
    applied(acme, csv_bytes([on(10, "20", BillingAccountId="222")]))
    april = {"BillingPeriodStart": "2026-04-01T00:00:00Z", "BillingPeriodEnd": "2026-05-01T00:00:00Z"}
    applied(acme, csv_bytes([on(10, "-1", **april)]))  # a later correction of the same day
    assert [amount for _, amount in told(acme)] == [-1, 1, 3, 20]


def test_all_that_is_wrong_is_told_in_one_pass(acme: Tenant) -> None:
    rows = [
        on(10, "1"),
        on(10, "much", ChargeCategory="Fun", BillingCurrency="EURO"),
        focus(ChargePeriodStart="", BilledCost="NULL"),
        on(10, "1.123456789012345"),
        focus(ChargePeriodEnd="2026-03-01T00:00:00Z"),
        on(10, "2", Tags="{broken"),
    ]
    run = checked(acme, csv_bytes(rows))
    assert counts(run) == (6, 1, 0, 0, 0, 5)
    found = {(e["row"], e["field"]): e["message"] for e in run.errors}
    assert sorted(found) == [
        (3, "BilledCost"), (3, "BillingCurrency"), (3, "ChargeCategory"), (4, "BilledCost"),
        (4, "ChargePeriodStart"), (5, "BilledCost"), (6, "ChargePeriodEnd"), (7, "Tags"),
    ]  # fmt: skip
    assert found[5, "BilledCost"] == "Give at most 24 digits before and 14 after the point."
    text = run.rejects.open("rb").read().decode()
    assert text.splitlines()[0].endswith(",Tags,x_RejectReason")
    assert len(text.splitlines()) == 6


def test_refused_rows_that_are_put_right_join_the_others(acme: Tenant) -> None:
    run = applied(acme, csv_bytes([on(10, "1"), on(10, "two"), on(11, "3")]))
    assert run.rejected == 1
    costs_bulk(
        by=BY.enter("acme"), sent=Sent([cost(cost_date="2026-03-10", cost_amount=9, cloud_account_id="111")])
    )
    mended = run.rejects.open("rb").read().replace(b",two,", b",2,")
    again = checked(acme, mended)
    assert (again.mode, counts(again)) == ("add", (1, 1, 0, 2, 0, 0))
    import_confirm(by=BY, run=again)
    assert [amount for _, amount in told(acme)] == [1, 2, 9, 3]
    # What the API said is known by its key there too.
    costs_bulk(
        by=BY.enter("acme"), sent=Sent([cost(cost_date="2026-03-10", cost_amount=8, cloud_account_id="111")])
    )
    assert [amount for _, amount in told(acme)] == [1, 2, 8, 3]


def test_no_good_row_is_nothing_to_confirm(acme: Tenant) -> None:
    run = checked(acme, csv_bytes([on(10, "x")]))
    with pytest.raises(Conflict, match="No row"):
        import_confirm(by=BY, run=run)


def test_what_was_not_seen_is_not_confirmed(acme: Tenant) -> None:
    run = checked(acme, csv_bytes([on(10, "1")]))
    costs_bulk(by=BY.enter("acme"), sent=Sent([cost(cost_date="2026-03-10")]))
    with pytest.raises(Conflict, match="Other rows came since"):
        import_confirm(by=BY, run=run)
    import_confirm(by=BY, run=import_check(by=BY, run=run))
    with pytest.raises(Conflict, match="This import is applied"):
        import_confirm(by=BY, run=run)


def test_a_check_again_leaves_nothing_of_the_one_before(acme: Tenant) -> None:
    run = checked(acme, csv_bytes([on(10, "1"), on(11, "1")]))
    import_check(by=BY, run=run)
    assert (CostLine.objects.count(), CostDay.objects.count()) == (2, 2)
    import_discard(by=BY, run=run)
    assert (CostLine.objects.count(), CostDay.objects.count(), Import.objects.count()) == (0, 0, 0)


def test_cross_checks_only_warn(acme: Tenant) -> None:
    rows = [
        on(10, "5", ChargeCategory="Credit", ServiceCategory="Magic"),
        on(10, "1", ListUnitPrice="2", PricingQuantity="3", ListCost="7"),
        on(10, "1", ListUnitPrice="2", PricingQuantity="3", ListCost="6.004"),
    ]
    rows[0] |= dict.fromkeys(("ListUnitPrice", "PricingQuantity"), "")
    run = checked(acme, csv_bytes(rows))
    assert run.rejected == 0
    warnings = {w["message"]: (w["count"], w["rows"]) for w in run.warnings}
    assert warnings == {
        "ServiceCategory 'Magic' is none of FOCUS's.": (1, [2]),
        "The four costs of a Credit differ.": (1, [2]),
        "ListCost is not ListUnitPrice times PricingQuantity.": (1, [3]),
    }


def test_what_is_odd_a_thousand_ways_is_told_some(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_NOTES", 3)
    run = checked(acme, csv_bytes([on(10, ServiceCategory=f"Magic {n}") for n in range(9)]))
    told = {w["message"]: (w["count"], w["rows"]) for w in run.warnings}
    assert len(told) == 4
    assert told[cells.WORDS["more"]] == (6, [5, 6, 7, 8, 9])


def test_a_check_that_goes_on_is_not_taken_for_dead(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    run = received(acme, csv_bytes([on(day) for day in (10, 11, 12)]))

    def watch(rows: int, part: float) -> None:
        if rows == 1:
            Import.objects.filter(pk=run.pk).update(checked_at=timezone.now() - timedelta(hours=1))
        if rows == 2:
            imports.imports_sweep()

    assert import_check(by=BY, run=run, watch=watch).state == "checked"


@pytest.mark.parametrize("pack", [csv_bytes, json_bytes, lambda rows: gzipped(csv_bytes(rows))])
def test_any_format_says_the_same(acme: Tenant, pack: Any) -> None:
    applied(acme, csv_bytes([on(10, "1.10")]))
    run = checked(acme, pack([on(10, "1.1"), on(12)]))
    assert counts(run) == (2, 1, 0, 1, 0, 0)


def test_a_sheet_says_the_same_too(acme: Tenant) -> None:
    header = [*PLAIN, "tags"]
    row = ["aws", "AmazonEC2", "us-east-1", date(2026, 3, 10), 24, "Hours", 2.4, "USD", "env=prod"]
    applied(acme, xlsx_bytes([header, row]))
    line = CostLine.objects.select_related("charge").get()
    assert (line.billed_cost, line.consumed_quantity, line.charge.tags) == (
        Decimal("2.4"),
        24,
        {"env": "prod"},
    )


def plain(*rows: dict[str, Any]) -> bytes:
    return csv_bytes([{name: row[name] for name in PLAIN} for row in rows])


def test_rows_of_the_older_layout_are_those_of_the_api(acme: Tenant) -> None:
    rows = [cost(), cost(service_name="S3", cost_amount="-1"), cost(service_name="S3", cost_amount="-2")]
    for row in rows:
        del row["cloud_account_id"]
    run = applied(acme, plain(*rows))
    assert counts(run) == (3, 2, 1, 0, 0, 0)  # of the two that are alike, the last counts
    assert [amount for _, amount in told(acme)] == [-2, Decimal("12.34")]
    answer = costs_bulk(by=BY.enter("acme"), sent=Sent(rows[:1] + rows[2:]))
    assert (answer.inserted, answer.unchanged) == (0, 2)
    assert counts(checked(acme, plain(rows[0]))) == (1, 0, 0, 1, 1, 0)


def test_another_tenants_rows_are_refused(acme: Tenant, rival: Tenant) -> None:
    rows = [cost(organization_id="acme"), cost(organization_id=str(rival.pk))]
    run = checked(acme, csv_bytes([{k: r[k] for k in ("organization_id", *PLAIN)} for r in rows]))
    assert (run.rejected, run.errors[0]["message"]) == (1, "It is not acme, whom this import is for.")


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["3/4/26", "3/31/26"], ["2026-03-04", "2026-03-31"]),
        (["3/4/2026", "31/3/2026"], ["2026-04-03", "2026-03-31"]),
        (["03.04.2026", "20260331"], ["2026-04-03", "2026-03-31"]),
        (["2026-03-04 23:00:00", "2026-03-04T23:00:00-05:00"], ["2026-03-04", "2026-03-05"]),
    ],
)
def test_dates_as_spreadsheets_write_them(acme: Tenant, dates: list[str], days: list[str]) -> None:
    run = applied(acme, csv_bytes([{**cost(), "cost_date": day, "service_name": day} for day in dates]))
    assert run.rejected == 0
    found = {line.charge.service_name: str(line.cost_day.day) for line in CostLine.objects.all()}
    assert [found[day] for day in dates] == days


def test_numbers_as_spreadsheets_write_them(acme: Tenant) -> None:
    amounts = ["$10,000.00 ", "(5.50)", "-$1.25", "1e-3", "1,234"]
    run = applied(acme, csv_bytes([cost(cost_amount=a, service_name=f"s{n}") for n, a in enumerate(amounts)]))
    assert (run.rejected, run.totals) == (0, {"USD": Decimal("11227.251")})
    bad = checked(
        acme, csv_bytes([cost(cost_amount="1,5"), cost(cost_amount="1_000"), cost(cost_amount="NaN")])
    )
    assert bad.rejected == 3
    comma = import_map(by=BY, run=bad, changes={"decimal_comma": True})
    assert import_check(by=BY, run=comma).totals == {"USD": Decimal("1.5")}


def test_columns_that_are_called_otherwise_are_mapped(acme: Tenant) -> None:
    run = received(acme, csv_bytes([{"When": "2026-03-10", "What": "EC2", "Price": "3", "vendor": "aws"}]))
    assert run.mapping == {"provider": "vendor"}
    with pytest.raises(ValidationFailed, match="no charge_start, billed_cost"):
        import_preview(by=BY, run=run)
    columns = {"charge_start": "When", "billed_cost": "Price", "service_name": "What"}
    run = import_map(by=BY, run=run, changes={"columns": columns, "currency": "EUR"})
    run = import_preview(by=BY, run=run)
    assert (counts(run), run.totals) == ((1, 1, 0, 0, 0, 0), {"EUR": 3})
    for changes in (
        {"columns": {"nothing": "What"}},
        {"columns": {"region": "Nowhere"}},
        {"profile": "mine"},
    ):
        with pytest.raises(ValidationFailed):
            import_map(by=BY, run=run, changes=dict(changes))


def test_a_source_that_the_provider_tells_is_its_own(acme: Tenant) -> None:
    cost_lines_replace(
        by=BY, tenant=acme, source="gcore", start=date(2026, 3, 1), end=date(2026, 4, 1), rows=[]
    )
    with pytest.raises(ValidationFailed, match="choose another"):
        received(acme, csv_bytes([on(10)]), source="gcore")


def test_a_damaged_file_fails_with_a_reason(acme: Tenant) -> None:
    run = checked(acme, gzipped(csv_bytes([on(10, str(n)) for n in range(3000)]))[:-9])
    assert (run.state, run.message[:20]) == ("failed", "The file is damaged ")
    with pytest.raises(Conflict):
        import_confirm(by=BY, run=run)


AWS: Final = {
    "bill/PayerAccountId": "1", "lineItem/UsageAccountId": "2", "lineItem/LineItemType": "Refund",
    "lineItem/UsageStartDate": "2026-03-10T00:00:00Z", "lineItem/UsageEndDate": "2026-03-10T01:00:00Z",
    "lineItem/ProductCode": "AmazonEC2", "lineItem/UnblendedCost": "-0.5", "lineItem/CurrencyCode": "USD",
    "resourceTags/user:env": "prod",
}  # fmt: skip
AZURE: Final = {
    "BillingAccountId": "1", "SubscriptionId": "2", "Date": "03/10/2026", "MeterCategory": "Storage",
    "ChargeType": "UnusedReservation", "Frequency": "UsageBased", "CostInBillingCurrency": "-0.5",
    "BillingCurrencyCode": "EUR", "Tags": '"env": "prod"',
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "layout", "said"),
    [
        (AWS, "aws-cur", ("aws", "AmazonEC2", "Adjustment", "USD")),
        (
            {k.replace("/", "_"): v for k, v in AWS.items() if "T" not in k[:9]},
            "aws-cur",
            ("aws", "AmazonEC2", "Adjustment", "USD"),
        ),
        (AZURE, "azure-ea", ("azure", "Storage", "Usage", "EUR")),
    ],
)
def test_bills_of_providers_own_layouts(
    acme: Tenant, row: dict[str, str], layout: str, said: tuple[str, ...]
) -> None:
    run = applied(acme, csv_bytes([row]))
    line = CostLine.objects.select_related("charge", "cost_day").get()
    charge = line.charge
    assert run.layout["name"] == layout
    assert (charge.provider, charge.service_name, charge.charge_category, line.currency) == said
    assert (line.billed_cost, str(line.cost_day.day), line.cost_day.billing_account_id) == (
        Decimal("-0.5"),
        "2026-03-10",
        "1",
    )
    assert charge.tags in ({"env": "prod"}, {})
    assert charge.sub_account_id == "2"
