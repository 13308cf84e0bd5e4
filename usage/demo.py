"""Believable usage for the demo tenants: office hours, quiet weekends, a few services and people."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from accounts.errors import Conflict, Unavailable
from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.wire import encode
from usage.ledger import Lot, Row, Status, store
from usage.models import Meter, PriceRule, Statement, UsageEvent
from usage.models.alerts import DAY_MINUTES
from usage.pricing import Scheme
from usage.queries.statements import month_bounds
from usage.services.alerts import alert_create
from usage.services.meters import meter_create
from usage.services.prices import price_rule_create
from usage.services.statements import statement_close

SEED: Final = 20
DAYS: Final = 30
LOT: Final = 250
HOURS: Final = (1, 1, 1, 1, 1, 2, 4, 8, 16, 22, 24, 22, 15, 20, 24, 23, 19, 12, 7, 5, 4, 3, 2, 1)
WEEKEND: Final = 0.25
PEOPLE: Final = ("anna.berg", "jonas.weber", "lea.novak", "marco.rossi", "nightly-batch", "support-bot")

Metrics = dict[str, Any]
Made = tuple[str, str, Metrics, Metrics, Decimal]  # provider, event type, metrics, metadata, cost
Maker = Callable[[random.Random], Made]

# Model → provider, US dollars per million input and output tokens.
MODELS: Final = {
    "gpt-4o": ("openai", "2.50", "10.00"),
    "gpt-4o-mini": ("openai", "0.15", "0.60"),
    "claude-sonnet-4": ("anthropic", "3.00", "15.00"),
    "claude-haiku-3.5": ("anthropic", "0.80", "4.00"),
}

TOKEN_TIERS: Final = [{"rate": "0.000012", "up_to": "1000000"}, {"rate": "0.000009"}]


def events_store(*, tenant: Tenant, count: int, now: datetime | None = None) -> Iterator[tuple[int, int]]:
    """Store `count` events of the last 30 days up to `now`, a lot at a time.

    Yields of each lot how many events it held and how many of them were not there before: none on a
    second call, because their ids are always the same.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    rows = _rows(tenant.slug, count, now)
    while lot := list(islice(rows, LOT)):
        statuses = store([Lot(str(tenant.pk), now, lot, entry_id="demo")])
        yield len(lot), statuses[0].count(Status.STORED)


def demo_definitions_make(*, tenant: Tenant) -> None:
    """A meter and an alert to look at, once."""
    if Meter.objects.for_tenant(tenant).filter(slug="tokens").exists():
        return
    meter_create(
        by=SYSTEM, tenant=tenant, slug="tokens", name="Tokens of language models", aggregation="sum",
        value="metrics.total_tokens", filter="service_type = llm_service", unit="tokens",
    )  # fmt: skip
    alert_create(
        by=SYSTEM, tenant=tenant, name="Slow language models", measure="latency", metric="latency_ms",
        filter="service_type = llm_service", threshold=Decimal(8000), window_minutes=DAY_MINUTES,
    )  # fmt: skip


def demo_bill_make(*, tenant: Tenant) -> None:
    """A price, and the statement of last month where it had usage, once.

    While the queue cannot be asked, or holds events of before the month's end, another time.
    """
    month = _last_month(tenant)
    start, end = month_bounds(tenant, month)
    if not PriceRule.objects.for_tenant(tenant).exists():
        price_rule_create(
            by=SYSTEM, tenant=tenant, service_type="llm_service", unit="total_tokens", currency="USD",
            scheme=Scheme.GRADUATED, tiers=TOKEN_TIERS,
            valid_from=datetime(month.year, month.month, 1, tzinfo=UTC),
        )  # fmt: skip
    used = UsageEvent.objects.for_tenant(tenant).filter(timestamp__gte=start, timestamp__lt=end).exists()
    if used and not Statement.objects.for_tenant(tenant).exists():
        with suppress(Conflict, Unavailable):
            statement_close(by=SYSTEM, tenant=tenant, month=month)


def _last_month(tenant: Tenant) -> date:
    this_month = datetime.now(ZoneInfo(tenant.timezone)).date().replace(day=1)
    return (this_month - timedelta(days=1)).replace(day=1)


def _rows(slug: str, count: int, now: datetime) -> Iterator[Row]:
    chance = random.Random(f"{SEED}-{slug}")  # noqa: S311  (made-up data, the same every time)
    makers, weights = zip(*((maker, weight) for _, maker, weight in KINDS), strict=True)
    names = {maker: name for name, maker, _ in KINDS}
    for number, moment in enumerate(_moments(chance, count, now)):
        maker = chance.choices(makers, weights)[0]
        provider, event_type, metrics, metadata, cost = maker(chance)
        yield Row(
            event_id=f"demo-{number:05d}",
            timestamp=moment.isoformat(),
            user_id=chance.choice(PEOPLE),
            service_type=names[maker],
            service_provider=provider,
            event_type=event_type,
            metrics=_raw(metrics),
            billing_info=_raw({"total_cost": str(cost), "currency": "USD"}),
            tags=_raw(["production" if chance.random() < 0.8 else "staging"]),
            metadata=_raw(metadata),
            session_id=f"session-{chance.randrange(1, 400):03d}",
        )


def _moments(chance: random.Random, count: int, now: datetime) -> list[datetime]:
    """Moments of the last 30 days, dense in office hours, oldest first."""
    start = now - timedelta(days=DAYS)
    hours = [start + timedelta(hours=hour) for hour in range(DAYS * 24)]
    weights = [HOURS[hour.hour] * (WEEKEND if hour.weekday() >= 5 else 1) for hour in hours]
    chosen = chance.choices(hours, weights, k=count)
    return sorted(hour + timedelta(seconds=chance.randrange(3600)) for hour in chosen)


def _money(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"))


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(encode(value))


def _llm(chance: random.Random) -> Made:
    model = chance.choice(list(MODELS))
    provider, input_price, output_price = MODELS[model]
    given, made = chance.randrange(120, 9_000), chance.randrange(40, 2_200)
    cost = (given * Decimal(input_price) + made * Decimal(output_price)) / 1_000_000
    metrics = {
        "input_tokens": given,
        "output_tokens": made,
        "total_tokens": given + made,
        "latency_ms": chance.randrange(350, 9_000),
    }
    return provider, "chat_completion", metrics, {"model": model}, _money(cost)


def _document(chance: random.Random) -> Made:
    pages = chance.randrange(1, 60)
    metadata = {
        "document_type": chance.choice(["pdf", "scan", "docx"]),
        "processing_type": chance.choice(["ocr", "extraction"]),
    }
    metrics = {
        "pages_processed": pages,
        "characters_extracted": pages * chance.randrange(900, 2_800),
        "processing_time_ms": pages * chance.randrange(90, 400),
    }
    return "internal", "document_processed", metrics, metadata, _money(pages * Decimal("0.0015"))


def _api(chance: random.Random) -> Made:
    endpoint = chance.choice(["/v1/search", "/v1/customers", "/v1/reports"])
    metrics = {"request_count": chance.randrange(1, 40), "response_time_ms": chance.randrange(12, 900)}
    metadata = {"endpoint": endpoint, "method": chance.choice(["GET", "GET", "POST"])}
    return "internal", "api_request", metrics, metadata, _money(metrics["request_count"] * Decimal("0.00002"))


def _compute(chance: random.Random) -> Made:
    provider, flavour, price = chance.choice(
        [("aws", "m7i.large", "0.1008"), ("aws", "c7g.xlarge", "0.145"), ("gcore", "g2-standard-4", "0.089")]
    )
    hours = Decimal(chance.randrange(1, 97)) / 4
    return provider, "instance_hours", {"hours": hours}, {"flavour": flavour}, _money(hours * Decimal(price))


def _storage(chance: random.Random) -> Made:
    provider, region, price = chance.choice(
        [("aws", "eu-central-1", "0.00077"), ("gcore", "luxembourg-2", "0.0006")]
    )
    size = Decimal(chance.randrange(50, 40_000)) / 10
    return provider, "storage_gb_days", {"gb_days": size}, {"region": region}, _money(size * Decimal(price))


# Service type, what makes one of its events, and how often.
KINDS: Final[tuple[tuple[str, Maker, int], ...]] = (
    ("llm_service", _llm, 44),
    ("api_service", _api, 24),
    ("document_processor", _document, 16),
    ("compute", _compute, 10),
    ("storage", _storage, 6),
)
