"""Resources and costs that a product has by hand: looked for, chosen, given and taken back."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.pages.editing import one_of
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from inventory.filters import Properties
from inventory.models import Product
from inventory.queries.folders import Level, folder_paths, require_level
from inventory.queries.giving import (
    MOST,
    Choice,
    charges_given,
    charges_matching_for,
    resources_given,
    resources_matching_for,
)
from inventory.queries.owners import charge_properties, resource_properties
from inventory.services.products import product_give, product_take

VERBS: Final = {"give": product_give, "take": product_take}


class Thing(NamedTuple):
    """What is given: how it is called, looked for, and named to the verbs."""

    name: str
    ids: str
    matching: Callable[[Tenant, str], list[Choice]]
    given: Callable[[Product], list[Choice]]
    properties: Callable[[Tenant], Properties]
    examples: tuple[str, ...]


THINGS: Final = {
    "resources": Thing(
        "resources", "resource_ids", resources_matching_for, resources_given, resource_properties,
        ("tag:app = cart", 'provider = aws and region ^= "eu-"', "not exists product"),
    ),
    "costs": Thing(
        "costs", "cost_ids", charges_matching_for, charges_given, charge_properties,
        ("service_name = Support", "sub_account_id = 4711 and charge_category = Tax", "not exists product"),
    ),
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def by_hand(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """`of` says what is looked for; a POST gives or takes back, by `do`, what was `chosen`."""
    rows = Product.objects.for_tenant(principal.home).select_related("tenant", "folder")
    product: Product = one_of(rows, pk, "product")
    require_level(principal, product.folder_id, Level.EDIT)
    thing = THINGS.get(request.GET.get("of", ""), THINGS["resources"])
    try:
        if request.method == "POST":
            return _moved(request, principal, product, thing)
    except AppError as error:
        return _page(request, principal, product, thing, error)
    return _page(request, principal, product, thing)


def _moved(request: HttpRequest, principal: Principal, product: Product, thing: Thing) -> HttpResponse:
    do, chosen = request.POST.get("do", ""), _chosen(request)
    if do not in VERBS:
        raise ValidationFailed("This page does not know what to do.")
    VERBS[do](by=principal, product=product, **{thing.ids: chosen})
    told = f"{len(chosen)} of the {thing.name}"
    done = f"is given {told}" if do == "give" else f"has {told} by hand no more"
    messages.success(request, f"{product.name} {done}.")
    return redirect(request.get_full_path())


def _chosen(request: HttpRequest) -> list[UUID]:
    """Errors: 400 for none, and for what is no id."""
    try:
        found = [UUID(text) for text in request.POST.getlist("chosen")[:MOST]]
    except ValueError as error:
        raise ValidationFailed.field("chosen", "it is none of these.") from error
    if not found:
        raise ValidationFailed("Choose some of them first.")
    return found


def _page(
    request: HttpRequest, principal: Principal, product: Product, thing: Thing, error: AppError | None = None
) -> HttpResponse:
    tenant = principal.home
    asked = {"filter": request.GET.get("filter", "")[:2000].replace("\x00", "").strip()}
    context: dict[str, Any] = {"refused": error}
    try:
        context["found"] = thing.matching(tenant, asked["filter"])
    except AppError as wrong:
        context |= {"error": wrong, "pointer": pointer(wrong)}
        error = error or wrong
    return show(
        request,
        "inventory/giving.html",
        principal,
        status=error.status if error else 200,
        product=product,
        path=folder_paths(tenant)[product.folder_id],
        thing=thing,
        things=list(THINGS),
        asked=asked,
        given=thing.given(product),
        most=MOST,
        examples=thing.examples,
        properties=sorted(thing.properties(tenant)),
        **context,
    )
