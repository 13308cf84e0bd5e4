"""Bills made from a seed, in FOCUS 1.2: for samples, tests and measurements. The same seed, the same bytes.

Three providers bill in two currencies. Spend has a week, grows, and holds what bills hold: a commitment that
covers a part and is used in a part, credits, tax, resources without tags. Some days are planted anomalies;
the truth list says which.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from accounts.exact import canonical
from inventory.rows import month_of

WEEK: Final = (1.0, 1.05, 1.06, 1.04, 0.98, 0.62, 0.55)
YEARLY_GROWTH: Final = 0.35
NOISE: Final = 0.04
ENVIRONMENTS: Final = ("prod", "prod", "staging", "dev", "")  # the last is untagged
TEAMS: Final = ("core", "data", "web")
LIST_MARKUP: Final = Decimal("1.25")
COVERED: Final = Decimal("0.6")  # the price under a commitment
HEADER: Final = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountQuantity", "CommitmentDiscountStatus",
    "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice",
    "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId",
    "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId",
    "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
Row = dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    provider: str
    currency: str
    account: str
    name: str
    category: str
    kind: str
    unit: str
    region: str
    region_name: str
    price: Decimal
    quantity: float
    """A day's, on a weekday at the start."""


AWS, AZURE, GCP = "AWS", "Microsoft Azure", "Google Cloud"
SERVICES: Final = tuple(
    Service(provider, currency, account, name, category, kind, unit, region, place, Decimal(price), quantity)
    for provider, currency, account, region, place, offered in (
        (AWS, "USD", "100000000001", "us-east-1", "US East (N. Virginia)", (
            ("AmazonEC2", "Compute", "instance", "Hours", "0.0960", 24.0),
            ("AmazonRDS", "Databases", "database", "Hours", "0.1450", 24.0),
            ("AmazonS3", "Storage", "bucket", "GB-Days", "0.0008", 9000.0),
        )),
        (AZURE, "EUR", "azure-ea-7", "westeurope", "West Europe", (
            ("Virtual Machines", "Compute", "virtual machine", "Hours", "0.1120", 24.0),
            ("Storage", "Storage", "storage account", "GB-Days", "0.0007", 7000.0),
        )),
        (GCP, "USD", "gcp-billing-3", "europe-west1", "Belgium", (
            ("Compute Engine", "Compute", "instance", "Hours", "0.0850", 24.0),
            ("BigQuery", "Analytics", "dataset", "TB", "6.2500", 1.6),
        )),
    )
    for name, category, kind, unit, price, quantity in offered
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    service: Service
    number: int
    environment: str
    team: str
    sub_account: int
    size: float
    committed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Anomaly:
    """All resources of a service cost `factor` times as much on the days in [start, end)."""

    provider: str
    service: str
    start: date
    end: date
    factor: Decimal

    def document(self) -> dict[str, Any]:
        return {name: str(getattr(self, name)) for name in self.__dataclass_fields__}


class Bills:
    """The bills of some whole months from `start` on, for so many resources."""

    def __init__(self, *, seed: int, start: date, months: int, resources: int) -> None:
        self.start = start.replace(day=1)
        self.end = self.start
        for _ in range(months):
            self.end = month_of(_moment(self.end))[1].date()
        chance = Random(seed)  # noqa: S311  (repeatable on purpose)
        self.resources = [_resource(chance, number) for number in range(resources)]
        self.anomalies = self._plant(chance)
        self._seed = seed

    def _plant(self, chance: Random) -> list[Anomaly]:
        """About one in two months for each service, none in the first month, never two at once."""
        found = []
        days = (self.end - self.start).days
        for service in SERVICES:
            day = 31 + int(chance.random() * 40)
            while day + 3 < days:
                start = self.start + timedelta(days=day)
                length = 1 + int(chance.random() * 3)
                factor = Decimal(int(18 + chance.random() * 30)) / 10
                end = start + timedelta(days=length)
                found.append(Anomaly(service.provider, service.name, start, end, factor))
                day += 40 + int(chance.random() * 45)
        return sorted(found, key=lambda anomaly: (anomaly.start, anomaly.service))

    def truth(self) -> dict[str, Any]:
        """The planted anomalies."""
        told = {"seed": self._seed, "start": str(self.start), "end": str(self.end)}
        return {**told, "anomalies": [a.document() for a in self.anomalies]}

    def rows(self) -> Iterator[Sequence[str]]:
        """The cells of each row, in the order of HEADER, day by day."""
        chance = Random(self._seed + 1)  # noqa: S311
        day = self.start
        while day < self.end:
            yield from map(cells_of, self._day(chance, day))
            day += timedelta(days=1)

    def _day(self, chance: Random, day: date) -> Iterator[Row]:
        growth = (1 + YEARLY_GROWTH) ** ((day - self.start).days / 365)
        factors = {(a.provider, a.service): float(a.factor) for a in self.anomalies if a.start <= day < a.end}
        for resource in self.resources:
            service = resource.service
            factor = factors.get((service.provider, service.name), 1.0)
            noise = 1 + NOISE * (2 * chance.random() - 1)
            amount = service.quantity * resource.size * growth * WEEK[day.weekday()] * noise * factor
            yield from _usage(resource, day, Decimal(round(amount * 10_000)).scaleb(-4))
        if day.day == 1:
            yield from _monthly(day, {resource.service for resource in self.resources})


def _resource(chance: Random, number: int) -> Resource:
    service = SERVICES[number % len(SERVICES)]
    environment = ENVIRONMENTS[int(chance.random() * len(ENVIRONMENTS))]
    team = TEAMS[int(chance.random() * len(TEAMS))]
    size = 0.4 + 1.6 * chance.random()
    committed = service.name == "AmazonEC2" and chance.random() < 0.5
    return Resource(service, number, environment, team, number % 4, size, committed)


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _frame(service: Service, day: date, end: date) -> Row:
    first, last = month_of(_moment(day))
    return {
        "BillingAccountId": service.account,
        "BillingAccountName": f"{service.provider} bill",
        "BillingCurrency": service.currency,
        "BillingPeriodStart": f"{first:%Y-%m-%dT00:00:00Z}",
        "BillingPeriodEnd": f"{last:%Y-%m-%dT00:00:00Z}",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{end}T00:00:00Z",
        "InvoiceId": f"{service.account}-{day:%Y%m}",
        "InvoiceIssuerName": service.provider,
        "ProviderName": service.provider,
        "PublisherName": service.provider,
        "ServiceName": service.name,
        "ServiceCategory": service.category,
    }


def _usage(resource: Resource, day: date, quantity: Decimal) -> Iterator[Row]:
    service = resource.service
    name = f"{service.kind.replace(' ', '-')}-{resource.number:05}"
    tags = {"env": resource.environment, "team": resource.team} if resource.environment else {}
    effective = COVERED if resource.committed else Decimal(1)
    cost = service.price * quantity
    row = _frame(service, day, day + timedelta(days=1)) | {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{service.name} {service.kind}",
        "ChargeFrequency": "Usage-Based",
        "BilledCost": "0" if resource.committed else canonical(cost),
        "EffectiveCost": canonical(cost * effective),
        "ContractedCost": canonical(cost),
        "ContractedUnitPrice": canonical(service.price),
        "ListCost": canonical(cost * LIST_MARKUP),
        "ListUnitPrice": canonical(service.price * LIST_MARKUP),
        "PricingCategory": "Committed" if resource.committed else "Standard",
        "PricingQuantity": canonical(quantity),
        "PricingUnit": service.unit,
        "ConsumedQuantity": canonical(quantity),
        "ConsumedUnit": service.unit,
        "RegionId": service.region,
        "RegionName": service.region_name,
        "ResourceId": f"{service.account}/{name}",
        "ResourceName": name,
        "ResourceType": service.kind,
        "SkuId": f"{service.name}-{service.region}".replace(" ", "-").lower(),
        "SkuPriceId": f"{service.name}-{service.region}-{service.unit}".replace(" ", "-").lower(),
        "SubAccountId": f"{service.account}-{resource.sub_account}",
        "SubAccountName": f"Account {resource.sub_account}",
        "Tags": json.dumps(tags),
    }
    if resource.committed:
        row |= commitment_of("savings-plan-1", "Used", canonical(cost * COVERED))
    yield row


def commitment_of(plan: str, status: str, quantity: str) -> Row:
    return {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": plan,
        "CommitmentDiscountName": "Compute plan",
        "CommitmentDiscountType": "Savings Plan",
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountUnit": "USD",
    }


def _monthly(day: date, services: set[Service]) -> Iterator[Row]:
    """What is billed once a month: the commitment and what is left of it unused, a credit, tax."""
    seen = set()
    for service in SERVICES:
        if service in services and service.provider not in seen:
            seen.add(service.provider)
            yield _flat(service, day, "Credit", "-12.5", "Promotional credit")
            yield _flat(service, day, "Tax", "21.42", "VAT")
    plan = SERVICES[0]
    if plan in services:
        unused = {"PricingCategory": "Committed", "ChargeFrequency": "Usage-Based"}
        yield _flat(plan, day, "Usage", "0", "Unused commitment") | _PRICED | unused | {
            "EffectiveCost": "3.6", "ResourceId": "savings-plan-1", "ResourceType": "Savings Plan",
            "ListUnitPrice": "0", "ContractedUnitPrice": "0",
            **commitment_of("savings-plan-1", "Unused", "3.6"),
        }  # fmt: skip
        yield _flat(plan, day, "Purchase", "720", "Savings plan") | _PRICED | {
            "EffectiveCost": "0", "ResourceId": "savings-plan-1", "ResourceType": "Savings Plan",
            "ListUnitPrice": "720", "ContractedUnitPrice": "720", "PricingCategory": "Standard",
            **commitment_of("savings-plan-1", "", "720"),
        }  # fmt: skip


_PRICED: Final = {"PricingQuantity": "1", "PricingUnit": "Units", "SkuId": "plan", "SkuPriceId": "plan-1"}


def _flat(service: Service, day: date, category: str, amount: str, description: str) -> Row:
    end = month_of(_moment(day))[1].date()
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), amount)
    said = {"ChargeCategory": category, "ChargeDescription": description, "ChargeFrequency": "Recurring"}
    return _frame(service, day, end) | costs | said


def daily_row(
    service: Service, day: date, resource: str, name: str, kind: str, tags: dict[str, str], cost: Decimal
) -> Row:
    """A resource's line of one day, at the same price for all four costs."""
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), canonical(cost))
    return _frame(service, day, day + timedelta(days=1)) | costs | {
        "ChargeCategory": "Usage", "ChargeDescription": f"{service.name} {kind}",
        "ChargeFrequency": "Usage-Based", "PricingCategory": "Standard", "PricingQuantity": "1",
        "PricingUnit": service.unit, "ConsumedQuantity": "1", "ConsumedUnit": service.unit,
        "ListUnitPrice": canonical(cost), "ContractedUnitPrice": canonical(cost),
        "RegionId": service.region, "RegionName": service.region_name, "ResourceId": resource,
        "ResourceName": name, "ResourceType": kind, "SkuId": f"{service.name}-{kind}".lower(),
        "SkuPriceId": f"{service.name}-{kind}-day".lower(), "SubAccountId": f"{service.account}-0",
        "SubAccountName": "Account 0", "Tags": json.dumps(tags),
    }  # fmt: skip


def cells_of(row: Row) -> list[str]:
    return [row.get(name, "") for name in HEADER]
