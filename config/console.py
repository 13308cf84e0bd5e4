"""The console's home page: the one page that looks into every room."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.errors import NotFound, PermissionRefused
from accounts.models import ActivityEntry, ApiKey, Membership, Tenant
from accounts.pages.charts import Bar, stacked_bars
from accounts.pages.gate import error_page, show, signed_in_page, tenant_page
from accounts.principals import Principal
from usage.overview import overview

ACTIVITY_SHOWN = 8


@require_safe
@tenant_page()
def home(request: HttpRequest, principal: Principal) -> HttpResponse:
    usage = overview(principal.home)
    chart = stacked_bars([Bar(f"{day:%a %d %b}", counts) for day, counts in usage.days])
    return show(
        request,
        "console/home.html",
        principal,
        usage=usage,
        chart=chart,
        events_url=request.build_absolute_uri("/api/v1/events"),
        **_figures(principal.home),
    )


@require_safe
def back_office_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no sign-in form of its own, so that there is one form and one throttle."""
    if request.user.is_authenticated:
        return error_page(request, PermissionRefused("The back office is for platform staff."))
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


@signed_in_page
def not_found(request: HttpRequest, person: Principal, rest: str) -> HttpResponse:
    raise NotFound("There is no page at this address.")


def _figures(tenant: Tenant) -> dict[str, Any]:
    return {
        "active_keys": ApiKey.objects.for_tenant(tenant).live().count(),
        "members": Membership.objects.for_tenant(tenant).filter(user__is_active=True).count(),
        "activity": ActivityEntry.objects.for_tenant(tenant)[:ACTIVITY_SHOWN],
    }
