"""Resources made from a seed, with waste planted among them and a list of what is waste in truth.

What is true of a resource and what is measured of it differ, as they do in life: agents are missing, a
health check connects to a database that nobody uses, a machine that works once a month looks idle. So the
rules can be wrong both ways, and how often they are is worth saying.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

from inventory.generations import successor
from inventory.generator import AWS, AZURE, GCP, Row, Service, cells_of, commitment_of, daily_row
from inventory.providers import provider_of
from inventory.sizes import smaller

COLUMNS: Final = (
    "provider", "cloud_account_id", "resource_id", "name", "resource_type", "region", "state", "tags",
    "utilization", "details", "created_at",
)  # fmt: skip
PLACES: Final = {
    AWS: ("USD", "100000000001", "us-east-1", "US East (N. Virginia)"),
    AZURE: ("EUR", "azure-ea-7", "westeurope", "West Europe"),
    GCP: ("USD", "gcp-billing-3", "europe-west1", "Belgium"),
}
LONELY: Final = "ap-southeast-2"
FAR: Final = 2  # buckets are there
SIZES: Final = {
    AWS: ("m6a.large", "m6a.xlarge", "m6a.2xlarge", "c6a.xlarge", "t3.medium", "m4.xlarge", "t2.large"),
    AZURE: ("Standard_D2s_v5", "Standard_D4s_v5", "Standard_E8s_v5"),
    GCP: ("n2-standard-2", "n2-standard-8", "e2-highmem-4", "n1-standard-4"),
}
HALF_USED: Final = "savings-plan-2"
FIRST: Final = 100_000  # those of generator.Bills count from 0
AWARE: Final = 0.93  # of machines have an agent that measures them
TAGGED: Final = 0.85
MOMENT: Final = time(6)


class Planted(NamedTuple):
    """A resource as its file tells it, and what it costs a day."""

    cells: dict[str, Any]
    service: Service
    daily: Decimal

    @property
    def name(self) -> str:
        return str(self.cells["resource_id"])


class PlantedFleet:
    """So many resources as they are on the morning of `today`. The same seed makes the same."""

    def __init__(self, *, seed: int, today: date, resources: int) -> None:
        self._chance = Random(f"planted-{seed}")  # noqa: S311  (repeatable on purpose)
        self.today = today
        self.truth: defaultdict[str, list[str]] = defaultdict(list)
        self.resources: list[Planted] = []
        self._machines: list[tuple[str, str, bool]] = []  # provider, id, whether it is off for long
        self._volumes: list[tuple[str, str]] = []
        self._snapshots: defaultdict[str, list[tuple[int, str, bool]]] = defaultdict(list)
        makers, weights = zip(*MAKERS, strict=True)
        counts = [max(int(resources * weight / sum(weights)), 1) for weight in weights]
        for maker, count in zip(makers, counts, strict=True):
            for number in range(count):
                maker(self, number)
        self._old_snapshots()
        self._plans()

    def rows(self, day: date) -> Iterator[Row]:
        """The lines of the bill of one day."""
        for one in self.resources:
            if one.daily:
                details = (one.cells["name"], one.cells["resource_type"], one.cells["tags"])
                yield daily_row(one.service, day, one.name, *details, one.daily)
        for status, cost, without in (("Used", "6", "10"), ("Unused", "4", "4")):
            plan = daily_row(self._plan.service, day, HALF_USED, HALF_USED, "savings plan", {}, Decimal(cost))
            yield (
                plan | commitment_of(HALF_USED, status, cost) | {"ContractedCost": without, "BilledCost": "0"}
            )

    def lines(self, start: date) -> Iterator[list[str]]:
        """The cells of all lines from a day on up to today, in the order of generator.HEADER."""
        for days in range((self.today - start).days):
            yield from map(cells_of, self.rows(start + timedelta(days=days)))

    def table(self) -> Iterator[list[str]]:
        """The cells of the file of resources, in the order of COLUMNS."""
        for one in self.resources:
            yield [
                json.dumps(value) if isinstance(value, dict) else str(value)
                for value in (one.cells[name] for name in COLUMNS)
            ]

    def near(self, usual: float, spread: float) -> float:
        return max(self._chance.gauss(usual, spread), 0.0)

    def around(self, median: float, spread: float = 0.5) -> float:
        """A positive figure whose median is this; two of three are within a factor of e^spread."""
        return float(median * self._chance.lognormvariate(0, spread))

    def chance(self, share: float) -> bool:
        return self._chance.random() < share

    def days(self, least: int, most: int) -> int:
        return self._chance.randint(least, most)

    def choice(self, among: Any) -> Any:
        return self._chance.choice(among)

    def since(self, days: int) -> str:
        return f"{datetime.combine(self.today - timedelta(days=days), MOMENT).isoformat()}Z"

    def place(
        self, provider: str, kind: str, service: str, number: int, daily: float, **fields: Any
    ) -> Planted:
        """A new resource; what lacks tags is planted as such."""
        currency, account, region, region_name = PLACES[provider]
        tags = {}
        if self.chance(TAGGED):
            tags = {
                "env": self.choice(["prod", "staging", "dev"]),
                "team": self.choice(["core", "data", "web"]),
            }
        name = f"{kind.replace(' ', '-')}-{FIRST + number}"
        cells = {
            "provider": provider_of(provider), "cloud_account_id": f"{account}-0", "name": name,
            "resource_id": f"{account}/{name}", "resource_type": kind, "region": region, "state": "active",
            "tags": tags, "utilization": {}, "details": {}, "created_at": self.since(self.days(200, 900)),
            **fields,
        }  # fmt: skip
        category = {"instance": "Compute", "virtual machine": "Compute", "database": "Databases"}
        sold = Service(
            provider, currency, account, service, category.get(kind, "Storage"), kind, "Days", region,
            region_name, Decimal(1), 1.0,
        )  # fmt: skip
        made = Planted(cells, sold, Decimal(f"{daily:.4f}"))
        self.resources.append(made)
        if not tags and daily * 365 / 12 >= 1:
            self.truth["untagged"].append(made.name)
        if not tags and daily * 365 / 12 >= 10:
            self.truth["no_owner"].append(made.name)
        return made

    def waste(self, rule: str, made: Planted) -> None:
        self.truth[rule].append(made.name)

    def _old_snapshots(self) -> None:
        """Of each volume's snapshots all old ones but the newest, unless a policy keeps them."""
        for mine in self._snapshots.values():
            for age, name, kept in sorted(mine)[1:]:
                if age >= 90 and not kept:
                    self.truth["old_snapshot"].append(name)

    def _plans(self) -> None:
        """Two savings plans, of which one ends soon; the bill has a third that is used up in part."""
        self.truth["commitment_unused"].append(HALF_USED)
        self.truth["commitment_coverage"] += [
            "aws compute in USD", "azure compute in EUR", "gcp compute in USD",
        ]  # fmt: skip
        for number, days in enumerate((12, 200)):
            ends = self.since(-days)
            self._plan = self.place(
                AWS, "savings plan", "AmazonEC2", number, 0.0, details={"expires_at": ends}
            )
            if days <= 30:
                self.waste("commitment_expiring", self._plan)


def _machine(fleet: PlantedFleet, number: int) -> None:
    provider = fleet.choice([AWS, AWS, AZURE, GCP])
    size = fleet.choice(SIZES[provider])
    kind, service = {
        AWS: ("instance", "AmazonEC2"), AZURE: ("virtual machine", "Virtual Machines"),
        GCP: ("instance", "Compute Engine"),
    }[provider]  # fmt: skip
    story = fleet.choice(STORIES)
    off = story in {"off", "off lately"}
    days = fleet.days(40, 400) if story == "off" else fleet.days(1, 26)
    load = _load(fleet, story)
    figures = _measured(fleet, load) if not off and fleet.chance(AWARE) else {}
    details = {"size": size, "state_since": fleet.since(days if off else fleet.days(30, 500))}
    state = "stopped" if off else "running"
    daily = 0.0 if off else fleet.around(4, 0.6)
    named = {"state": state, "utilization": figures, "details": details}
    made = fleet.place(provider, kind, service, number, daily, **named)
    fleet._machines.append((provider, made.name, story == "off"))
    if off:
        if story == "off":
            _disk_of(fleet, provider, made, number)
        return
    if story == "idle":
        fleet.waste("idle_machine", made)
    below = smaller(size)
    if below and max(load["cpu_p99"], load["memory_p99"]) < 80 * float(below.share):
        fleet.waste("oversized_machine", made)
    if load["idle_hours"] >= 40:
        fleet.waste("off_hours", made)
    if successor(provider_of(provider), size):
        fleet.waste("old_generation", made)


STORIES: Final = (
    *["idle"] * 8, *["rare"] * 1, *["big"] * 12, *["office"] * 10, *["off"] * 5, *["off lately"] * 3,
    *["busy"] * 61,
)  # fmt: skip


def _load(fleet: PlantedFleet, story: str) -> dict[str, float]:
    """What a machine does in truth; a machine that works rarely did not in the time that is measured."""
    if story in {"idle", "rare"}:
        quiet = {"cpu": fleet.around(1.5), "cpu_max": fleet.around(6), "network": fleet.around(250)}
        return {**quiet, "cpu_p99": fleet.around(4), "memory_p99": fleet.around(18, 0.3), "idle_hours": 168}
    usual = {"cpu": fleet.near(38, 12) + 6, "cpu_max": 99.0, "network": fleet.around(400_000)}
    peak, memory = (25, 27) if story == "big" else (78, 72)
    hours = min(fleet.near(85, 15), 168) if story == "office" else min(fleet.near(12, 9), 168)
    return {
        **usual, "cpu_p99": min(fleet.near(peak, 8), 100), "memory_p99": min(fleet.near(memory, 10), 100),
        "idle_hours": hours,
    }  # fmt: skip


def _measured(fleet: PlantedFleet, load: dict[str, float]) -> dict[str, float]:
    """With the errors of a measurement, and now and then over too little of the time."""
    most = {"network": 1e12, "idle_hours": 168.0}
    found = {
        name: round(min(value * fleet.near(1, 0.06), most.get(name, 100.0)), 2)
        for name, value in load.items()
    }
    coverage = fleet.near(60, 10) if fleet.chance(0.04) else 100 - fleet.near(2, 1.5)
    return {**found, "days": 14, "coverage": round(min(max(coverage, 0), 100), 1)}


def _disk_of(fleet: PlantedFleet, provider: str, machine: Planted, number: int) -> None:
    details = {"size": "gp3", "attached_to": machine.name}
    fleet.place(
        provider, "disk", "Disks", 900_000 + number, fleet.around(0.6), state="in-use", details=details
    )
    fleet.waste("stopped_machine", machine)


def _volume(fleet: PlantedFleet, number: int) -> None:
    provider, machine, is_off = fleet.choice(fleet._machines)
    loose, lately = fleet.chance(0.1), fleet.chance(0.05)
    free = loose or lately
    days = fleet.days(20, 300) if loose else fleet.days(1, 12) if lately else fleet.days(20, 300)
    size = "gp2" if provider == AWS and fleet.chance(0.4) else "gp3"
    details = {"size": size, "attached_to": "" if free else machine, "state_since": fleet.since(days)}
    named = {"state": "available" if free else "in-use", "details": details}
    made = fleet.place(provider, "volume", "Volumes", number, fleet.around(0.5), **named)
    fleet._volumes.append((provider, made.name))
    if loose and not fleet.chance(0.04):  # a few are kept for a purpose that nobody wrote down
        fleet.waste("unattached_volume", made)
    if size == "gp2" and (free or not is_off):
        fleet.waste("old_generation", made)


def _address(fleet: PlantedFleet, number: int) -> None:
    provider, machine, _ = fleet.choice(fleet._machines)
    loose, lately = fleet.chance(0.15), fleet.chance(0.05)
    days = fleet.days(9, 200) if loose else fleet.days(1, 5)
    details = {"attached_to": "" if loose or lately else machine, "state_since": fleet.since(days)}
    made = fleet.place(provider, "public ip", "Addresses", number, 0.12, details=details)
    if loose:
        fleet.waste("unused_address", made)


def _snapshot(fleet: PlantedFleet, number: int) -> None:
    provider, volume = fleet.choice(fleet._volumes[: max(len(fleet._volumes) // 3, 1)])
    age, kept, known = fleet.days(1, 400), fleet.chance(0.3), fleet.chance(0.95)
    orphan = fleet.chance(0.08)
    source = f"{volume}-deleted" if orphan else volume
    gone = fleet.days(35, 300) if fleet.chance(0.8) else fleet.days(2, 25)
    details = {"source": source, "backup_policy": "daily" if kept else ""} if known else {}
    if orphan and known:
        details["state_since"] = fleet.since(gone)
    named = {"details": details, "created_at": fleet.since(age)}
    made = fleet.place(provider, "snapshot", "Snapshots", number, fleet.around(0.15, 0.9), **named)
    if known:
        fleet._snapshots[source].append((age, made.name, kept))
    if orphan and gone >= 30:
        fleet.waste("orphan_snapshot", made)


def _database(fleet: PlantedFleet, number: int) -> None:
    idle = fleet.chance(0.12)
    connections = fleet.around(0.7, 0.8) if idle else fleet.around(90, 1.2)
    figures = {"connections": round(connections, 2), "days": 14, "coverage": 99}
    made = fleet.place(AWS, "database", "AmazonRDS", number, fleet.around(6), utilization=figures)
    if idle:
        fleet.waste("idle_database", made)


def _balancer(fleet: PlantedFleet, number: int) -> None:
    idle = fleet.chance(0.12)
    targets = 0 if idle else fleet.days(1, 6)
    requests = 0 if idle else round(fleet.around(5000, 2))
    figures = {"healthy_targets": targets, "requests": requests, "days": 14, "coverage": 100}
    made = fleet.place(AWS, "load balancer", "AmazonELB", number, 0.6, utilization=figures)
    if idle:
        fleet.waste("idle_balancer", made)


def _bucket(fleet: PlantedFleet, number: int) -> None:
    far = {"region": LONELY} if number < FAR else {}
    made = fleet.place(AWS, "bucket", "AmazonS3", number, fleet.around(1.2, 1.5), **far)
    if far:
        fleet.waste("region_outlier", made)


# In this order: volumes hang on machines, snapshots are of volumes.
MAKERS: Final[tuple[tuple[Callable[[PlantedFleet, int], None], int], ...]] = (
    (_machine, 42), (_volume, 24), (_address, 6), (_snapshot, 14), (_database, 5), (_balancer, 3),
    (_bucket, 6),
)  # fmt: skip
