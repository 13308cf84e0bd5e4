"""Usage for comparisons: Gcore's, as it comes in, and a tenant's own."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from msgspec import Raw

from accounts.models import Tenant
from accounts.wire import encode
from gcore.models import ClientMapping, ProviderImport
from gcore.queries.own_usage import PROVIDER, PROVIDER_USAGE
from usage.ledger import Lot, Row, store

MARCH: Final = date(2026, 3, 1)


def came_in(mapping: ClientMapping, *days: date, state: str = "completed") -> None:
    for day in days:
        for kind in ("cdn", "cloud", "waap"):
            ProviderImport.objects.create(
                tenant=mapping.tenant, mapping=mapping, kind=kind, day=day, state=state
            )


def march(*days: int) -> list[date]:
    return [date(2026, 3, day) for day in days]


def use(tenant: Tenant, day: date, feature: str, usage: str, unit: str = "", **fields: str) -> None:
    """An event: Gcore's if it names a unit, else our own."""
    moment = datetime(day.year, day.month, day.day, 0 if unit else 13, tzinfo=UTC)
    told = {"product": "cdn", "feature_name": f"Feature {feature}", "unit": unit}
    dimensions = {
        "service_type": PROVIDER_USAGE if unit else "cdn",
        "service_provider": PROVIDER,
        "event_type": feature,
        **fields,
    }
    row = Row(
        event_id=f"{feature}-{usage}-{day}-{unit}-{len(fields)}",
        timestamp=moment.isoformat(),
        user_id="829449",
        service_type=dimensions["service_type"],
        service_provider=dimensions["service_provider"],
        event_type=dimensions["event_type"],
        metrics=Raw(encode({"usage": Decimal(usage)})),
        metadata=Raw(encode(told if unit else {})),
    )
    store([Lot(str(tenant.pk), moment, [row], entry_id="test")])
