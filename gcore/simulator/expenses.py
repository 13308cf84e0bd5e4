"""What Gcore charges the reseller for each customer, feature and month."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from gcore.simulator.catalogue import features, money
from gcore.simulator.iam import caller
from gcore.simulator.state import State
from gcore.simulator.wire import Answer, Refusal, Request, Route, page
from gcore.simulator.world import CLIENTS, CURRENCY, RESELLER, Usage, usage

MOST_MONTHS: Final = 36
TAX: Final = Decimal("0.19")


@dataclass(frozen=True, slots=True)
class Line:
    id: str
    month: date
    used: Usage
    price: Decimal
    deleted: bool = False

    @property
    def money(self) -> Decimal:
        return self.used.value * self.price


def current(state: State, request: Request) -> Answer:
    return _listed(state, request, _nested)


def legacy(state: State, request: Request) -> Answer:
    return _listed(state, request, _flat)


def _listed(state: State, request: Request, shown: Callable[[Line], dict[str, Any]]) -> Answer:
    who = caller(state, request)
    who.require_reseller()
    wanted = {int(id) for id in request.every("client_id")}
    lines = [
        line
        for month in _months(state, request)
        for line in _lines(state, month)
        if not wanted or line.used.client.id in wanted
    ]
    if deleted := request.first("deleted"):
        lines = [line for line in lines if str(line.deleted).lower() == deleted.lower()]
    return page(request, [shown(line) for line in lines], envelope=True)


def _months(state: State, request: Request) -> list[date]:
    """The first days of months that are for_date_after … for_date_before; of this month without them."""
    today = datetime.fromtimestamp(state.now(), UTC).date()
    try:
        first = date.fromisoformat(request.first("for_date_after", f"{today.replace(day=1)}"))
        last = date.fromisoformat(request.first("for_date_before", f"{today}"))
    except ValueError as error:
        raise Refusal(400, {"for_date": ["Enter a valid date."]}) from error
    month = first if first.day == 1 else _next(first)
    found: list[date] = []
    while month <= last and len(found) < MOST_MONTHS:
        found.append(month)
        month = _next(month)
    return found


def _next(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _lines(state: State, month: date) -> Iterator[Line]:
    """One for each customer and feature; those that the knobs add come after it."""
    for used in usage(CLIENTS, features(state), month, _next(month)):
        line = Line(_id(month, used), month, used, used.feature.price, deleted=state.knobs.deleted)
        yield line
        if state.knobs.duplicated:
            yield line
        if state.knobs.deleted:
            yield Line(_id(month, used, "again"), month, used, used.feature.price * 2)


def _id(month: date, used: Usage, mark: str = "") -> str:
    text = f"{month}:{used.client.id}:{used.feature.id}:{mark}"
    return str(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest()))


def _nested(line: Line) -> dict[str, Any]:
    feature = line.used.feature
    product = feature.product
    return {
        "id": int(line.id),
        "client": {"id": line.used.client.id, "company_name": line.used.client.name},
        "payer_id": RESELLER,
        "for_date": str(line.month),
        "period_range": {"start": str(line.month), "end": str(_next(line.month))},
        "calc_rule_type": "commit",
        "currency": CURRENCY,
        "money_value": money(line.money),
        "tax_value": money(line.money * TAX),
        "tax_rate": "19.00",
        "discount_value": money(Decimal(0)),
        "discount": None,
        "usage": {"amount": f"{line.used.value:.4f}", "unit_name": feature.unit},
        "metric_ext_name": feature.name,
        "region": None,
        "product": {"id": product.id, "name": product.name, "internal_name": product.internal_name},
        "product_category": None,
        "feature": {"id": feature.id, "name": feature.name, "erp_sku_id": f"GC-{feature.id}"},
        "invoices": [],
        "deleted": line.deleted,
        "description": "",
    }


def _flat(line: Line) -> dict[str, Any]:
    feature = line.used.feature
    return {
        "id": int(line.id),
        "client_id": line.used.client.id,
        "client_company": line.used.client.name,
        "feature_id": feature.id,
        "feature_name_en": feature.name,
        "product_name": feature.product.name,
        "usage": f"{line.used.value:.4f}",
        "unit_name_en": feature.unit,
        "money_value": money(line.money),
        "tax_value": money(line.money * TAX),
        "currency_char_code": CURRENCY["char_code"],
        "for_date": str(line.month),
        "period_date": str(line.month),
        "calc_rule_type": "commit",
        "deleted": line.deleted,
    }


ROUTES: Final = [
    Route("GET", "/billing/org/v1/expenses", current),
    Route("GET", "/billing/v1/org/expenses", legacy),
]
