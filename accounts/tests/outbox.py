"""What the tests of deliveries share."""

from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction

from accounts.models import Delivery, Tenant, User
from accounts.principals import SYSTEM
from accounts.services.deliveries import notify
from accounts.services.logs import record

RESET: Final = "password_reset.requested"
START: Final = datetime(2026, 3, 1, 10, tzinfo=UTC)


def happen(tenant: Tenant, type: str = "test.done", **payload: Any) -> None:
    with transaction.atomic():
        record(tenant=tenant, type=type, by=SYSTEM, payload=payload)


def only() -> Delivery:
    found: Delivery = Delivery.objects.get()
    return found


def reset_mail(user: User) -> Delivery:
    with transaction.atomic():
        (delivery,) = notify(tenant=None, type=RESET, to=[user.email], payload={"user_id": str(user.pk)})
    return delivery
