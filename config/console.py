"""The console's home page: the one page that looks into every room."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.errors import NotFound, PermissionRefused
from accounts.models import ActivityEntry, ApiKey, Scope, Tenant
from accounts.pages.charts import Bar, stacked_bars
from accounts.pages.gate import error_page, show, signed_in_page, tenant_page, wants_part
from accounts.principals import SHARED, Principal
from accounts.queries import activity_last
from builds.overview import build_overview
from inventory.overview import saving_overview, spend_overview
from usage.overview import overview

ACTIVITY_SHOWN: Final = 8


class Part(NamedTuple):
    """A card of the home page that follows the activity about `nouns`; without any all of it."""

    name: str
    template: str
    nouns: str
    read: Callable[[Tenant], Any]


def _activity(tenant: Tenant) -> Any:
    return ActivityEntry.objects.for_tenant(tenant)[:ACTIVITY_SHOWN]


PARTS: Final = {
    part.name: part
    for part in (
        Part("spend", "inventory/home_spend.html", "import costs", spend_overview),
        Part("savings", "inventory/home_savings.html", "recommendation recommendations", saving_overview),
        Part("builds", "builds/home_builds.html", "build", build_overview),
        Part("activity", "accounts/home_activity.html", "", _activity),
    )
}


@require_safe
@tenant_page(SHARED)
def home(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The overview; htmx asks for one part when something happened. Guests go to what is shared with them."""
    if not principal.allows(Scope.READ):
        return redirect("console:resources")
    tenant = principal.home
    if wants_part(request) and (part := PARTS.get(request.GET.get("part", ""))):
        return show(request, part.template, principal, found=part.read(tenant))
    live_since = activity_last(tenant)  # before anything is read: nothing is missed between
    usage = overview(tenant)
    chart = stacked_bars([Bar(f"{day:%a %d %b}", counts) for day, counts in usage.days])
    return show(
        request,
        "console/home.html",
        principal,
        usage=usage,
        chart=chart,
        events_url=request.build_absolute_uri("/api/v1/events"),
        active_keys=ApiKey.objects.for_tenant(tenant).live().count(),
        parts={name: (part, part.read(tenant)) for name, part in PARTS.items()},
        live_since=live_since,
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
