"""Meters are defined, changed and removed by their tenant."""

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, NotFound
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from usage.models import Meter
from usage.queries.measures import measure_of


@transaction.atomic
def meter_create(*, by: Principal, tenant: Tenant, slug: str, name: str, **fields: Any) -> Meter:
    """A new meter. Errors: 400 a definition that says nothing, 409 the slug is taken."""
    meter = Meter(tenant=tenant, slug=slug, name=name, **fields)
    _check(meter)
    try:
        with transaction.atomic():
            meter.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"There is already a meter {slug!r}.") from error
    deed(by=by, action="meter.created", tenant=tenant, subject=meter, payload={"slug": slug})
    return meter


@transaction.atomic
def meter_update(*, by: Principal, meter: Meter, changes: dict[str, Any]) -> Meter:
    """Change a meter but its slug; its figures follow at once, for the past too. Errors: 400, 404."""
    row = _locked(meter)
    before = {name: [_plain(getattr(row, name)), _plain(value)] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    _check(row)
    row.save(update_fields=[*changes, "updated_at"])
    deed(
        by=by,
        action="meter.updated",
        tenant=row.tenant,
        subject=row,
        changes=before,
        payload={"slug": row.slug},
    )
    return row


@transaction.atomic
def meter_delete(*, by: Principal, meter: Meter) -> None:
    """Remove a meter; the events that it counted stay. Errors: 404."""
    row = _locked(meter)
    deed(by=by, action="meter.deleted", tenant=row.tenant, subject=row, payload={"slug": row.slug})
    row.delete()


def _locked(meter: Meter) -> Meter:
    row: Meter | None = Meter.objects.for_tenant(meter.tenant).select_for_update().filter(pk=meter.pk).first()
    if row is None:
        raise NotFound("There is no such meter.")
    return row


def _check(meter: Meter) -> None:
    meter.full_clean(validate_unique=False, validate_constraints=False)
    measure_of(meter)


def _plain(value: Any) -> Any:
    return canonical(value) if isinstance(value, Decimal) else value
