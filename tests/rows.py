"""A row of any model, made of what its columns say: for tests and benches that walk every table alike."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from django.db import models

from accounts.models import Tenant
from accounts.models.fields import ExactDecimalField
from builds.models import StateTemplate

MOMENT: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
# What no single column says.
SPECIAL: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "builds.statecode": lambda: {"code": 50},
    "inventory.allocationtarget": lambda: {"product": None},
    "inventory.exchangerate": lambda: {"currency": "EUR", "to_currency": "USD"},
    "builds.build": lambda: {"template": StateTemplate.objects.get(tenant=None, slug="standard")},
}
_numbers: Final = count(1)


def make_row(model: type[models.Model], tenant: Tenant | None = None) -> Any:
    """A row with a new row of each that it points to, all of one new tenant unless one is given.

    Columns that have a default, or need nothing, are left so.
    """
    if model is Tenant and tenant is not None:
        return tenant
    number = next(_numbers)
    owner = tenant or Tenant.objects.create(slug=f"row-{number}", name=f"Row {number}")
    values: dict[str, Any] = SPECIAL.get(model._meta.label_lower, dict)()
    for field in model._meta.concrete_fields:
        if field.name in values:
            continue
        if isinstance(field, models.ForeignKey):
            if field.related_model is not model:
                values[field.name] = make_row(field.related_model, owner)
        elif not _may_stay(field):
            values[field.name] = _value(field, number)
    if model is Tenant:
        return owner
    return model._default_manager.create(**values)


def _may_stay(field: Any) -> bool:
    made = isinstance(field, models.AutoField) or field.has_default()
    return made or any(getattr(field, name, False) for name in ("null", "blank", "auto_now", "auto_now_add"))


def _value(field: Any, number: int) -> Any:
    if field.choices:
        return field.choices[0][0]
    for kind, value in (
        (models.DateTimeField, MOMENT),
        (models.DateField, (MOMENT + timedelta(days=number)).date()),
        (models.IntegerField, number),
        (ExactDecimalField, Decimal(1)),
        (models.JSONField, {}),
        (models.BooleanField, True),
        (models.EmailField, f"row-{number}@example.com"),
        (models.URLField, f"https://example.com/{number}"),
    ):
        if isinstance(field, kind):
            return value
    if isinstance(field, models.UUIDField):
        return f"00000000-0000-4000-8000-{number:012x}"
    return f"row-{number}"[-(field.max_length or 255) :]
