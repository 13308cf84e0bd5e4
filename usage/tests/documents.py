"""Events as senders write them, and a gate that lets `acme` in."""

import json
from typing import Any, Final
from uuid import UUID

from accounts.errors import PermissionRefused
from accounts.models import Tenant

MOMENT: Final = "2026-03-01T10:00:00.123456Z"
STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
LEFT_OUT: Final = object()
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


def row(event_id: str, **fields: Any) -> dict[str, Any]:
    """An event as the intake queues it."""
    values = event(**{"event_id": event_id, "timestamp": MOMENT, **fields})
    return {name: value for name, value in values.items() if name != "tenant_id"}


def batch(*events: Any) -> dict[str, Any]:
    return {"events": list(events)}


def cloud_event(**fields: Any) -> dict[str, Any]:
    """A whole CloudEvent; `field=LEFT_OUT` leaves one out."""
    values = {
        "specversion": "1.0",
        "id": "42",
        "source": "/vms/7",
        "type": "vm.hours",
        "subject": "anna",
        "time": "2026-03-01T10:00:00.5Z",
        "data": {"metrics": {"hours": 1.5}},
        **fields,
    }
    return {name: value for name, value in values.items() if value is not LEFT_OUT}


def in_headers(**fields: Any) -> dict[str, str]:
    """The same in binary mode, without its data."""
    values = cloud_event(data=LEFT_OUT, **fields)
    return {f"HTTP_CE_{name.upper()}": value for name, value in values.items()}


def as_bytes(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def admit(name: str) -> Tenant:
    if name != ACME.slug:
        raise PermissionRefused("The API key belongs to another tenant.")
    return ACME
