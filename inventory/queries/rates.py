"""Amounts in one reporting currency, by the rates of their days."""

from bisect import bisect_right
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Final

from accounts.models import Tenant
from inventory.models import ExchangeRate

ONE: Final = Decimal(1)


def reporting_currencies(tenant: Tenant) -> list[str]:
    """Those into which the tenant has rates, its own before them."""
    known = ExchangeRate.objects.for_tenant(tenant).values_list("to_currency", flat=True).distinct()
    return [tenant.currency, *sorted(set(known.order_by()) - {tenant.currency})]


class Rates:
    """The tenant's rates to one currency. What was asked for and was not there is in `missing`."""

    def __init__(self, tenant: Tenant, to_currency: str) -> None:
        self.to_currency = to_currency
        self.used: dict[tuple[str, date], Decimal] = {}
        self.missing: set[str] = set()
        self._days: defaultdict[str, list[date]] = defaultdict(list)
        self._rates: defaultdict[str, list[Decimal]] = defaultdict(list)
        known = ExchangeRate.objects.for_tenant(tenant).filter(to_currency=to_currency)
        for rate in known.order_by("currency", "valid_from"):
            self._days[rate.currency].append(rate.valid_from)
            self._rates[rate.currency].append(rate.rate)

    @property
    def monthly(self) -> bool:
        """Whether no rate begins within a month."""
        return all(day.day == 1 for days in self._days.values() for day in days)

    def of(self, currency: str, day: date) -> Decimal | None:
        """What a unit of a currency is worth on a day; None when nobody said."""
        if currency == self.to_currency:
            return ONE
        place = bisect_right(self._days.get(currency, []), day) - 1
        if place < 0:
            self.missing.add(currency)
            return None
        rate = self._rates[currency][place]
        self.used[currency, self._days[currency][place]] = rate
        return rate
