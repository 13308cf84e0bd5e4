"""Which column of a file is which of ours: layouts that are known, and telling them by their headers."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from inventory import focus
from inventory.columns import RESOURCE_COLUMNS
from inventory.models import Import

Synonyms = Mapping[str, Sequence[str]]
ORGANIZATION: Final = "organization_id"
REQUIRED: Final = {
    Import.Kind.COSTS.value: ("charge_start", "billed_cost"),
    Import.Kind.RESOURCES.value: ("provider", "resource_id", "resource_type", "region", "state"),
}
FOCUS_COLUMNS: Final = {
    focus.our_name(column): focus.ALIASES.get(column, (column,)) for column in (*focus.COLUMNS, *focus.OTHERS)
}
PLAIN_COSTS: Final[Synonyms] = {
    **FOCUS_COLUMNS,
    ORGANIZATION: ("organization_id", "org_id", "tenant_id"),
    "provider": ("provider", "cloud_provider", "vendor", "ServiceProviderName", "ProviderName"),
    "sub_account_id": ("cloud_account_id", "account_id", "account", "sub_account_id"),
    "service_name": ("service_name", "service", "product"),
    "charge_start": ("cost_date", "date", "usage_date", "day", "charge_start"),
    "consumed_quantity": ("usage_quantity", "quantity", "consumed_quantity"),
    "consumed_unit": ("usage_unit", "unit", "consumed_unit"),
    "billed_cost": ("cost_amount", "cost", "amount", "billed_cost"),
    "currency": ("currency", "currency_code", "billing_currency"),
    "region": ("region", "location", "region_id"),
}
PLAIN_RESOURCES: Final[Synonyms] = {
    **{name: (name,) for name in RESOURCE_COLUMNS},
    ORGANIZATION: ("organization_id", "org_id", "tenant_id"),
    "cloud_account_id": ("cloud_account_id", "account_id", "account", "subscription_id"),
    "provider": ("provider", "cloud_provider", "vendor", "cloud"),
    "resource_id": ("resource_id", "id", "instance_id", "arn"),
    "name": ("name", "resource_name"),
    "resource_type": ("resource_type", "type"),
    "region": ("region", "location"),
    "state": ("state", "status"),
    "cost_daily": ("cost_daily", "daily_cost"),
    "cost_monthly": ("cost_monthly", "monthly_cost"),
    "created_at": ("created_at", "created", "launch_time"),
}
AWS_CUR: Final[Synonyms] = {
    "billing_account_id": ("bill/PayerAccountId",),
    "billing_account_name": ("bill/PayerAccountName",),
    "invoice_id": ("bill/InvoiceId",),
    "period_start": ("bill/BillingPeriodStartDate",),
    "period_end": ("bill/BillingPeriodEndDate",),
    "sub_account_id": ("lineItem/UsageAccountId",),
    "sub_account_name": ("lineItem/UsageAccountName",),
    "charge_category": ("lineItem/LineItemType",),
    "charge_start": ("lineItem/UsageStartDate",),
    "charge_end": ("lineItem/UsageEndDate",),
    "service_name": ("product/ProductName", "product/servicename", "lineItem/ProductCode"),
    "charge_description": ("lineItem/LineItemDescription",),
    "region": ("product/regionCode", "product/region"),
    "region_name": ("product/location",),
    "availability_zone": ("lineItem/AvailabilityZone",),
    "resource_id": ("lineItem/ResourceId",),
    "consumed_quantity": ("lineItem/UsageAmount",),
    "consumed_unit": ("pricing/unit",),
    "currency": ("lineItem/CurrencyCode",),
    "billed_cost": ("lineItem/UnblendedCost",),
    "list_cost": ("pricing/publicOnDemandCost",),
    "list_unit_price": ("pricing/publicOnDemandRate",),
    "contracted_unit_price": ("lineItem/UnblendedRate",),
    "sku_id": ("product/sku",),
    "sku_price_id": ("pricing/RateId",),
    "commitment_discount_id": ("savingsPlan/SavingsPlanARN", "reservation/ReservationARN"),
    "tags": ("resourceTags", "resource_tags"),
}
AZURE_EA: Final[Synonyms] = {
    "billing_account_id": ("BillingAccountId",),
    "billing_account_name": ("BillingAccountName",),
    "sub_account_id": ("SubscriptionId", "SubscriptionGuid"),
    "sub_account_name": ("SubscriptionName",),
    "charge_start": ("Date", "UsageDate"),
    "charge_category": ("ChargeType",),
    "charge_frequency": ("Frequency",),
    "charge_description": ("Product", "ProductName"),
    "service_name": ("MeterCategory", "ConsumedService"),
    "service_category": ("ServiceFamily",),
    "region": ("ResourceLocation",),
    "availability_zone": ("AvailabilityZone",),
    "resource_id": ("ResourceId", "InstanceId"),
    "resource_name": ("ResourceName",),
    "consumed_quantity": ("Quantity",),
    "consumed_unit": ("UnitOfMeasure",),
    "currency": ("BillingCurrencyCode", "BillingCurrency"),
    "billed_cost": ("CostInBillingCurrency", "Cost", "PreTaxCost"),
    "contracted_unit_price": ("EffectivePrice",),
    "list_unit_price": ("PayGPrice",),
    "invoice_id": ("InvoiceId",),
    "sku_id": ("MeterId",),
    "commitment_discount_id": ("ReservationId",),
    "commitment_discount_name": ("ReservationName",),
    "pricing_category": ("PricingModel",),
    "tags": ("Tags",),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """`columns` has our name → the names that a file may call it by, the best first.

    `values` has our name → what a text there means, for texts that are not ours. With `keyed`, rows are known
    by rows.NATURAL_KEY, as those of the bulk API are: of equal ones the last counts. `date_order` is asked
    where a date does not begin with its year. Columns that begin with `tag_prefix` are tags, by the rest.
    """

    name: str
    kind: str
    columns: Synonyms
    provider: str = ""
    currency: str = ""
    date_order: str = ""
    decimal_comma: bool = False
    keyed: bool = False
    tag_prefix: str = ""
    values: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    def find(self, header: Sequence[str]) -> dict[str, str]:
        """Our name → the header's, for all columns that the file has."""
        places = {plain(name): name for name in reversed(header) if name}
        found = {}
        for ours, names in self.columns.items():
            match = next((places[plain(name)] for name in names if plain(name) in places), None)
            if match is not None:
                found[ours] = match
        return found

    def tags(self, header: Sequence[str]) -> dict[int, str]:
        """The places of the columns that are a tag each, and its key."""
        prefix = self.tag_prefix.lower()
        return {
            place: re.sub(r"(?i)^user[:_]", "", name[len(prefix) :])
            for place, name in enumerate(header)
            if prefix and name.lower().startswith(prefix) and len(name) > len(prefix)
        }


PLAIN: Final = {
    Import.Kind.COSTS.value: Layout("plain", "costs", PLAIN_COSTS, keyed=True),
    Import.Kind.RESOURCES.value: Layout("plain", "resources", PLAIN_RESOURCES),
}
SHIPPED: Final = (
    Layout(
        "aws-cur",
        "costs",
        AWS_CUR,
        provider="aws",
        tag_prefix="resourceTags/",
        values={
            "charge_category": {
                "discountedusage": "Usage", "savingsplancoveredusage": "Usage", "fee": "Purchase",
                "rifee": "Purchase", "savingsplanupfrontfee": "Purchase",
                "savingsplanrecurringfee": "Purchase", "savingsplannegation": "Adjustment",
                "refund": "Adjustment", "edpdiscount": "Adjustment", "bundleddiscount": "Adjustment",
                "privateratediscount": "Adjustment", "discount": "Adjustment",
                "distributordiscount": "Adjustment",
            }
        },
    ),
    Layout(
        "azure-ea",
        "costs",
        AZURE_EA,
        provider="azure",
        date_order="mdy",
        values={
            "charge_category": {
                "unusedreservation": "Usage", "unusedsavingsplan": "Usage", "refund": "Adjustment",
                "roundingadjustment": "Adjustment",
            },
            "charge_frequency": {"onetime": "One-Time", "usagebased": "Usage-Based"},
            "pricing_category": {
                "ondemand": "Standard", "reservation": "Committed", "savingsplan": "Committed",
                "spot": "Dynamic",
            },
        },
    ),
)  # fmt: skip


def plain(name: str) -> str:
    """A column's name as far as it matters: `lineItem/UnblendedCost` is `line_item_unblended_cost`."""
    return re.sub(r"[\W_]+", "", name.lower())


def recognise(kind: str, header: Sequence[str], saved: Iterable[Layout]) -> Layout:
    """The layout that fits a header: FOCUS, else the saved or shipped one that names most of its columns."""
    version = focus.version_of({_FOCUS_NAMES.get(plain(name), name) for name in header})
    if kind == Import.Kind.COSTS and version is not None:
        return focus_layout(version)
    known = [*saved, *SHIPPED, PLAIN[kind]]
    fitting = [layout for layout in known if layout.kind == kind and not missing(layout, header)]
    return max(fitting, key=lambda layout: len(layout.find(header)), default=PLAIN[kind])


_FOCUS_NAMES: Final = {
    plain(name): name for name in (*focus.COLUMNS, *focus.OTHERS, *focus.ALIASES["ProviderName"])
}


def focus_layout(version: str) -> Layout:
    return Layout(f"focus-{version}", Import.Kind.COSTS, FOCUS_COLUMNS)


def missing(layout: Layout, header: Sequence[str]) -> list[str]:
    """Our columns that have to be there and are not."""
    found = layout.find(header)
    return [name for name in REQUIRED[layout.kind] if name not in found and not getattr(layout, name, "")]


def suggestions(layout: Layout, header: Sequence[str], mapping: Mapping[str, Any]) -> dict[str, str]:
    """For columns that are missing, the unused one whose name comes nearest."""
    unused = {plain(name): name for name in header if name and name not in mapping.values()}
    found = {}
    for name in REQUIRED[layout.kind]:
        names = [plain(known) for known in layout.columns.get(name, ())]
        near = [match for known in names for match in difflib.get_close_matches(known, unused, 1, 0.6)]
        if name not in mapping and near:
            found[name] = unused[near[0]]
    return found


def columns_of(kind: str) -> list[str]:
    """All our columns that a file may fill."""
    return sorted({*PLAIN[kind].columns})


def layout_document(layout: Layout) -> dict[str, Any]:
    """A layout as JSON, to be kept; `layout_of` makes it one again."""
    return dataclasses.asdict(layout)


def layout_of(document: Mapping[str, Any]) -> Layout:
    return Layout(**document)
