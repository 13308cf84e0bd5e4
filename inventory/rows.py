"""One row of resources or costs, whoever tells it: a call, a file or a provider's report."""

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from accounts.exact import canonical_document
from accounts.wire import encode
from inventory.models import Charge

JsonObject = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """What is None was not told: a resource that is there keeps what it has."""

    provider: str
    resource_id: str
    resource_type: str
    region: str
    state: str
    account_id: str = ""
    name: str | None = None
    tags: JsonObject | None = None
    utilization: JsonObject | None = None
    details: JsonObject | None = None
    cost_daily: Decimal | None = None
    cost_monthly: Decimal | None = None
    currency: str | None = None
    created_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.resource_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """A line of a bill; the names are FOCUS's, an empty text is its null.

    `period_start` and `period_end` are the billing period's, by default the calendar month (UTC) in which the
    charge begins. `effective_cost` is by default `billed_cost`.
    """

    provider: str
    service_name: str
    charge_start: datetime
    charge_end: datetime
    currency: str
    billed_cost: Decimal
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    contracted_cost: Decimal | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    billing_account_id: str = ""
    billing_account_name: str = ""
    sub_account_id: str = ""
    sub_account_name: str = ""
    service_category: str = ""
    service_subcategory: str = ""
    region: str = ""
    region_name: str = ""
    availability_zone: str = ""
    resource_id: str = ""
    resource_name: str = ""
    resource_type: str = ""
    charge_category: str = Charge.Category.USAGE.value
    charge_class: str = ""
    charge_frequency: str = ""
    charge_description: str = ""
    pricing_category: str = ""
    pricing_quantity: Decimal | None = None
    pricing_unit: str = ""
    consumed_quantity: Decimal | None = None
    consumed_unit: str = ""
    list_unit_price: Decimal | None = None
    contracted_unit_price: Decimal | None = None
    sku_id: str = ""
    sku_price_id: str = ""
    commitment_discount_id: str = ""
    commitment_discount_name: str = ""
    commitment_discount_category: str = ""
    commitment_discount_type: str = ""
    commitment_discount_status: str = ""
    commitment_discount_unit: str = ""
    commitment_discount_quantity: Decimal | None = None
    invoice_id: str = ""
    tags: JsonObject = dataclasses.field(default_factory=dict)
    other: JsonObject = dataclasses.field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """The narrowest account that the row names."""
        return self.sub_account_id or self.billing_account_id

    @property
    def bill(self) -> tuple[str, str, datetime, datetime]:
        """Provider, account and billing period: what is replaced together, day by day."""
        start, end = self.period_start, self.period_end
        if start is None or end is None:
            start, end = month_of(self.charge_start)
        return self.provider, self.billing_account_id or self.sub_account_id, start, end


CHARGE_FIELDS: Final = tuple(
    field.name
    for field in Charge._meta.concrete_fields
    if field.name not in {"id", "tenant", "cloud_account"}
)
LINE_FIELDS: Final = (
    "charge_start", "charge_end", "currency", "billed_cost", "effective_cost", "list_cost", "contracted_cost",
    "pricing_quantity", "consumed_quantity", "list_unit_price", "contracted_unit_price",
    "commitment_discount_quantity", "invoice_id",
)  # fmt: skip
# One service may be told once a day with these; told again, the row before is replaced.
NATURAL_KEY: Final = (
    "provider", "sub_account_id", "service_name", "region", "charge_start", "charge_end", "consumed_unit",
    "currency", "resource_id", "sku_id", "charge_category",
)  # fmt: skip


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The calendar month of UTC that holds a moment, half-open."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def charge_id(tenant_id: UUID, row: CostRow) -> UUID:
    """The id of the Charge that a line of this row belongs to: a digest of all that the charge says."""
    told = [getattr(row, name) for name in CHARGE_FIELDS]
    return _digest(tenant_id, *told)


def line_id(cost_day_id: UUID, row: CostRow) -> UUID:
    """The id of a line that its NATURAL_KEY tells from all others of its day."""
    return line_key_id(cost_day_id, [getattr(row, name) for name in NATURAL_KEY])


def line_key_id(cost_day_id: UUID, key: Sequence[Any]) -> UUID:
    """The same of the values of NATURAL_KEY."""
    return _digest(cost_day_id, *(str(value) for value in key))


def _digest(*parts: Any) -> UUID:
    return UUID(bytes=hashlib.sha256(encode([canonical_document(part) for part in parts])).digest()[:16])
