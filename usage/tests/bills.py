"""Events, prices and closed months for the tests of statements."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from accounts.models import Tenant
from accounts.principals import SYSTEM
from usage.models import DirtyHour, PriceRule, Statement, UsageEvent
from usage.queries.cover import HOUR, floor
from usage.services.prices import price_rule_create
from usage.services.statements import statement_close

MARCH: Final = date(2026, 3, 1)
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACCEPTED: Final = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)


def make_usage(tenant: Tenant, event_id: str, tokens: Any = None, **fields: Any) -> UsageEvent:
    """A stored event of `llm_service` by openai's gpt-4 on 10 March 2026, with so many tokens."""
    values = {
        "timestamp": NOON,
        "received_at": ACCEPTED,
        "user_id": "anna",
        "service_type": "llm_service",
        "service_provider": "openai",
        "event_type": "completion",
        "metadata": {"model": "gpt-4"},
        "metrics": {} if tokens is None else {"tokens": tokens},
    }
    event = UsageEvent.objects.create(tenant=tenant, event_id=event_id, **{**values, **fields})
    DirtyHour.objects.create(tenant=tenant, hour=floor(event.timestamp, HOUR))
    return event


def make_rule(tenant: Tenant, **fields: Any) -> PriceRule:
    """0.25 USD for each token of llm_service from 2026 on."""
    values = {
        "service_type": "llm_service",
        "unit": "tokens",
        "currency": "USD",
        "scheme": "per_unit",
        "tiers": [{"rate": "0.25"}],
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return price_rule_create(by=SYSTEM, tenant=tenant, **{**values, **fields})


def close(tenant: Tenant, month: date = MARCH) -> Statement:
    return statement_close(by=SYSTEM, tenant=tenant, month=month)


def amounts(document: Any) -> list[tuple[str, Decimal, Decimal, str]]:
    """(model, quantity, amount, currency) of each line of a document."""
    return [(line.model, line.quantity, line.amount, line.currency) for line in document.lines.all()]
