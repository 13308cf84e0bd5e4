"""What each rule says: what it saves, what it lacks, and of what it says nothing.

Every resource is billed 12 a day, which is 365 a month, unless the case says otherwise.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.rules import RULES
from inventory.rules.judging import Judge
from inventory.services.bulk import Sent, resources_bulk
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource

NOW: Final = datetime(2026, 3, 31, 12, tzinfo=UTC)
THROUGH: Final = date(2026, 3, 30)
IDLE: Final = {"cpu": 1, "cpu_max": 4, "network": 100, "days": 14, "coverage": 99}
BUSY: Final = {"cpu": 50, "cpu_max": 99, "network": 99999, "days": 14, "coverage": 99, "idle_hours": 0,
               "cpu_p99": 90, "memory_p99": 90}  # fmt: skip
COVERED: Final = {"days": 14, "coverage": 95}
TAGS: Final = {"env": "prod", "team": "core"}
LONG_AGO: Final = {"state_since": "2025-01-01"}
NO_SIZE: Final = {"oversized_machine": ("details:size",), "old_generation": ("details:size",)}
NO_HOURS: Final = {"off_hours": ("utilization:idle_hours",)}
UNKNOWN: Final = {**NO_SIZE, **NO_HOURS}


def machine(state: str = "running", **fields: Any) -> dict[str, Any]:
    return {"resource_type": "ec2.instance", "state": state, **fields}


def sized(size: str, **figures: Any) -> dict[str, Any]:
    return machine(details={"size": size}, utilization={**BUSY, **figures})


def volume(state: str = "available", **fields: Any) -> dict[str, Any]:
    return {"resource_type": "ebs.volume", "state": state, "details": {"size": "gp3", **LONG_AGO}, **fields}


def snapshot(created: str, **details: Any) -> dict[str, Any]:
    return {
        "resource_type": "snapshot",
        "state": "ok",
        "created_at": f"{created}T00:00:00Z",
        "details": details,
    }


def thing(kind: str, **fields: Any) -> dict[str, Any]:
    return {"resource_type": kind, "state": "ok", **fields}


# id: (fields, what is billed a day, rule → saving or what is missing)
CASES: Final[dict[str, tuple[dict[str, Any], Any, dict[str, Any]]]] = {
    "idle": (machine(utilization=IDLE), 12, {"idle_machine": "365", **UNKNOWN}),
    "idle but one spike": (machine(utilization={**IDLE, "cpu_max": 15}), 12, UNKNOWN),
    "idle, network unknown": (
        machine(utilization={"cpu": 1, "cpu_max": 4, **COVERED}), 12,
        {"idle_machine": ("utilization:network",), **UNKNOWN},
    ),
    "busy, all else unknown": (machine(utilization={"cpu": 50}), 12, UNKNOWN),
    "idle for a week": (
        machine(utilization={**IDLE, "days": 7}), 12,
        {"idle_machine": ("utilization:days of 14",), **UNKNOWN},
    ),
    "idle, half measured": (
        machine(utilization={**IDLE, "coverage": 50}), 12,
        {"idle_machine": ("utilization:coverage of 90 %",), **UNKNOWN},
    ),
    "idle and free": (machine(utilization=IDLE, cost_daily=None, cost_monthly=None), 0, UNKNOWN),
    "idle, not billed": (
        machine(utilization=IDLE, cost_daily=None, cost_monthly=None), None,
        {"idle_machine": ("costs",), **UNKNOWN},
    ),
    "idle, estimated": (
        machine(utilization=IDLE, cost_daily=None, cost_monthly=73), None, {"idle_machine": "73", **UNKNOWN}
    ),
    "big": (sized("m6i.2xlarge", cpu_p99=39, memory_p99=39), 12, {"oversized_machine": "182.5"}),
    "big, memory used": (sized("m6i.2xlarge", cpu_p99=10, memory_p99=40), 12, {}),
    "big, twelve": (
        sized("m6i.12xlarge", cpu_p99=50, memory_p99=50), 12, {"oversized_machine": "121.666667"}
    ),
    "smallest": (sized("m6i.large", cpu_p99=1, memory_p99=1), 12, {}),
    "no such size": (
        sized("metal", cpu_p99=1), 12, {"oversized_machine": ("details:size that is known",)}
    ),
    "nights": (
        sized("m6i.large", idle_hours=84), 12, {"off_hours": "182.5"}
    ),
    "short nights": (sized("m6i.large", idle_hours=39), 12, {}),
    "older": (sized("t2.medium"), 100, {"old_generation": "313.291667"}),
    "newest": (sized("t3.medium"), 12, {}),
    "stopped": (machine("stopped", details=LONG_AGO), None, {"stopped_machine": "365"}),
    "disk of stopped": (
        volume("in-use", details={"attached_to": "stopped", "size": "gp2"}), 12, {}
    ),
    "stopped lately": (machine("stopped", details={"state_since": "2026-03-05"}), 12, {}),
    "stopped, since we know it": (machine("stopped"), 12, {}),
    "stopped and free": (machine("stopped", details=LONG_AGO), None, {}),
    "loose": (volume(), 12, {"unattached_volume": "365"}),
    "loose by detail": (
        volume("ready", details={"attached_to": "", "size": "gp3", **LONG_AGO}), 12,
        {"unattached_volume": "365"},
    ),
    "loose for 13 days": (volume(details={"size": "gp3", "state_since": "2026-03-18"}), 12, {}),
    "loose or not": (
        volume("ready", details={"size": "gp3"}), 12, {"unattached_volume": ("details:attached_to",)}
    ),
    "old disk": (volume("in-use", details={"size": "gp2"}), 12, {"old_generation": "73"}),
    "ip": (thing("elastic-ip", details={"attached_to": "", **LONG_AGO}), 12, {"unused_address": "365"}),
    "ip in use": (thing("elastic-ip", details={"attached_to": "x"}), 12, {}),
    "old snap": (snapshot("2025-06-01", source="loose", backup_policy=""), 12, {"old_snapshot": "365"}),
    "kept snap": (snapshot("2025-06-01", source="loose", backup_policy="daily"), 12, {}),
    "latest snap": (snapshot("2025-06-02", source="loose", backup_policy=""), 12, {}),
    "young snap": (snapshot("2026-01-02", source="old disk", backup_policy=""), 12, {}),
    "unknown snap": (
        snapshot("2025-06-01"), 12,
        {"old_snapshot": ("details:source", "details:backup_policy"), "orphan_snapshot": ("details:source",)},
    ),
    "orphan": (
        snapshot("2026-01-01", source="gone", backup_policy="", **LONG_AGO), 12, {"orphan_snapshot": "365"}
    ),
    "orphan image": (
        thing("ami", details={"source": "terminated", **LONG_AGO}), 12, {"orphan_snapshot": "365"}
    ),
    "orphan for a week": (
        thing("ami", details={"source": "gone", "state_since": "2026-03-24"}), 12, {}
    ),
    "terminated": (machine("terminated"), None, {}),
    "quiet db": (
        thing("rds", utilization={"connections": 2, **COVERED}), 12, {"idle_database": "365"}
    ),
    "used db": (thing("rds", utilization={"connections": Decimal("2.1"), **COVERED}), 12, {}),
    "unknown db": (thing("rds"), 12, {"idle_database": ("utilization:connections",)}),
    "stopped db": (thing("rds", state="stopped"), 12, {}),
    "empty lb": (thing("elb", utilization={"healthy_targets": 0, **COVERED}), 12, {"idle_balancer": "365"}),
    "silent lb": (
        thing("elb", utilization={"healthy_targets": 2, "requests": 0, **COVERED}), 12,
        {"idle_balancer": "365"},
    ),
    "used lb": (thing("elb", utilization={"requests": 7, **COVERED}), 12, {}),
    "unknown lb": (
        thing("elb", utilization={"healthy_targets": 2}), 12, {"idle_balancer": ("utilization:requests",)}
    ),
    "plan": (thing("savings-plan", details={"expires_at": "2026-04-29"}), None, {"commitment_expiring": "0"}),
    "long plan": (thing("savings-plan", details={"expires_at": "2026-05-02"}), None, {}),
    "some plan": (thing("savings-plan"), None, {"commitment_expiring": ("details:expires_at",)}),
    "no tags": (thing("bucket", tags={}), 12, {"untagged": "0", "no_owner": "0"}),
    "no env": (thing("bucket", tags={"Team": "x", "env": ""}), 12, {"untagged": "0"}),
    "owned by detail": (thing("bucket", tags={"env": "x"}, details={"owner": "me"}), 12, {"untagged": "0"}),
    "cheap, no tags": (thing("bucket", tags={}), "0.03", {}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def told(tenant: Tenant) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for chunk in Judge(tenant, NOW).chunks():
        for one in chunk.judged:
            said = one.missing if one.finding is None else f"{one.finding.saving.normalize():f}"
            found.setdefault(one.native_id, {})[one.rule.key] = said
    return found


def stocked(tenant: Tenant) -> None:
    items = [resource(resource_id=name, **{"tags": TAGS, "cost_daily": None, "cost_monthly": None, **fields})
             for name, (fields, _, _) in CASES.items()]  # fmt: skip
    items = [{key: value for key, value in item.items() if value is not None} for item in items]
    assert resources_bulk(by=SYSTEM.enter(tenant.slug), sent=Sent(items)).errors == []
    days = [THROUGH - timedelta(days=n) for n in range(30)]
    load(
        tenant,
        [
            bill(day, daily, resource_id=name)
            for name, (_, daily, _) in CASES.items()
            if daily is not None
            for day in days
        ],
    )


def test_each_rule_says_what_the_table_says(acme: Tenant, rival: Tenant) -> None:
    stocked(acme)
    found = told(acme)
    assert {name: found.get(name, {}) for name in CASES} == {
        name: said for name, (_, _, said) in CASES.items()
    }
    assert found.keys() <= CASES.keys()
    assert told(rival) == {}


def test_every_rule_is_in_the_table() -> None:
    by_name = {rule for _, _, said in CASES.values() for rule in said}
    assert set(RULES) - by_name == {"commitment_coverage", "commitment_unused", "region_outlier"}
