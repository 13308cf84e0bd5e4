"""How the console shows the values of events and of statements."""

from decimal import Decimal
from typing import Any

from django import template

from accounts.templatetags.console import number, pretty_json
from usage.exact import currency_of
from usage.models import UsageEvent
from usage.models.statements import BillLine
from usage.queries.events import billed_cost

register = template.Library()


@register.filter
def cost(event: UsageEvent) -> str:
    """What the sender billed, with its currency; empty when nothing was sent."""
    amount = billed_cost(event)
    return "" if amount is None else f"{amount} {currency_of(event.billing_info.get('currency'))}"


@register.filter
def metric(value: Any) -> str:
    """A number with its thousands apart; anything else as JSON."""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return number(value) if is_number else pretty_json(value).strip('"')


@register.filter
def price(line: BillLine) -> list[str]:
    """How the amount of a line came about, a sentence for each step."""
    told = line.explanation
    if "was" in told:
        return [f"{told['was']['amount']} before, {told['is']['amount']} now"]
    if not line.rule_id:
        return ["as billed by the sender"]
    found = [f"{step['units']} at {step['rate']}" for step in told["steps"]]
    if told["minimum"] != "0":
        found.append(f"{told['minimum']} up to the minimum")
    return found
