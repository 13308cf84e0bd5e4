"""The Python client of Skyledger."""

from skyledger_client.client import Client
from skyledger_client.errors import (
    ApiError,
    AuthenticationFailed,
    BufferFull,
    DeliveryFailed,
    Failure,
    PermissionRefused,
    RateLimited,
    Refused,
    SkyledgerError,
    Unavailable,
)
from skyledger_client.events import EventFields

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "BufferFull",
    "Client",
    "DeliveryFailed",
    "EventFields",
    "Failure",
    "PermissionRefused",
    "RateLimited",
    "Refused",
    "SkyledgerError",
    "Unavailable",
]
