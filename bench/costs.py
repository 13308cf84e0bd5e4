"""What people ask of costs: run by bench.inventory, on what it imported. The median of several times."""

import os
import statistics
import sys
import time
from typing import Any, Final

ROUNDS: Final = 7
RESOURCES: Final = 200_000
COSTS: Final = "/api/v1/costs/analytics"
ASKED: Final = (
    ("a month by service and region", 300, COSTS, {"group_by": "service,region", "period": "2025-06"}),
    ("a year by a tag", 1000, COSTS, {"group_by": "tag:team", "period": "2025"}),
    (
        f"one team's machines in one region of {RESOURCES:,} resources", 100, "/api/v1/resources",
        {"filter": "provider = aws and region = eu-west-1 and tag:team = t8"},
    ),
)  # fmt: skip


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.test import Client

    from accounts.models import Tenant
    from tests.builders import make_key

    tenant = Tenant.objects.get(slug=sys.argv[1])
    with connection.cursor() as cursor:
        _resources(tenant)
        # As autovacuum would within a minute or two.
        cursor.execute("VACUUM (ANALYZE) inventory_costline, inventory_resource")
    _, key = make_key(tenant, "read")
    client = Client(headers={"X-API-Key": key}, SERVER_NAME="localhost")
    for name, goal, path, query in ASKED:
        taken = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            answer = client.get(path, query)
            taken.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200 or not answer.json()["items"]:
                raise SystemExit(f"{name} was answered {answer.status_code}: {answer.content[:500]!r}")
        median = statistics.median(taken)
        verdict = "ok" if median <= goal else "TOO SLOW"
        print(f"{name}: {median:,.0f} ms  goal {goal} ms  {verdict}", flush=True)


def _resources(tenant: Any) -> None:
    from django.utils import timezone

    from inventory.models import Resource

    now = timezone.now()
    seen = {"created_at": now, "first_seen_at": now, "last_seen_at": now, "updated_at": now}
    for first in range(0, RESOURCES, 5_000):
        Resource.objects.bulk_create(
            Resource(
                tenant=tenant, provider=("aws", "azure", "gcp")[n % 3], resource_id=f"bench-{n}",
                resource_type="instance", region=("eu-west-1", "us-east-1")[n % 2], state="running",
                tags={"team": f"t{n % 50}", "env": "prod"}, currency="USD", **seen,
            )
            for n in range(first, first + 5_000)
        )  # fmt: skip


if __name__ == "__main__":
    main()
