"""Events as senders write them, and a gate that lets `acme` in."""

import json
from typing import Any
from uuid import UUID

from accounts.errors import PermissionRefused
from accounts.models import Tenant

ACME = Tenant(id=UUID(int=1), slug="acme", name="Acme")


def event(**fields: Any) -> dict[str, Any]:
    """The least that an event needs; `field=None` leaves a field out."""
    values = {
        "tenant_id": "acme",
        "user_id": "anna",
        "service_type": "compute",
        "service_provider": "aws",
        "event_type": "hours",
        **fields,
    }
    return {name: value for name, value in values.items() if value is not None}


def batch(*events: Any) -> dict[str, Any]:
    return {"events": list(events)}


def as_bytes(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def admit(name: str) -> Tenant:
    if name != ACME.slug:
        raise PermissionRefused("The API key belongs to another tenant.")
    return ACME
