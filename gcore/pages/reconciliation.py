"""A month of Gcore's figures beside the tenant's own, and how far its usage has come in."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from gcore.models import ClientMapping, ProviderImport
from gcore.queries.reconciliation import comparison

WORDS: Final = {
    "missing": "Not metered here",
    "extra": "Not counted by Gcore",
    "differs": "Differs",
    "unit_changed": "Unit changed",
    "jump": "Jump against the month before",
    "price_differs": "Charged otherwise",
}
SHOWN: Final = 20  # imports that failed


@require_safe
@tenant_page()
def reconciliation(request: HttpRequest, principal: Principal) -> HttpResponse:
    month = _month(request.GET.get("month"))
    tenant = principal.home
    found = comparison(tenant=tenant, month=month)
    return show(
        request,
        "gcore/reconciliation.html",
        principal,
        found=found,
        last_day=found.ends_on - timedelta(days=1),
        lines=[(line, [WORDS[name] for name in line.findings]) for line in found.lines],
        troubles=sum(bool(line.findings) for line in found.lines),
        mapped=ClientMapping.objects.for_tenant(tenant).exists(),
        **_imports(tenant, month),
    )


def _month(text: str | None) -> date:
    """The month asked for; without one that of yesterday, the last day that can have come in."""
    if not text:
        return (timezone.now() - timedelta(days=1)).date().replace(day=1)
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise ValidationFailed.field("month", "give a month such as 2026-03.") from error


def _imports(tenant: Tenant, month: date) -> dict[str, Any]:
    after = (month + timedelta(days=32)).replace(day=1)
    runs = ProviderImport.objects.for_tenant(tenant).filter(day__gte=month, day__lt=after)
    return {
        "pending": runs.filter(state__in=ProviderImport.PENDING).count(),
        "failed": runs.exclude(error="").select_related("mapping").order_by("-day", "kind")[:SHOWN],
    }
