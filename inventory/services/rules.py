"""What a tenant sets otherwise about a rule."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db import transaction

from accounts.errors import NotFound, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.models import RuleSetting
from inventory.rules import RULES

MOST: Final = Decimal(10) ** 9
PERCENT: Final = Decimal(100)
# By the name of a threshold: days are gone through one by one.
MOST_OF: Final = {
    "days": Decimal(3660), "percent": PERCENT, "coverage": PERCENT, "cpu": PERCENT, "cpu_max": PERCENT,
    "target": PERCENT, "idle_hours": Decimal(168),
}  # fmt: skip
MOST_TEXTS: Final = 20
LONGEST: Final = 255


@transaction.atomic
def rule_set(
    *, by: Principal, tenant: Tenant, rule: str, is_enabled: bool | None = None, thresholds: Any = None
) -> RuleSetting:
    """Switch a rule on or off, and set some of its thresholds; null gives one its default back.

    It counts from the next computation on. Errors: 404 the rule, 400 a threshold.
    """
    known = RULES.get(rule)
    if known is None:
        raise NotFound(f"There is no rule {rule!r}.")
    tenant = tenant_lock(tenant)
    row = RuleSetting.objects.for_tenant(tenant).filter(rule=rule).first()
    row = row or RuleSetting(tenant=tenant, rule=rule)
    before = {"is_enabled": row.is_enabled, "thresholds": _plain(row.thresholds)}
    if is_enabled is not None:
        row.is_enabled = is_enabled
    row.thresholds = read_thresholds(rule, {**row.thresholds, **_object(thresholds)})
    row.save()
    after = {"is_enabled": row.is_enabled, "thresholds": _plain(row.thresholds)}
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    deed(
        by=by, action="recommendation_rule.set", tenant=tenant, subject=row, changes=changes,
        payload={"rule": rule, **after},
    )  # fmt: skip
    return row


def read_thresholds(rule: str, given: dict[str, Any]) -> dict[str, Any]:
    """The thresholds that differ from the rule's own; ValidationFailed."""
    defaults = RULES[rule].defaults
    found = {}
    for name, value in given.items():
        if name not in defaults:
            raise _wrong(name, f"the rule knows {', '.join(defaults) or 'none'}.")
        if value is not None:
            read = _texts if isinstance(defaults[name], list) else _number
            found[name] = read(name, value)
    return {name: value for name, value in found.items() if value != defaults[name]}


def _object(given: Any) -> dict[str, Any]:
    if given is not None and not isinstance(given, dict):
        raise ValidationFailed.field("thresholds", 'give an object such as {"days": 30}.')
    return given or {}


def _number(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, int | str | Decimal) else None
    except InvalidOperation:
        number = None
    most = MOST_OF.get(name, MOST)
    if number is None or isinstance(value, bool) or not number.is_finite() or not 0 <= number <= most:
        raise _wrong(name, f"give a number from 0 to {most:,}.")
    return number


def _texts(name: str, value: Any) -> list[str]:
    good = isinstance(value, list) and 1 <= len(value) <= MOST_TEXTS
    if not good or not all(isinstance(text, str) and 1 <= len(text) <= LONGEST for text in value):
        raise _wrong(name, f"give a list of 1 to {MOST_TEXTS} texts.")
    return list(value)


def _wrong(name: str, message: str) -> ValidationFailed:
    return ValidationFailed.field(f"thresholds.{name}", message)


def _plain(thresholds: dict[str, Any]) -> dict[str, Any]:
    return {
        name: canonical(value) if isinstance(value, Decimal) else value for name, value in thresholds.items()
    }
