"""What FOCUS demands of a row beyond its cells' form. Real bills fall short of it, so these only warn."""

from collections.abc import Iterator, Set
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from inventory.focus import ALLOWED, SERVICE_CATEGORIES, UNKNOWN, their_name
from inventory.rows import CostRow

if TYPE_CHECKING:
    from inventory.cost_reader import Line

TOLERANCE: Final = Decimal("0.005")  # half a cent
PRICED: Final = ("sku_id", "sku_price_id", "pricing_category")
TOGETHER: Final = (
    ("region", "region_name", "RegionId and RegionName are given together or not at all."),
    ("resource_id", "resource_type", "ResourceId and ResourceType are given together or not at all."),
    (
        "sub_account_id",
        "sub_account_name",
        "SubAccountId and SubAccountName are given together or not at all.",
    ),
)
NAMES: Final = {"sku_id": "SkuId", "sku_price_id": "SkuPriceId", "pricing_category": "PricingCategory"}
COMMITTED: Final = (
    ("commitment_discount_category", "CommitmentDiscountCategory"),
    ("commitment_discount_type", "CommitmentDiscountType"),
)


def charge_faults(row: CostRow, told: Set[str]) -> list[str]:
    """What is wrong with what a line is for; of columns that the file has not, nothing is asked."""
    found = [*_charge_faults(row, told), *_commitment_faults(row, told)]
    for first, second, message in TOGETHER:
        if {first, second} <= told and bool(getattr(row, first)) != bool(getattr(row, second)):
            found.append(message)
    return found


def _charge_faults(row: CostRow, told: Set[str]) -> Iterator[str]:
    category = row.charge_category
    if "service_category" in told and row.service_category not in SERVICE_CATEGORIES:
        yield f"ServiceCategory {row.service_category!r} is none of FOCUS's."
    yield from _name_faults(row, told)
    for name, allowed in ALLOWED.items():
        if (value := getattr(row, name)) and value not in allowed:
            yield f"{their_name(name)} {value!r} is none of FOCUS's."
    if row.charge_frequency == "Usage-Based" and category == "Purchase":
        yield "ChargeFrequency is Usage-Based on a Purchase."
    needed = category in {"Usage", "Purchase"} and row.charge_class != "Correction"
    for name in PRICED:
        if needed and name in told and not getattr(row, name):
            yield f"{NAMES[name]} is null on {category}."
        elif category == "Tax" and getattr(row, name):
            yield f"{NAMES[name]} is given on Tax."


def _name_faults(row: CostRow, told: Set[str]) -> Iterator[str]:
    for name in ("service_name", "provider"):
        if name in told and getattr(row, name) == UNKNOWN:
            yield f"{their_name(name)} is null; {UNKNOWN} is assumed."
    if row.resource_name and not row.resource_id:
        yield "ResourceName is given without ResourceId."


def _commitment_faults(row: CostRow, told: Set[str]) -> Iterator[str]:
    commitment = bool(row.commitment_discount_id)
    for name, title in COMMITTED:
        if name in told and bool(getattr(row, name)) != commitment:
            yield f"{title} and CommitmentDiscountId are given together or not at all."
    status = row.commitment_discount_status
    if status and not commitment:
        yield "CommitmentDiscountStatus is given without CommitmentDiscountId."
    if commitment and row.charge_category == "Usage" and not status and "commitment_discount_status" in told:
        yield "CommitmentDiscountStatus is null on Usage of a commitment."
    if status == "Unused" and row.charge_category != "Usage":
        yield "CommitmentDiscountStatus is Unused on something else than Usage."
    if commitment and row.charge_category == "Purchase" and row.resource_id != row.commitment_discount_id:
        yield "ResourceId is not CommitmentDiscountId on the purchase of a commitment."


def line_faults(line: "Line", told: Set[str]) -> Iterator[str]:
    """What is wrong with the numbers of a line."""
    part = line.part
    pricing_unit, consumed_unit, correction = part.units
    quantity, consumed = line.pricing_quantity, line.consumed_quantity
    if not correction and quantity is not None:
        price, cost = line.list_unit_price, line.list_cost
        if price is not None and cost is not None and not -TOLERANCE <= price * quantity - cost <= TOLERANCE:
            yield "ListCost is not ListUnitPrice times PricingQuantity."
        price, cost = line.contracted_unit_price, line.contracted_cost
        if price is not None and cost is not None and not -TOLERANCE <= price * quantity - cost <= TOLERANCE:
            yield "ContractedCost is not ContractedUnitPrice times PricingQuantity."
    if pricing_unit != (quantity is not None) and "pricing_unit" in told and "pricing_quantity" in told:
        yield "PricingUnit and PricingQuantity are given together or not at all."
    if consumed_unit != (consumed is not None) and "consumed_unit" in told and "consumed_quantity" in told:
        yield "ConsumedUnit and ConsumedQuantity are given together or not at all."
    if (line.list_unit_price or 0) < 0 or (line.contracted_unit_price or 0) < 0:
        yield "A unit price is below 0."
    if part.commitment or part.category != "Usage":
        yield from _unusual_faults(line, told)


def _unusual_faults(line: "Line", told: Set[str]) -> Iterator[str]:
    part = line.part
    costs = {line.billed_cost, line.effective_cost, line.list_cost, line.contracted_cost}
    if part.category == "Credit" and len(costs) > 1:
        yield "The four costs of a Credit differ."
    if part.category == "Purchase" and part.commitment and line.effective_cost:
        yield "EffectiveCost is not 0 on the purchase of a commitment."
    if line.consumed_quantity is not None and (part.category != "Usage" or part.commitment == "Unused"):
        yield "ConsumedQuantity is given where nothing was consumed."
    if part.commitment == "Used" and line.billed_cost:
        yield "BilledCost is not 0 on what a commitment covers."
    quantity = line.commitment_discount_quantity
    if "commitment_discount_quantity" in told and not part.units[2]:
        wanted = bool(part.commitment) and part.category in {"Usage", "Purchase"}
        if wanted != (quantity is not None):
            yield "CommitmentDiscountQuantity is given on Usage and Purchase of a commitment, and only there."
