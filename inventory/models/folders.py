"""Folders, the products in them, what each product owns, and who may see it."""

from django.db import models
from django.db.models import Q

from accounts.models import TenantOwned
from inventory.models.costs import Charge
from inventory.models.resources import Resource


class Folder(TenantOwned):
    """A place in the tenant's tree of folders; without a parent it is at the top."""

    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=2000, blank=True)
    owner = models.CharField(max_length=254, blank=True, help_text="Whom to ask; it gives no right.")
    creator = models.CharField(max_length=254, blank=True, editable=False, help_text="Always in.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "parent", "name"], name="folder_once"),
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=Q(parent=None), name="folder_at_top_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Product(TenantOwned):
    """What a folder is for: it owns resources and costs, each of which has one product at most.

    By hand goes before all filters; of those that match, the product made first has it. Costs of a resource
    that no product owns themselves are those of the resource's product. An empty filter matches nothing.
    """

    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="products")
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=2000, blank=True)
    owner = models.CharField(max_length=254, blank=True, help_text="Whom to ask; it gives no right.")
    resource_filter = models.CharField(max_length=2000, blank=True)
    cost_filter = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "folder", "name"], name="product_once")]

    def __str__(self) -> str:
        return self.name


class ProductResource(TenantOwned):
    """A resource that a product was given by hand."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="given_resources")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "resource"], name="product_resource_once")]

    def __str__(self) -> str:
        return f"{self.resource_id} of {self.product_id}"


class ProductCharge(TenantOwned):
    """Costs that a product was given by hand: all lines for this charge, those to come as well."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="given_charges")
    charge = models.ForeignKey(Charge, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "charge"], name="product_charge_once")]

    def __str__(self) -> str:
        return f"{self.charge_id} of {self.product_id}"


class FolderPermission(TenantOwned):
    """What the person of an address may do in a folder and in all below it. Each level has those before."""

    class Level(models.TextChoices):
        VIEW = "view"
        EDIT = "edit"
        MANAGE = "manage"

    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, related_name="permissions")
    email = models.EmailField(help_text="In lower case.")
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.VIEW)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "folder", "email"], name="folder_permission_once")
        ]
        indexes = [models.Index(fields=["tenant", "email"], name="folder_permission_of")]

    def __str__(self) -> str:
        return f"{self.email} · {self.level}"
