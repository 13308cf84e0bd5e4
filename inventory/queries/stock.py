"""Resources as rules look at them: the columns that rules read, and no objects of the ORM."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from inventory.models import Resource


class Stock(NamedTuple):
    pk: UUID
    provider: str
    resource_id: str
    resource_type: str
    region: str
    state: str
    tags: dict[str, Any]
    utilization: dict[str, Any]
    details: dict[str, Any]
    cost_daily: Decimal | None
    cost_monthly: Decimal | None
    currency: str
    created_at: datetime
    first_seen_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.resource_id


def stock(rows: QuerySet[Resource]) -> list[Stock]:
    return [Stock(*row) for row in rows.values_list(*Stock._fields)]
