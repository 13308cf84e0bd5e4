"""Numbers and properties out of JSON columns: the same values on both databases, to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db.models import Count
from django.db.models.lookups import GreaterThan

from accounts.exact import canonical
from accounts.models import Tenant
from accounts.sql import ExactMax, ExactMin, ExactSum, JsonNumber
from usage.exact import currency_of
from usage.models import UsageEvent
from usage.queries.events import billed_cost
from usage.sql import Bucket, MetricNumber, PropertyText, SentCost, SentCurrency

pytestmark = pytest.mark.every_case

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make(tenant: Tenant, **fields: Any) -> UsageEvent:
    fixed = {"user_id": "anna", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
    number = UsageEvent.objects.count()
    return UsageEvent.objects.create(
        tenant=tenant, **{"event_id": f"e{number}", "timestamp": NOON, **fixed, **fields}
    )


def numbers(tenant: Tenant, *values: Any) -> None:
    for value in values:
        make(tenant, metrics={"n": value})


def one(expression: Any) -> Any:
    return UsageEvent.objects.annotate(it=expression).values_list("it", flat=True).get()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.50", "1.5"), ("1E+3", "1000"), ("-0.0", "0"), ("-7", "-7"), ("1E-30", "0." + "0" * 29 + "1")],
)
def test_a_number_has_one_text(text: str, expected: str) -> None:
    assert canonical(Decimal(text)) == expected


def test_sums_keep_every_digit(acme: Tenant) -> None:
    numbers(acme, Decimal("0.1"), Decimal("0.2"), 10**37, Decimal("1E-30"), True, "5", None, [1])
    total = UsageEvent.objects.aggregate(it=ExactSum(MetricNumber("n")))["it"]
    assert total == Decimal("10000000000000000000000000000000000000.300000000000000000000000000001")


def test_least_and_greatest_are_by_number_and_not_by_text(acme: Tenant) -> None:
    numbers(acme, 9, Decimal("-10.5"), 100, "999")
    found = UsageEvent.objects.aggregate(low=ExactMin(MetricNumber("n")), high=ExactMax(MetricNumber("n")))
    assert found == {"low": Decimal("-10.5"), "high": Decimal(100)}


def test_an_aggregate_of_no_number_is_null(acme: Tenant) -> None:
    numbers(acme, "text", None)
    found = UsageEvent.objects.aggregate(total=ExactSum(MetricNumber("n")), low=ExactMin(MetricNumber("n")))
    assert found == {"total": None, "low": None}


def test_comparison_and_order_are_by_number(acme: Tenant) -> None:
    numbers(acme, 9, 10, Decimal("10.51"), 100)
    rows = UsageEvent.objects.annotate(n=MetricNumber("n")).filter(
        GreaterThan(MetricNumber("n"), Decimal("10.5"))
    )
    assert list(rows.order_by("-n").values_list("n", flat=True)) == [Decimal(100), Decimal("10.51")]


def test_one_number_in_two_spellings_is_equal(acme: Tenant) -> None:
    numbers(acme, Decimal("1.50"), Decimal("1.5"))
    assert UsageEvent.objects.annotate(n=MetricNumber("n")).filter(n=Decimal("1.500")).count() == 2


def test_a_path_walks_objects_and_lists(acme: Tenant) -> None:
    make(acme, metadata={"a": {"b": [1, Decimal("2.5")]}})
    assert one(JsonNumber("metadata", "a", "b", 1)) == Decimal("2.5")
    assert one(JsonNumber("metadata", "a", "b", "1")) is None
    assert one(JsonNumber("metadata", "a", "b", 2)) is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Decimal("0.10"), "0.1"), (3, "3"), (-3, "-3"), ("0.10", "0.1"), ("-2.5", "-2.5"),
        ("9" * 38 + "." + "9" * 38, "9" * 38 + "." + "9" * 38), ("1e59", "1" + "0" * 59),
        ("1E-7", "0.0000001"), ("1e60", None), ("9" * 39, None), ("1." + "9" * 39, None),
        ("", None), (" 1", None), ("1\n", None),
        ("1_0", None), ("٣", None), ("NaN", None), ("Infinity", None), (True, None), (None, None),
        ([1], None), ({"a": 1}, None),
    ],
)  # fmt: skip
def test_a_cost_counts_as_a_number_or_as_text(acme: Tenant, sent: Any, expected: str | None) -> None:
    event = make(acme, billing_info={"total_cost": sent})
    assert one(SentCost()) == (expected and Decimal(expected))
    shown = billed_cost(event)
    assert (shown and Decimal(shown)) == (expected and Decimal(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Größe", "Größe"), (Decimal("1.50"), "1.5"), (Decimal("1E+2"), "100"), (7, "7"), (True, "true"),
        (None, None), ({"b": 1}, None), ([1], None), ("", ""), ('say "hi"\n', 'say "hi"\n'),
    ],
)  # fmt: skip
def test_the_text_of_a_property(acme: Tenant, value: Any, expected: str | None) -> None:
    make(acme, metadata={"a": value})
    assert one(PropertyText("metadata.a")) == expected
    assert one(PropertyText("metadata.other")) is None


def test_the_text_of_columns_tags_and_odd_keys(acme: Tenant) -> None:
    make(acme, tags=["b", 'ä"\n\x01'], metrics={"a.b": "x"})
    assert one(PropertyText("user_id")) == "anna"
    assert one(PropertyText("tags")) == '["b", "ä\\"\\n\\u0001"]'
    assert one(PropertyText(("metrics", "a.b"))) == "x"
    assert one(PropertyText("metrics.a.b")) is None


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"model": "gpt", "tier": "t"}, "gpt"), ({"tier": "t"}, "t"), ({}, ""), ({"model": {}, "tier": 2}, "2")],
)
def test_the_model_of_an_event(acme: Tenant, metadata: dict[str, Any], expected: str) -> None:
    make(acme, metadata=metadata)
    assert one(PropertyText("model")) == expected


def test_groups_by_a_property_in_byte_order(acme: Tenant) -> None:
    for name in ("b", "ä", "B", "b"):
        make(acme, metadata={"k": name}, metrics={"n": Decimal("0.1")})
    rows = UsageEvent.objects.order_by().values(k=PropertyText("metadata.k"))
    groups = rows.annotate(n=Count("id"), total=ExactSum(MetricNumber("n"))).order_by("k")
    assert list(groups.values_list("k", "n", "total")) == [
        ("B", 1, Decimal("0.1")), ("b", 2, Decimal("0.2")), ("ä", 1, Decimal("0.1")),
    ]  # fmt: skip


def test_buckets_are_half_open(acme: Tenant) -> None:
    tick = timedelta(microseconds=1)
    for moment in (NOON - tick, NOON, NOON + timedelta(hours=1) - tick, NOON + timedelta(hours=1)):
        make(acme, timestamp=moment)
    edges = [NOON, NOON + timedelta(hours=1)]
    rows = UsageEvent.objects.order_by("timestamp").values_list(Bucket("timestamp", edges), flat=True)
    assert list(rows) == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("billing_info", "currency"),
    [
        ({}, "USD"),
        ({"currency": None}, "USD"),
        ({"currency": "EUR"}, "EUR"),
        ({"currency": "eur"}, "XXX"),
        ({"currency": "EURO"}, "XXX"),
        ({"currency": "EUR\n"}, "XXX"),
        ({"currency": ""}, "XXX"),
        ({"currency": 978}, "XXX"),
        ({"currency": ["EUR"]}, "XXX"),
    ],
)
def test_what_is_no_currency_is_never_taken_for_one(
    acme: Tenant, billing_info: dict[str, Any], currency: str
) -> None:
    make(acme, billing_info=billing_info)
    assert currency_of(billing_info.get("currency")) == currency
    assert one(SentCurrency()) == currency
