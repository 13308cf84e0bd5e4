"""What was charged. The columns are those of FOCUS, the FinOps Open Cost and Usage Specification.

A bill repeats itself: the same machine, price and tags on each hour of the year. So what a line is *for* is
kept once, as a Charge, and a CostLine has only its period and its numbers. All lines of one day of one bill
hang on a CostDay, which is replaced, and brought back, as a whole.
"""

from typing import Self

from django.db import models
from django.db.models import F, Q

from accounts.models import Tenant, TenantOwned, TenantQuerySet
from accounts.models.fields import ByteOrderedCharField, ExactJSONField, NumericField
from inventory.models.accounts import CloudAccount
from inventory.models.imports import Import
from inventory.models.resources import ID_LENGTH

Text = ByteOrderedCharField


class Charge(TenantOwned):
    """What lines are for. Nothing of it ever changes: its id is made of all that it says.

    An empty text is FOCUS's null. `other` has the columns that are kept but not searched, by FOCUS name.
    """

    class Category(models.TextChoices):
        USAGE = "Usage"
        PURCHASE = "Purchase"
        TAX = "Tax"
        CREDIT = "Credit"
        ADJUSTMENT = "Adjustment"

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    cloud_account = models.ForeignKey(CloudAccount, null=True, on_delete=models.PROTECT, related_name="+")
    provider = Text(max_length=32)
    billing_account_id = Text(max_length=255, blank=True)
    billing_account_name = Text(max_length=255, blank=True)
    sub_account_id = Text(max_length=255, blank=True)
    sub_account_name = Text(max_length=255, blank=True)
    service_name = Text(max_length=255)
    service_category = Text(max_length=63, blank=True)
    service_subcategory = Text(max_length=63, blank=True)
    region = Text(max_length=255, blank=True)
    region_name = Text(max_length=255, blank=True)
    availability_zone = Text(max_length=255, blank=True)
    resource_id = Text(max_length=ID_LENGTH, blank=True)
    resource_name = Text(max_length=ID_LENGTH, blank=True)
    resource_type = Text(max_length=255, blank=True)
    charge_category = Text(max_length=16, choices=Category.choices, default=Category.USAGE)
    charge_class = Text(max_length=16, blank=True)
    charge_frequency = Text(max_length=16, blank=True)
    charge_description = Text(max_length=2000, blank=True)
    pricing_category = Text(max_length=16, blank=True)
    pricing_unit = Text(max_length=255, blank=True)
    consumed_unit = Text(max_length=255, blank=True)
    sku_id = Text(max_length=255, blank=True)
    sku_price_id = Text(max_length=255, blank=True)
    commitment_discount_id = Text(max_length=ID_LENGTH, blank=True)
    commitment_discount_name = Text(max_length=255, blank=True)
    commitment_discount_category = Text(max_length=16, blank=True)
    commitment_discount_type = Text(max_length=255, blank=True)
    commitment_discount_status = Text(max_length=16, blank=True)
    commitment_discount_unit = Text(max_length=255, blank=True)
    tags = ExactJSONField(default=dict)
    other = ExactJSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["tenant", "provider", "resource_id"], name="charge_of_resource")]

    def __str__(self) -> str:
        return f"{self.provider} {self.service_name}"


class CostDay(TenantOwned):
    """All lines that begin on one day (UTC), of one bill, as one source told them.

    A newer import of the same day makes a row of its own and takes `is_live` from this one; the constraint
    lets only one have it. Lines count while their day is live.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=100)
    source_import = models.ForeignKey(Import, on_delete=models.PROTECT, related_name="days")
    provider = Text(max_length=32)
    billing_account_id = Text(max_length=255, blank=True, help_text="Else the sub-account.")
    period_start = models.DateTimeField(help_text="Of the billing period.")
    period_end = models.DateTimeField()
    day = models.DateField()
    is_live = models.BooleanField(default=True)

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source", "provider", "billing_account_id", "period_start", "day"],
                condition=Q(is_live=True),
                name="cost_day_live_once",
            )
        ]
        indexes = [models.Index(fields=["tenant", "day"], name="cost_day_by_day")]

    def __str__(self) -> str:
        return f"{self.day} · {self.source}"


class CostLineQuerySet(TenantQuerySet):
    def live(self) -> Self:
        """What counts: not replaced by a newer import.

        That the day is the same tenant's says nothing new, but lets the index of days find and order lines.
        """
        return self.filter(cost_day__is_live=True, cost_day__tenant=F("tenant"))


class CostLine(TenantOwned):
    """One line of a bill, for the half-open time from `charge_start` to `charge_end`.

    A list or contracted cost that nobody told is null, never 0. Credits are negative. `row_number` counts
    from 1 in the file or call of `source_import`.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    cost_day = models.ForeignKey(CostDay, on_delete=models.PROTECT, related_name="lines")
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="lines")
    source_import = models.ForeignKey(Import, on_delete=models.PROTECT, related_name="+", db_index=False)
    row_number = models.PositiveIntegerField()
    charge_start = models.DateTimeField()
    charge_end = models.DateTimeField()
    currency = Text(max_length=3)
    billed_cost = NumericField()
    effective_cost = NumericField()
    list_cost = NumericField(null=True)
    contracted_cost = NumericField(null=True)
    pricing_quantity = NumericField(places=18, null=True)
    consumed_quantity = NumericField(places=18, null=True)
    list_unit_price = NumericField(places=18, null=True)
    contracted_unit_price = NumericField(places=18, null=True)
    commitment_discount_quantity = NumericField(places=18, null=True)
    invoice_id = Text(max_length=255, blank=True)

    objects = CostLineQuerySet.as_manager()  # type: ignore[misc]  # a more able manager than the base's

    class Meta:
        ordering = ["-cost_day__day", "-id"]

    def __str__(self) -> str:
        return f"{self.charge_start:%Y-%m-%d} {self.billed_cost} {self.currency}"
