"""Who the database takes a connection for: the platform, or one tenant, whose rows alone PostgreSQL shows.

The second net behind `for_tenant`: a query that forgets its tenant finds nothing of another one. As a tenant
a connection has the role ROLE, which owns no table, and the policies of accounts.policies hold for it. As the
platform, and where DATABASE_ROW_SECURITY is off, it is the login role itself, which owns the tables.

A connection is told when it is opened or lent by the pool, if it was last told otherwise, and while it is
open whenever that changes: one statement, past Django's cursor. A request tells it nothing at its end but
gives it back, so calls of one tenant in a row cost no statement, and those of several one each. Nobody gets
at a connection of the pool but through `settle`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from psycopg.pq import TransactionStatus

from accounts.models.tenancy import Tenant

ROLE: Final = "skyledger_tenant"
SETTING: Final = "app.tenant"  # the tenant's id, for the policies
SWITCH: Final = f"SELECT set_config('role', %s, false), set_config('{SETTING}', %s, false)"
UNKNOWN: Final = object()  # a transaction that failed will take back what was said in it


def current() -> UUID | None:
    """Whose rows this thread's connections are shown; None for all."""
    found: UUID | None = getattr(connections[DEFAULT_DB_ALIAS], "wanted_tenant", None)
    return found


def enter(tenant_id: UUID | None) -> None:
    """Be this tenant from now on, or the platform. For those whose end is elsewhere; others use `as_tenant`.

    Connections that are not open yet are told when they open. Errors: DatabaseError.
    """
    if not settings.DATABASE_ROW_SECURITY:
        return
    keeper: Any = connections[DEFAULT_DB_ALIAS]
    keeper.wanted_tenant = tenant_id
    for connection in connections.all(initialized_only=True):
        try:
            settle(connection)
        except DatabaseError:
            if tenant_id is not None:
                raise


@contextmanager
def as_tenant(tenant: Tenant | UUID) -> Iterator[None]:
    """What is asked inside is asked as this tenant."""
    with _being(tenant.pk if isinstance(tenant, Tenant) else tenant):
        yield


@contextmanager
def as_platform() -> Iterator[None]:
    """What is asked inside is rightly about several tenants, or nothing that a tenant's role may do."""
    with _being(None):
        yield


@contextmanager
def _being(tenant_id: UUID | None) -> Iterator[None]:
    before = current()
    enter(tenant_id)
    try:
        yield
    finally:
        enter(before)


def leave() -> None:
    """Be the platform from now on, at the end of a view.

    A tenant's connection goes back to the pool as it is, before the request's end would send it there: what
    is asked after it asks as the platform, by one that was told so. Inside a transaction it is told at once.
    """
    keeper: Any = connections[DEFAULT_DB_ALIAS]
    keeper.wanted_tenant = None
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            settle(connection)
        elif getattr(connection.connection, "told_tenant", None) is not None:
            connection.close()


class RowSecurityMiddleware:
    """The innermost: whichever tenant a view has entered, the request leaves it when the view is done."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        enter(None)
        try:
            return self.get_response(request)
        finally:
            leave()


def settle(connection: Any, **_: Any) -> None:
    """Tell an open connection who it is now, if it was told otherwise; one that cannot be told is closed.

    Past Django's cursor: it is no query of the caller's, and no budget counts it. Errors: DatabaseError.
    """
    raw = connection.connection
    if raw is None or connection.vendor != "postgresql" or getattr(raw, "told_tenant", None) == current():
        return
    if raw.info.transaction_status == TransactionStatus.INERROR:
        raw.told_tenant = UNKNOWN
        return
    wanted = current()
    try:
        with connection.wrap_database_errors:
            raw.execute(SWITCH, (ROLE, str(wanted)) if wanted else ("none", ""))
    except DatabaseError:
        raw.close()
        connection.close()
        raise
    raw.told_tenant = wanted
