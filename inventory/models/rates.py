"""What one currency is worth in another, from a day on."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, NumericField

CODE = RegexValidator(r"^[A-Z]{3}$", "Give an ISO 4217 code such as EUR.")


class ExchangeRate(TenantOwned):
    """One unit of `currency` is `rate` units of `to_currency` from `valid_from` until the next such rate."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = ByteOrderedCharField(max_length=3, validators=[CODE])
    to_currency = ByteOrderedCharField(max_length=3, validators=[CODE])
    valid_from = models.DateField(help_text="The first day (UTC) of charges that it is for.")
    rate = NumericField(places=18)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["currency", "to_currency", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "to_currency", "currency", "valid_from"], name="exchange_rate_once"
            ),
            models.CheckConstraint(condition=~Q(currency=F("to_currency")), name="exchange_rate_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} → {self.to_currency} from {self.valid_from}"
