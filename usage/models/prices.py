"""What usage costs."""

from decimal import Decimal

import msgspec
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import TenantOwned
from accounts.models.fields import ByteOrderedCharField, ExactDecimalField, ExactJSONField
from usage.billing import Rule
from usage.pricing import Scheme, Terms, Tier


class PriceRule(TenantOwned):
    """The price of one unit of a service, from `valid_from` until before `valid_until` (whole UTC hours).

    An empty provider, model or event type takes any. `unit` is a metric's name, or `events` to count them.
    `tiers` are objects of decimal texts: `rate`, `up_to` (inclusive; null: no end), `size` (of a package).
    """

    service_type = ByteOrderedCharField(max_length=50)
    service_provider = ByteOrderedCharField(max_length=255, blank=True)
    model_or_tier = ByteOrderedCharField(max_length=255, blank=True)
    event_type = ByteOrderedCharField(max_length=255, blank=True)
    unit = ByteOrderedCharField(max_length=255)
    currency = models.CharField(
        max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$", "Give an ISO 4217 code such as EUR.")]
    )
    scheme = models.CharField(max_length=16, choices=[(scheme.value, scheme.value) for scheme in Scheme])
    tiers = ExactJSONField()
    minimum_charge = ExactDecimalField(default=Decimal(0), help_text="Least amount of a month with usage.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["service_type", "unit", "valid_from", "id"]
        indexes = [models.Index(fields=["tenant", "service_type", "unit"], name="price_by_service")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                name="price_ends_after_start",
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit} of {self.service_type} in {self.currency}"

    def as_rule(self) -> Rule:
        """The rule as the arithmetic knows it, and as a statement freezes it."""
        return Rule(
            id=str(self.pk),
            service_type=self.service_type,
            service_provider=self.service_provider,
            model_or_tier=self.model_or_tier,
            event_type=self.event_type,
            unit=self.unit,
            currency=self.currency,
            terms=Terms(Scheme(self.scheme), msgspec.convert(self.tiers, tuple[Tier, ...])),
            minimum=self.minimum_charge,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )
