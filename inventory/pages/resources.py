"""The explorer of resources, and the page of one: what it is, what changed about it, what it costs."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.errors import AppError, NotFound
from accounts.models import Scope, Tenant
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.pages.paging import newest
from accounts.principals import SHARED, Principal
from inventory.models import Resource, ResourceChange, SavedView
from inventory.pages.asking import question
from inventory.pages.drawing import costs_chart
from inventory.queries.analytics import cost_analytics
from inventory.queries.costs import resource_lines
from inventory.queries.dimensions import narrowed, read_dimensions
from inventory.queries.owners import resource_properties
from inventory.queries.resources import resources_matching
from inventory.queries.series import cost_series
from inventory.queries.spans import spans_near, told_span

EXAMPLES: Final = (
    'provider = aws and state = "running"', "tag:env = prod and cost_monthly > 100", "not exists tag:owner",
)  # fmt: skip


@require_safe
@tenant_page(SHARED)
def resources(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Those that match, the newest first. A filter that goes wrong is shown with the place."""
    asked = question(request, principal.home, SavedView.Kind.RESOURCES)
    names = sorted(resource_properties(principal.home))
    context: dict[str, Any] = {"asked": asked, "examples": EXAMPLES, "properties": names}
    try:
        found = resources_matching(principal.home, asked.filter)
        context |= _rows(request, found) | {"export": _export(principal.home, asked.filter)}
        status = 200
    except AppError as error:
        context |= {"error": error, "pointer": pointer(error)}
        status = error.status
    return show(
        request, "inventory/resources.html", principal, status=status,
        may_write=principal.allows(Scope.WRITE), **context,
    )  # fmt: skip


@require_safe
@tenant_page(SHARED)
def resource(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    rows = Resource.objects.for_tenant(principal.home).select_related("cloud_account", "tenant")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such resource in this tenant.")
    history = ResourceChange.objects.for_tenant(principal.home).filter(resource=found)
    return show(
        request,
        "inventory/resource.html",
        principal,
        resource=found,
        history=newest(history.select_related("source_import"), request),
        costs_filter=narrowed("", "resource", found.resource_id),
        may_read=principal.allows(Scope.READ),
        **_costs(principal.home, found),
    )


def _rows(request: HttpRequest, found: QuerySet[Resource]) -> dict[str, Any]:
    return {"page": newest(found.select_related("cloud_account"), request), "total": found.count()}


def _export(tenant: Tenant, filter: str) -> str:
    return urlencode({"tenant_id": tenant.slug, **({"filter": filter} if filter else {})})


def _costs(tenant: Tenant, resource: Resource) -> dict[str, Any]:
    """What it cost in the 90 days up to the last of which the tenant has costs."""
    told = told_span(tenant)
    if told is None:
        return {}
    span = spans_near(told)["90 days"]
    start, end = span.ends
    lines = resource_lines(tenant, resource).filter(cost_day__day__gte=start, cost_day__day__lt=end)
    asked: dict[str, Any] = {"tenant": tenant, "lines": lines, "span": span}
    found = cost_analytics(dimensions=read_dimensions(["service"]), **asked)
    series = cost_series(dimensions=[], found=found, **asked)
    return {"totals": found.totals, "charts": [(one, costs_chart(one)) for one in series], "span": span}
