"""Choosing the tenant to look at."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.models import Membership, Tenant
from accounts.pages.gate import TENANT, show, signed_in_page
from accounts.principals import Principal

MOST = 100


@require_http_methods(["GET", "POST"])
@signed_in_page
def tenants(request: HttpRequest, person: Principal) -> HttpResponse:
    """List the tenants that are open to the person; a POST enters the one that it names."""
    if request.method == "POST":
        inside = person.enter(request.POST.get("tenant", ""))
        request.session[TENANT] = inside.home.slug
        return redirect("console:home")
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:63]
    found = _open_to(person, wanted)
    return show(
        request,
        "accounts/tenants.html",
        person,
        found=found[:MOST],
        more=len(found) > MOST,
        wanted=wanted,
        current=request.session.get(TENANT),
    )


def _open_to(person: Principal, wanted: str) -> list[tuple[Tenant, str]]:
    """Up to MOST + 1 pairs of an active tenant and the person's role in it."""
    matching = Q(tenant__slug__icontains=wanted) | Q(tenant__name__icontains=wanted)
    if person.platform:
        rows = Tenant.objects.filter(is_active=True).filter(
            Q(slug__icontains=wanted) | Q(name__icontains=wanted)
        )
        return [(tenant, "platform") for tenant in rows[: MOST + 1]]
    members = Membership.objects.filter(matching, user=person.user, tenant__is_active=True)
    return [(m.tenant, m.role) for m in members.select_related("tenant").order_by("tenant__slug")[: MOST + 1]]
