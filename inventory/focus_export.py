"""Lines of bills as FOCUS, the FinOps Open Cost and Usage Specification, 1.0 to 1.4.

A file has all columns of its version that we could hold. Texts that FOCUS wants and nobody told get its own
neutral value; amounts are never made up, and cells are not changed for the sake of spreadsheets.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet

from accounts.exact import EXACT, canonical
from accounts.snapshot import snapshot
from accounts.streams import Parts, csv_parts
from accounts.wire import encode
from inventory.exports import fetched
from inventory.focus import COLUMNS, our_name
from inventory.models import CostLine
from inventory.queries.rates import Rates
from inventory.rows import CHARGE_FIELDS, LINE_FIELDS

DEFAULT: Final = "1.2"
FIRST: Final = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory",
    "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost",
    "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
ADDED: Final = {
    "1.0": FIRST,
    "1.1": (
        "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity",
        "CommitmentDiscountUnit", "ServiceSubcategory", "SkuMeter", "SkuPriceDetails",
    ),
    "1.2": (
        "BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType",
    ),
    "1.3": (
        "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
        "AllocatedTags", "ContractApplied", "HostProviderName", "ServiceProviderName",
    ),
    "1.4": ("CommitmentProgramEligibilityDetails", "InvoiceDetailId"),
}  # fmt: skip
DROPPED: Final = {"1.4": ("ProviderName", "PublisherName")}
REPORTED: Final = ("x_ReportingCost", "x_ReportingCurrency")
PROVIDERS: Final = {
    "aws": "AWS", "azure": "Microsoft", "gcp": "Google Cloud", "gcore": "Gcore", "oci": "Oracle",
}  # fmt: skip
_LINE: Final = {name: our_name(name) for name in COLUMNS if our_name(name) in LINE_FIELDS}
_CHARGE: Final = {name: our_name(name) for name in COLUMNS if our_name(name) in CHARGE_FIELDS}


def columns_of(version: str) -> list[str]:
    """The columns of a version, in alphabetical order as the specification has them."""
    names: set[str] = set()
    for known, added in ADDED.items():
        names |= set(added)
        names -= set(DROPPED.get(known, ()))
        if known == version:
            break
    return sorted(names)


def focus_parts(lines: QuerySet[CostLine], version: str, rates: Rates | None) -> Parts:
    """The lines as a CSV file of that version; with rates, billed cost in their currency as well."""
    header = [*columns_of(version), *(REPORTED if rates else ())]
    with snapshot():
        yield from csv_parts(header, _rows(lines, header, rates), cell=_cell)


def _rows(lines: QuerySet[CostLine], header: list[str], rates: Rates | None) -> Iterator[list[Any]]:
    for line in fetched(lines):
        told = _told(line)
        if rates is not None:
            rate = rates.of(line.currency, line.cost_day.day)
            told["x_ReportingCost"] = None if rate is None else EXACT.multiply(line.billed_cost, rate)
            told["x_ReportingCurrency"] = None if rate is None else rates.to_currency
        yield [told.get(name) for name in header]


def _told(line: CostLine) -> dict[str, Any]:
    """What a line says, by FOCUS's names."""
    charge, day = line.charge, line.cost_day
    provider = PROVIDERS.get(charge.provider, charge.provider)
    category = charge.service_category or "Other"
    same_currency = charge.other.get("PricingCurrency") == line.currency
    return {
        "InvoiceIssuerName": provider,
        "PublisherName": provider,
        **({"PricingCurrencyEffectiveCost": line.effective_cost} if same_currency else {}),
        **charge.other,
        **{name: getattr(line, attribute) for name, attribute in _LINE.items()},
        **{name: getattr(charge, attribute) for name, attribute in _CHARGE.items()},
        "BillingAccountId": charge.billing_account_id or charge.sub_account_id,
        "BillingPeriodEnd": day.period_end,
        "BillingPeriodStart": day.period_start,
        "ProviderName": provider,
        "ServiceCategory": category,
        "ServiceProviderName": provider,
        "ServiceSubcategory": charge.service_subcategory or f"Other ({category})",
    }


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return encode(value).decode() if value else None
    return value
