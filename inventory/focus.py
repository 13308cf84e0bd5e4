"""The columns of FOCUS, the FinOps Open Cost and Usage Specification, 1.0 to 1.4."""

import re
from collections.abc import Collection
from typing import Final

# FOCUS's column → our name of it, where that is more than its snake case.
RENAMED: Final = {
    "BillingCurrency": "currency",
    "BillingPeriodEnd": "period_end",
    "BillingPeriodStart": "period_start",
    "ChargePeriodEnd": "charge_end",
    "ChargePeriodStart": "charge_start",
    "ProviderName": "provider",
    "RegionId": "region",
}
COLUMNS: Final = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory",
    "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity",
    "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "RegionId",
    "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
# Kept as they are in Charge.other, under these names.
OTHERS: Final = (
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
    "AllocatedTags", "BillingAccountType", "CapacityReservationId", "CapacityReservationStatus",
    "CommitmentProgramEligibilityDetails", "ContractApplied", "HostProviderName", "InvoiceDetailId",
    "InvoiceIssuerName", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PublisherName", "SkuMeter",
    "SkuPriceDetails", "SubAccountType",
)  # fmt: skip
# The same in another version or an early draft.
ALIASES: Final = {
    "BilledCost": ("BilledCost",),
    "ChargeCategory": ("ChargeCategory", "ChargeType"),
    "ConsumedQuantity": ("ConsumedQuantity", "UsageQuantity"),
    "ConsumedUnit": ("ConsumedUnit", "UsageUnit"),
    "EffectiveCost": ("EffectiveCost", "AmortizedCost"),
    "ProviderName": ("ServiceProviderName", "ProviderName", "Provider"),
    "RegionId": ("RegionId", "Region"),
}
SERVICE_CATEGORIES: Final = frozenset({
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases",
    "Developer Tools", "Multicloud", "Identity", "Integration", "Internet of Things",
    "Management and Governance", "Media", "Migration", "Mobile", "Networking", "Security", "Storage", "Web",
    "Other",
})  # fmt: skip
UNKNOWN: Final = "unknown"  # stands for a provider or service that nobody told
# What a text may only be, for the columns that have such a list.
ALLOWED: Final = {
    "charge_class": ("Correction",),
    "charge_frequency": ("One-Time", "Recurring", "Usage-Based"),
    "pricing_category": ("Standard", "Dynamic", "Committed", "Other"),
    "commitment_discount_category": ("Spend", "Usage"),
    "commitment_discount_status": ("Used", "Unused"),
}


def our_name(column: str) -> str:
    """The name that a column has here; one of OTHERS keeps its own."""
    if column in OTHERS:
        return column
    return RENAMED.get(column) or re.sub(r"(?<!^)(?=[A-Z])", "_", column).lower()


def their_name(name: str) -> str:
    """FOCUS's name of one of our columns, for people to read; any other name as it is."""
    return THEIRS.get(name, name)


def version_of(header: Collection[str]) -> str | None:
    """The version that columns speak of, as far as they tell it; None when they are not FOCUS's.

    Columns that a version only knows on a condition may be missing, so it is a hint.
    """
    has = set(header)
    if not {"BilledCost", "ChargePeriodStart"} <= has:
        return None
    if "InvoiceDetailId" in has or ("ServiceProviderName" in has and "ProviderName" not in has):
        return "1.4"
    if has & {"ServiceProviderName", "HostProviderName", "AllocatedMethodId", "ContractApplied"}:
        return "1.3"
    if has & {"PricingCurrency", "InvoiceId", "BillingAccountType", "SubAccountType"}:
        return "1.2"
    newer = {"ServiceSubcategory", "SkuMeter", "SkuPriceDetails", "CommitmentDiscountQuantity"}
    return "1.1" if has & (newer | {"CapacityReservationId", "CommitmentDiscountUnit"}) else "1.0"


THEIRS: Final = {our_name(column): column for column in COLUMNS}
