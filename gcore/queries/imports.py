"""Imports that are due, and the days that they cover."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from accounts.models import Tenant
from gcore.models import ClientMapping, ProviderImport

Kind, State = ProviderImport.Kind, ProviderImport.State
# Of all customers, at one time: Gcore makes a report of each.
MOST_RUNNING: Final = 12


def last_day(now: datetime) -> date:
    """The last day that can be asked for: from GCORE_IMPORT_HOUR on yesterday."""
    return (now - timedelta(hours=settings.GCORE_IMPORT_HOUR)).date() - timedelta(days=1)


def imported_mappings(*, tenant: str = "", client_id: str = "") -> list[ClientMapping]:
    """The customers whose usage comes in, of one tenant (its slug) or client alone when they are named."""
    mappings = ClientMapping.objects.filter(is_imported=True, tenant__is_active=True, account__is_active=True)
    if tenant:
        mappings = mappings.filter(tenant__slug=tenant)
    if client_id:
        mappings = mappings.filter(client_id=client_id)
    return list(mappings.select_related("tenant", "account").order_by("pk"))


def due_imports(now: datetime, most: int, among: list[UUID] | None = None) -> list[UUID]:
    """Those whose next step is due, the longest first; new ones while not too many run."""
    rows = ProviderImport.objects.filter(next_step_at__lte=now).order_by("next_step_at", "pk")
    if among is not None:
        rows = rows.filter(pk__in=among)
    room = MOST_RUNNING - ProviderImport.objects.filter(state=State.RUNNING).count()
    running = rows.filter(state=State.RUNNING).values_list("pk", flat=True)[:most]
    waiting = rows.filter(state=State.WAITING).values_list("pk", flat=True)[: max(0, room)]
    return [*running, *waiting]


def covered(*, tenant: Tenant, start: date, end: date) -> tuple[date, date] | None:
    """The first days in [start, end) whose usage is all here, half-open; None when there is none."""
    rows = ProviderImport.objects.for_tenant(tenant).filter(day__gte=start, day__lt=end)
    days: dict[date, bool] = {}
    for day, state in rows.exclude(kind=Kind.EXPENSES).values_list("day", "state"):
        days[day] = days.get(day, True) and state == State.COMPLETED
    first = next((day for day in sorted(days) if days[day]), None)
    if first is None:
        return None
    last = first
    while days.get(last):
        last += timedelta(days=1)
    return first, last
