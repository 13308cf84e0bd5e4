"""By which meter a tenant measures a feature of Gcore's itself: said in the back office."""

from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from gcore.models import FeatureMeter
from usage.models import Meter

FIELDS: Final = ("meter", "factor")


@transaction.atomic
def feature_meter_create(
    *, by: Principal, tenant: Tenant, feature_id: str, meter: Meter, factor: Decimal = Decimal(1)
) -> FeatureMeter:
    """Measure a feature by a meter. Errors: 400 another tenant's meter, 409 it is measured by one already."""
    rule = FeatureMeter(tenant=tenant, feature_id=feature_id, meter=meter, factor=factor)
    _check(rule)
    try:
        with transaction.atomic():
            rule.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"{tenant} measures the feature {feature_id} by a meter already.") from error
    deed(by=by, action="feature_meter.created", tenant=tenant, subject=rule, payload=_told(rule))
    return rule


@transaction.atomic
def feature_meter_update(*, by: Principal, rule: FeatureMeter, changes: dict[str, Any]) -> FeatureMeter:
    """Change some of FIELDS. Errors: 400 another tenant's meter."""
    stored = FeatureMeter.objects.for_tenant(rule.tenant).select_for_update().get(pk=rule.pk)
    before = _told(stored)
    for name in FIELDS:
        setattr(stored, name, changes.get(name, getattr(stored, name)))
    _check(stored)
    stored.save()
    told = _told(stored)
    different = {name: [before[name], told[name]] for name in told if told[name] != before[name]}
    deed(
        by=by, action="feature_meter.updated", tenant=stored.tenant, subject=stored, changes=different,
        payload=told,
    )  # fmt: skip
    return stored  # type: ignore[no-any-return]


@transaction.atomic
def feature_meter_delete(*, by: Principal, rule: FeatureMeter) -> None:
    """The feature is measured by default again."""
    deed(by=by, action="feature_meter.deleted", tenant=rule.tenant, subject=rule, payload=_told(rule))
    rule.delete()


def _check(rule: FeatureMeter) -> None:
    if rule.meter.tenant_id != rule.tenant_id:
        raise ValidationFailed.field("meter", "it is another tenant's.")
    rule.full_clean(validate_unique=False, validate_constraints=False)


def _told(rule: FeatureMeter) -> dict[str, Any]:
    return {"feature_id": rule.feature_id, "meter": rule.meter.slug, "factor": canonical(rule.factor)}
