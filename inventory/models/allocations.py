"""Rules of showback: whom costs are shown to that nobody owns, or that several share."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import TenantOwned
from accounts.models.fields import NumericField
from inventory.models.folders import Folder, Product


class AllocationRule(TenantOwned):
    """Costs that `filter` names are split among the targets. The first active rule that matches has them all.

    A rule goes before who owns the costs. `fixed` shares are percentages; what they leave is unallocated.
    """

    class Method(models.TextChoices):
        EVEN = "even"
        PROPORTIONAL = "proportional"
        FIXED = "fixed"

    name = models.CharField(max_length=255)
    priority = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1)], help_text="The lowest goes first."
    )
    filter = models.CharField(max_length=2000)
    method = models.CharField(max_length=16, choices=Method.choices, default=Method.EVEN)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="allocation_rule_once")]

    def __str__(self) -> str:
        return self.name


class AllocationTarget(TenantOwned):
    """A product, or a folder as such, that gets a part; of fixed shares with its percentage."""

    rule = models.ForeignKey(AllocationRule, on_delete=models.CASCADE, related_name="targets")
    folder = models.ForeignKey(Folder, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    share = NumericField(null=True, blank=True, help_text="In percent.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "rule", "folder"], name="allocation_folder_once"),
            models.UniqueConstraint(fields=["tenant", "rule", "product"], name="allocation_product_once"),
            models.CheckConstraint(
                condition=Q(folder=None, product__isnull=False) | Q(folder__isnull=False, product=None),
                name="allocation_target_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product or self.folder}"
