"""What is counted of costs, and in what currency."""

from typing import Any, Final

from django import forms

from accounts.models import Tenant
from inventory.queries.rates import reporting_currencies
from inventory.queries.sums import COSTS

KINDS: Final = [(kind, f"{kind.capitalize()} cost") for kind in COSTS]
EXAMPLES: Final = (
    'provider = aws and region ^= "eu-"', "tag:env = prod and billed_cost > 10", "not exists tag:team",
)  # fmt: skip


class CountForm(forms.Form):
    """What the address does not say is as usual: the effective cost, each currency by itself."""

    cost = forms.ChoiceField(label="Count", choices=KINDS, required=False)
    currency = forms.ChoiceField(required=False)

    def __init__(self, tenant: Tenant, data: Any, alone: str = "Each by itself", **usual: Any) -> None:
        told = {"cost": "effective", "currency": "", **usual}
        super().__init__({name: data.get(name) or value for name, value in told.items()})
        choices: Any = self.fields["currency"]
        choices.choices = [
            ("", alone), *((name, f"All in {name}") for name in reporting_currencies(tenant)),
        ]  # fmt: skip
