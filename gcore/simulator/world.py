"""The simulated reseller: customers, features and what they used, the same for the same names and days."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

RESELLER: Final = 800001
CURRENCY: Final = {"id": 2, "char_code": "EUR", "symbol": "€"}
PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Client:
    """`size` scales all that it uses; a product that it does not have is not in its reports."""

    id: int
    name: str
    size: Decimal
    products: tuple[str, ...] = ("CDN", "CLOUD", "WAAP")


@dataclass(frozen=True, slots=True)
class Product:
    id: int
    name: str
    internal_name: str


@dataclass(frozen=True, slots=True)
class Feature:
    """`daily` is what a resource of a client of size 1 uses on a usual day."""

    id: int
    name: str
    product: Product
    unit: str
    unit_id: int
    daily: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Resource:
    id: int
    name: str
    region_id: int
    region: str


CLIENTS: Final = (
    Client(829449, "SDG Test 2", Decimal(1)),
    Client(829517, "Nordwind Media GmbH", Decimal("7.5")),
    Client(830102, "Helios Labs", Decimal("2.25"), ("CDN", "CLOUD")),
    Client(830944, "Blue Harbour Games", Decimal(0)),
)
CDN: Final = Product(1, "CDN", "CDN")
STORAGE: Final = Product(2, "Object Storage", "STORAGE")
CLOUD: Final = Product(5, "Cloud", "CLOUD")
WAAP: Final = Product(23, "WAAP", "WAAP")
FEATURES: Final = (
    Feature(92, "Delivery per GB", CDN, "GB", 1, Decimal("41.5"), Decimal("0.0275")),
    Feature(94, "Origin Shielding", CDN, "pcs", 2, Decimal("0.0323"), Decimal(12)),
    Feature(108, "Image optimization", CDN, "pcs", 2, Decimal(880), Decimal("0.00004")),
    Feature(301, "Used volume AVG", STORAGE, "GB", 1, Decimal("3.2"), Decimal("0.021")),
    Feature(2362, "Block Storage (Standard) - Gb", CLOUD, "GBM", 3, Decimal("0.0165"), Decimal("0.11")),
    Feature(2363, "Block Storage (High-IOPS SSD) - Gb", CLOUD, "GBM", 3, Decimal("0.0331"), Decimal("0.22")),
    Feature(2372, "Public IP address", CLOUD, "H", 4, Decimal("23.9"), Decimal("0.0048")),
    Feature(
        13107,
        "Instance Type: g2-standard-1-2 (1vCPU/2GB RAM)",
        CLOUD,
        "H",
        4,
        Decimal("23.9"),
        Decimal("0.0131"),
    ),
    Feature(17001, "WAAP requests", WAAP, "MLN", 5, Decimal("0.412"), Decimal("1.15")),
    Feature(17002, "WAAP domains", WAAP, "pcs", 2, Decimal("0.0645"), Decimal(19)),
)
REGIONS: Final = ((7, "Latin America"), (8, "Middle East"), (76, "Luxembourg-2"))


def client(id: int) -> Client | None:
    return next((one for one in CLIENTS if one.id == id), None)


@lru_cache(maxsize=256)
def resources(client_id: int, product_id: int) -> tuple[Resource, ...]:
    """Two of each client and product, each in a region of its own."""
    first = (client_id + product_id) % len(REGIONS)
    places = [REGIONS[(first + n) % len(REGIONS)] for n in range(2)]
    base = client_id * 100 + product_id * 2
    return tuple(
        Resource(base + n, f"{'www' if n else 'media'}.{client_id}.example.com", *place)
        for n, place in enumerate(places)
    )


@lru_cache(maxsize=65_536)
def used(client: Client, feature: Feature, resource: Resource, day: date) -> Decimal:
    """What it used on that day, to four places: 60 to 140 % of the usual, less on weekends."""
    text = f"{client.id}:{feature.id}:{resource.id}:{day}".encode()
    chance = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest()) % 8001
    share = Decimal(6000 + chance) / 10_000 * (Decimal("0.7") if day.weekday() > 4 else 1)
    return (feature.daily * client.size * share).quantize(PLACES)


def days(first: date, last: date) -> list[date]:
    """From the first until before the last."""
    return [first + timedelta(days=n) for n in range((last - first).days)]


@dataclass(frozen=True, slots=True)
class Usage:
    """A sum; `resource` is None where it is not grouped by."""

    client: Client
    feature: Feature
    region: tuple[int, str] | None
    resource: Resource | None
    value: Decimal


def usage(
    clients: Iterable[Client],
    features: Sequence[Feature],
    first: date,
    last: date,
    group_by: frozenset[str] = frozenset({"client"}),
) -> Iterator[Usage]:
    """Sums over the days from `first` until before `last`; customers without usage do not appear."""
    span = days(first, last)
    for client in clients:
        for feature in features:
            if feature.product.internal_name not in client.products:
                continue
            sums: dict[tuple[tuple[int, str] | None, Resource | None], Decimal] = {}
            for resource in resources(client.id, feature.product.id):
                region = (resource.region_id, resource.region) if "region" in group_by else None
                key = (region, resource if "resource" in group_by else None)
                total = sum((used(client, feature, resource, day) for day in span), Decimal(0))
                sums[key] = sums.get(key, Decimal(0)) + total
            for (region, one), value in sums.items():
                if value:
                    yield Usage(client, feature, region, one, value)
