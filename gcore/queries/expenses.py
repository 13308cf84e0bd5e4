"""What Gcore charged a tenant for each feature, by the costs that were imported."""

from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from accounts.exact import exact_sum
from accounts.models import Tenant
from gcore.queries.own_usage import PROVIDER
from inventory.models import Charge, CostLine

SOURCE: Final = f"{PROVIDER}:"


class Billed(NamedTuple):
    """`price` is None when the lines have none, or several; `currency` is empty when there are several."""

    money: Decimal
    currency: str
    price: Decimal | None
    unit: str


def source_of(client_id: str, month: date) -> str:
    """Who tells the costs of a customer and month: told anew they replace what was told before."""
    return f"{SOURCE}{client_id}:{month:%Y-%m}"


def billed(*, tenant: Tenant, start: date, end: date) -> dict[str, Billed]:
    """By feature, of charges that begin in [start, end), without taxes."""
    lines: Any = (
        CostLine.objects.for_tenant(tenant)
        .live()
        .filter(cost_day__source__startswith=SOURCE, cost_day__day__gte=start, cost_day__day__lt=end)
    )
    usage = lines.filter(charge__charge_category=Charge.Category.USAGE).order_by()
    found: dict[str, list[Billed]] = {}
    names = ("charge__sku_id", "billed_cost", "currency", "contracted_unit_price", "charge__consumed_unit")
    for feature, money, currency, price, unit in usage.values_list(*names).iterator():
        found.setdefault(feature, []).append(Billed(money, currency, price, unit))
    return {feature: _together(parts) for feature, parts in found.items()}


def _together(parts: list[Billed]) -> Billed:
    currencies, prices = {part.currency for part in parts}, {(part.price, part.unit) for part in parts}
    one_price = prices.pop() if len(prices) == 1 else (None, "")
    if len(currencies) > 1:
        return Billed(Decimal(0), "", None, "")
    return Billed(exact_sum(part.money for part in parts), currencies.pop(), *one_price)
