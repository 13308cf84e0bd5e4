"""A product: what it is, by which filters it owns what, and what that is."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError
from accounts.models import Scope
from accounts.pages.editing import edited, one_of
from accounts.pages.gate import tenant_page
from accounts.principals import SHARED, Principal
from inventory.models import Folder, Product
from inventory.queries.dimensions import narrowed
from inventory.queries.folders import Level, folder_paths, require_level
from inventory.queries.owners import owned_charges, owned_resources, owner_labels
from inventory.services.products import FILTERS, product_create, product_delete, product_update

PLAIN: Final = ("name", "description", "resource_filter", "cost_filter")


class ProductForm(forms.Form):
    """The filters are for those who may write in the tenant."""

    name = forms.CharField(max_length=255)
    description = forms.CharField(max_length=2000, required=False)
    resource_filter = forms.CharField(
        label="Resources", max_length=2000, required=False,
        help_text="It owns those that match, such as tag:app = cart. Empty: none.",
    )  # fmt: skip
    cost_filter = forms.CharField(
        label="Costs", max_length=2000, required=False,
        help_text="It owns those that match, such as service_name = S3, and those of its resources.",
    )  # fmt: skip

    def __init__(self, by: Principal, data: Any = None, product: Product | None = None) -> None:
        super().__init__(data, initial={name: getattr(product, name) for name in PLAIN} if product else {})
        if not by.allows(Scope.WRITE):
            for name in FILTERS:
                del self.fields[name]


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def new_product(request: HttpRequest, principal: Principal, folder: UUID) -> HttpResponse:
    found: Folder = one_of(Folder.objects.for_tenant(principal.home), folder, "folder")
    require_level(principal, found.pk, Level.EDIT)
    form = ProductForm(principal, request.POST or None)

    def save() -> str:
        product_create(by=principal, tenant=principal.home, folder_id=found.pk, **form.cleaned_data)
        return f"The product {form.cleaned_data['name']} is made."

    return edited(
        request, principal, "inventory/product.html", found=None, form=form, save=save,
        delete=partial(_deleted, principal), there=reverse("console:folder", args=[found.pk]),
        folder=found, may_edit=True,
        path=folder_paths(principal.home)[found.pk],
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def one_product(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """What it owns, and for whoever may edit its folder a form; by the button `do` its end."""
    tenant = principal.home
    rows = Product.objects.for_tenant(tenant).select_related("tenant", "folder")
    product: Product = one_of(rows, pk, "product")
    form = ProductForm(principal, request.POST or None, product)

    def save() -> str:
        product_update(by=principal, product=product, changes=form.cleaned_data)
        return f"The product {form.cleaned_data['name']} is saved."

    return edited(
        request, principal, "inventory/product.html", found=product, form=form, save=save,
        delete=partial(_deleted, principal), there=reverse("console:folder", args=[product.folder_id]),
        product=product, folder=product.folder,
        path=folder_paths(tenant)[product.folder_id], may_edit=_may_edit(principal, product),
        may_write=principal.allows(Scope.WRITE),
        resources=owned_resources(tenant, [pk]).count(), charges=owned_charges(tenant, [pk]).count(),
        owned=narrowed("", "product", owner_labels(tenant, "product")[pk]),
    )  # fmt: skip


def _deleted(principal: Principal, product: Product) -> str:
    product_delete(by=principal, product=product)
    return f"The product {product.name} is deleted."


def _may_edit(principal: Principal, product: Product) -> bool:
    try:
        require_level(principal, product.folder_id, Level.EDIT)
    except AppError:
        return False
    return True
