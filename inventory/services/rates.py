"""Exchange rates: said for a day on, said anew, taken back. Costs themselves never change by them."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.errors import ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.models import ExchangeRate


@transaction.atomic
def exchange_rate_set(
    *, by: Principal, tenant: Tenant, currency: str, to_currency: str, valid_from: date, rate: Decimal
) -> ExchangeRate:
    """Let a unit of `currency` be `rate` of `to_currency` from a day on. Errors: 400."""
    tenant = tenant_lock(tenant)
    named = {"currency": currency, "to_currency": to_currency, "valid_from": valid_from}
    row = ExchangeRate.objects.for_tenant(tenant).filter(**named).first()
    row = row or ExchangeRate(tenant=tenant, **named)
    before = None if row._state.adding else canonical(row.rate)
    row.rate = rate
    _check(row)
    row.save()
    deed(
        by=by, action="exchange_rate.set", tenant=tenant, subject=row, payload=_told(row),
        changes={"rate": [before, canonical(rate)]},
    )  # fmt: skip
    return row


@transaction.atomic
def exchange_rate_delete(*, by: Principal, rate: ExchangeRate) -> None:
    """Take a rate back: the one before it holds again. Errors: 404."""
    row = row_locked(rate)
    deed(by=by, action="exchange_rate.deleted", tenant=row.tenant, subject=row, payload=_told(row))
    row.delete()


def _check(row: ExchangeRate) -> None:
    if row.currency == row.to_currency:
        raise ValidationFailed.field("to_currency", "give another currency.")
    row_check(row)
    if row.rate <= 0:
        raise ValidationFailed.field("rate", "it must be above 0.")


def _told(row: ExchangeRate) -> dict[str, Any]:
    return {
        "currency": row.currency,
        "to_currency": row.to_currency,
        "valid_from": row.valid_from.isoformat(),
        "rate": canonical(row.rate),
    }
