"""Which web pages may call the API from another origin.

CORS_ORIGINS may always. A tenant's own origins may for calls of that tenant: a preflight carries no
credential, so any active tenant's origin passes it, and the call itself is only readable for the page
when the credential turns out to be of that tenant.
"""

import re
import threading
import time
from typing import Final

import structlog
from corsheaders.conf import conf
from corsheaders.middleware import CorsMiddleware
from django.db import DatabaseError
from django.http import HttpRequest

from accounts.models import Tenant

REMEMBER_SECONDS: Final = 30.0
log = structlog.get_logger(__name__)


class TenantOrigins:
    """The process's memory of the origins of active tenants, by slug."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def of(self, slug: str) -> list[str]:
        return self._current().get(slug, [])

    def __contains__(self, origin: str) -> bool:
        return any(origin in origins for origins in self._current().values())

    def clear(self) -> None:
        self._until = 0.0

    def _current(self) -> dict[str, list[str]]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._until = time.monotonic() + REMEMBER_SECONDS
                self._known = self._load()
        return self._known

    def _load(self) -> dict[str, list[str]]:
        try:
            rows = Tenant.objects.filter(is_active=True).exclude(cors_origins=[])
            return dict(rows.values_list("slug", "cors_origins"))
        except DatabaseError as error:
            log.warning("cors_origins_unavailable", error=type(error).__name__)
            return self._known


tenant_origins = TenantOrigins()


class TenantCorsMiddleware(CorsMiddleware):
    """django-cors-headers, with the tenants' origins where it would ask its signal."""

    sync_capable = True
    async_capable = False

    def is_enabled(self, request: HttpRequest) -> bool:
        return bool(re.match(conf.CORS_URLS_REGEX, request.path_info))

    def check_signal(self, request: HttpRequest) -> bool:
        origin = request.headers.get("Origin", "")
        if request.method == "OPTIONS":
            return origin in tenant_origins
        tenant = structlog.contextvars.get_contextvars().get("tenant")
        return tenant is not None and origin in tenant_origins.of(tenant)
