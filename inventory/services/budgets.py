"""Budgets: made, changed, and told of when a threshold is crossed, once in each period."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import AppError, Conflict, ValidationFailed
from accounts.exact import EXACT, canonical
from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal
from accounts.row_security import as_tenant
from accounts.rows import row_check, row_locked
from accounts.services.deliveries import notify
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.filters import read_filter
from inventory.models import Budget, BudgetNotice
from inventory.queries.budgets import Standing, budget_standing, crossed
from inventory.queries.owners import cost_properties

MOST: Final = 100  # of a tenant: all are evaluated together
MOST_EMAILS: Final = 20
MOST_THRESHOLDS: Final = 10
PERCENTS: Final = range(1, 1001)
FIELDS: Final = (
    "name", "amount", "currency", "period", "cost", "filter", "thresholds", "emails", "is_active",
)  # fmt: skip
log = structlog.get_logger(__name__)


@transaction.atomic
def budget_create(*, by: Principal, tenant: Tenant, **fields: Any) -> Budget:
    """A new budget; `fields` are those of FIELDS. Errors: 400 a field, 409 the name is taken or too many."""
    tenant = tenant_lock(tenant)
    if Budget.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} budgets.")
    budget = Budget(tenant=tenant, **fields)
    _save(budget)
    deed(by=by, action="budget.created", tenant=tenant, subject=budget, payload={"name": budget.name})
    return budget


@transaction.atomic
def budget_update(*, by: Principal, budget: Budget, changes: dict[str, Any]) -> Budget:
    """Change some of FIELDS. What was told in the running period stays told. Errors: 400, 404, 409."""
    row = row_locked(budget)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    _save(row)
    told = {name: [_told(before[name]), _told(value)] for name, value in changes.items()}
    deed(
        by=by, action="budget.updated", tenant=row.tenant, subject=row, changes=told,
        payload={"name": row.name},
    )  # fmt: skip
    return row


@transaction.atomic
def budget_delete(*, by: Principal, budget: Budget) -> None:
    """Errors: 404."""
    row = row_locked(budget)
    deed(by=by, action="budget.deleted", tenant=row.tenant, subject=row, payload={"name": row.name})
    row.delete()


def budgets_evaluate(*, now: datetime | None = None) -> int:
    """Look at every active budget of every active tenant; how many thresholds were told of."""
    now = now or timezone.now()
    told = 0
    for budget in Budget.objects.filter(is_active=True, tenant__is_active=True).select_related("tenant"):
        try:
            with as_tenant(budget.tenant_id):
                told += budget_evaluate(budget=budget, now=now)
        except AppError as error:  # a filter that no longer holds stops no other
            log.warning("budget_not_evaluated", budget=str(budget.pk), error=error.message)
    return told


def budget_evaluate(*, budget: Budget, now: datetime) -> int:
    """Tell of the thresholds that are crossed and were not told of in this period; how many."""
    standing = budget_standing(budget, now)
    reached = crossed(budget, standing, now.date())
    return sum(_notice(budget, standing, of, percent, value) for of, percent, value in reached)


@transaction.atomic
def _notice(budget: Budget, standing: Standing, of: str, percent: int, value: Decimal) -> bool:
    """The one of several evaluators who makes the notice tells of it."""
    assert standing.span.start is not None  # noqa: S101  (a budget's period has both its ends)
    notice, is_new = BudgetNotice.objects.get_or_create(
        tenant=budget.tenant,
        budget=budget,
        period_start=standing.span.start,
        of=of,
        percent=percent,
        defaults={"value": value.quantize(Decimal("1E-14"), context=EXACT), "amount": budget.amount},
    )
    if is_new:
        _tell(budget, standing, notice)
    return is_new


def _tell(budget: Budget, standing: Standing, notice: BudgetNotice) -> None:
    payload = {
        "tenant": budget.tenant.slug,
        "name": budget.name,
        "of": notice.of,
        "percent": notice.percent,
        "value": canonical(notice.value),
        "amount": canonical(budget.amount),
        "currency": budget.currency,
        "period": budget.period,
        "period_start": str(standing.span.start),
        "period_end": str(standing.span.end),
    }
    deed(by=SYSTEM, action="budget.crossed", tenant=budget.tenant, subject=budget, payload=payload)
    notify(tenant=budget.tenant, type="budget.crossed", to=budget.emails, payload=payload)


def _save(budget: Budget) -> None:
    read_filter(budget.filter, cost_properties(budget.tenant))
    _check_thresholds(budget.thresholds)
    _check_emails(budget.emails)
    row_check(budget)
    if budget.amount <= 0:
        raise ValidationFailed.field("amount", "it must be above 0.")
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError as error:
        raise Conflict(f"There is a budget named {budget.name!r} already.") from error


def _check_thresholds(thresholds: Any) -> None:
    if not isinstance(thresholds, list) or len(thresholds) > MOST_THRESHOLDS:
        raise ValidationFailed.field("thresholds", f"give a list of at most {MOST_THRESHOLDS}.")
    for threshold in thresholds:
        known = isinstance(threshold, dict) and threshold.keys() == {"percent", "of"}
        if not known or threshold["of"] not in BudgetNotice.Of.values or threshold["percent"] not in PERCENTS:
            raise ValidationFailed.field(
                "thresholds", 'each is such as {"percent": 80, "of": "actual"} or "forecast".'
            )


def _check_emails(emails: Any) -> None:
    if not isinstance(emails, list) or len(emails) > MOST_EMAILS:
        raise ValidationFailed.field("emails", f"give a list of at most {MOST_EMAILS} addresses.")
    for address in emails:
        try:
            validate_email(address)
        except ValidationError as error:
            raise ValidationFailed.field("emails", f"{address!r} is no e-mail address.") from error


def _told(value: Any) -> Any:
    return canonical(value) if isinstance(value, Decimal) else value
