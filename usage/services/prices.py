"""Price rules: made, changed and ended. A closed statement keeps the rules that it was made with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from accounts.errors import Conflict, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from accounts.wire import exact_number
from usage.models import PriceRule
from usage.pricing import TIERED, Scheme

MOST_TIERS: Final = 100
SCOPE: Final = ("service_type", "service_provider", "model_or_tier", "event_type", "unit")
FIELDS: Final = (*SCOPE, "currency", "scheme", "tiers", "minimum_charge", "valid_from", "valid_until")


@transaction.atomic
def price_rule_create(*, by: Principal, tenant: Tenant, **fields: Any) -> PriceRule:
    """A new price; `fields` are those of FIELDS.

    Errors: 400 tiers that do not fit the scheme, or a validity that is not on whole UTC hours; 409 another
    rule with the same selectors and unit at the same time.
    """
    rule = PriceRule(tenant=tenant, **fields)
    _check(rule)
    rule.save()
    deed(by=by, action="price_rule.created", tenant=tenant, subject=rule, payload={"name": str(rule)})
    return rule


@transaction.atomic
def price_rule_update(*, by: Principal, rule: PriceRule, changes: dict[str, Any]) -> PriceRule:
    """Change some of FIELDS: months that are still open are priced anew. Errors as on creation; 409 ended."""
    stored = _locked(rule)
    if not stored.is_active:
        raise Conflict("This rule was deleted; create a new one.")
    before = _told(stored)
    for name, value in changes.items():
        setattr(stored, name, value)
    _check(stored)
    stored.save()
    after = _told(stored)
    told = {name: [before[name], after[name]] for name in FIELDS if before[name] != after[name]}
    deed(by=by, action="price_rule.updated", tenant=stored.tenant, subject=stored, changes=told)
    return stored


@transaction.atomic
def price_rule_delete(*, by: Principal, rule: PriceRule) -> None:
    """Open months are priced without it from now on. A second time changes nothing."""
    found = PriceRule.objects.for_tenant(rule.tenant).filter(pk=rule.pk, is_active=True)
    if found.update(is_active=False):
        deed(by=by, action="price_rule.deleted", tenant=rule.tenant, subject=rule)


def _locked(rule: PriceRule) -> PriceRule:
    tenant_lock(rule.tenant)
    found: PriceRule = PriceRule.objects.for_tenant(rule.tenant).get(pk=rule.pk)
    return found


def _told(rule: PriceRule) -> dict[str, Any]:
    return {name: _text(getattr(rule, name)) for name in FIELDS}


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return canonical(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _check(rule: PriceRule) -> None:
    """Refuse what is wrong, and write the tiers in their one form."""
    rule.tiers = checked_tiers(Scheme(rule.scheme), rule.tiers)
    rule.minimum_charge = _number("minimum_charge", rule.minimum_charge)
    for name in ("valid_from", "valid_until"):
        setattr(rule, name, _whole_hour(name, getattr(rule, name)))
    if rule.valid_until is not None and rule.valid_until <= rule.valid_from:
        raise ValidationFailed.field("valid_until", "it must be after valid_from.")
    tenant_lock(rule.tenant)  # so that two rules cannot slip past each other
    other = _rival(rule)
    if other is not None:
        raise Conflict(
            f"The rule {other.pk} prices the same {rule.unit} from {other.valid_from.isoformat()}; end it"
            " first, or name a provider, model or event type to be more specific."
        )


def _whole_hour(field: str, moment: datetime | None) -> datetime | None:
    moment = moment and moment.astimezone(UTC)
    if moment and (moment.minute or moment.second or moment.microsecond):
        raise ValidationFailed.field(field, "prices begin and end on whole hours of UTC.")
    return moment


def _rival(rule: PriceRule) -> PriceRule | None:
    """An active rule that would be as specific for the same usage at the same moment."""
    same = {name: getattr(rule, name) for name in SCOPE}
    rules = PriceRule.objects.for_tenant(rule.tenant).filter(is_active=True, **same).exclude(pk=rule.pk)
    rules = rules.filter(Q(valid_until=None) | Q(valid_until__gt=rule.valid_from))
    if rule.valid_until is not None:
        rules = rules.filter(valid_from__lt=rule.valid_until)
    found: PriceRule | None = rules.first()
    return found


def checked_tiers(scheme: Scheme, tiers: Any) -> list[dict[str, str | None]]:
    """The tiers as decimal texts, or ValidationFailed when they do not fit the scheme."""
    if not isinstance(tiers, list) or not 1 <= len(tiers) <= MOST_TIERS:
        raise ValidationFailed.field("tiers", f"give a list of 1 to {MOST_TIERS} tiers.")
    needed = (
        {"rate", "up_to"} if scheme in TIERED else {"rate", "size"} if scheme == Scheme.PACKAGE else {"rate"}
    )
    if scheme not in TIERED and len(tiers) > 1:
        raise ValidationFailed.field("tiers", f"the scheme {scheme} has exactly one tier.")
    found = [_tier(tier, needed) for tier in tiers]
    if scheme in TIERED:
        _check_bounds([tier["up_to"] for tier in found])
    return found


def _tier(tier: Any, needed: set[str]) -> dict[str, str | None]:
    given = {name for name, value in tier.items() if value is not None} if isinstance(tier, dict) else set()
    if not given <= needed or not needed - {"up_to"} <= given:
        raise ValidationFailed.field("tiers", f"each tier has {' and '.join(sorted(needed))}, nothing else.")
    found = {name: canonical(_number("tiers", tier[name])) for name in given}
    if found.get("size") == "0":
        raise ValidationFailed.field("tiers", "the size of a package must be above 0.")
    return {name: found.get(name) for name in ("rate", "up_to", "size")}


def _check_bounds(bounds: list[str | None]) -> None:
    *inner, last = bounds
    tops = [Decimal(bound) for bound in inner if bound is not None]
    rising = all(low < high for low, high in zip([Decimal(0), *tops], tops, strict=False))
    if last is not None or len(tops) < len(inner) or not rising:
        raise ValidationFailed.field("tiers", "up_to must rise from tier to tier; the last one has none.")


def _number(field: str, value: Any) -> Decimal:
    try:
        number = exact_number(str(value)) if not isinstance(value, bool | float) else Decimal("NaN")
    except (ValueError, ArithmeticError) as error:
        raise ValidationFailed.field(
            field, f"{str(value)[:80]!r} is not a number that we can take."
        ) from error
    if not number.is_finite() or number < 0:
        raise ValidationFailed.field(field, "give decimal numbers, none of them below 0.")
    return number
