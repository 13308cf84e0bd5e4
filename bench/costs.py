"""What people ask of costs: run by bench.inventory, on what it imported. The median of several times."""

import os
import statistics
import sys
import time
from typing import Final

ROUNDS: Final = 7
ASKED: Final = (
    ("a month by service and region", 300, {"group_by": "service,region", "period": "2025-06"}),
    ("a year by a tag", 1000, {"group_by": "tag:team", "period": "2025"}),
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.test import Client

    from accounts.models import Tenant
    from tests.builders import make_key

    _, key = make_key(Tenant.objects.get(slug=sys.argv[1]), "read")
    client = Client(headers={"X-API-Key": key}, SERVER_NAME="localhost")
    for name, goal, query in ASKED:
        taken = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            answer = client.get("/api/v1/costs/analytics", query)
            taken.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200 or not answer.json()["items"]:
                raise SystemExit(f"{name} was answered {answer.status_code}: {answer.content[:500]!r}")
        median = statistics.median(taken)
        verdict = "ok" if median <= goal else "TOO SLOW"
        print(f"{name}: {median:,.0f} ms  goal {goal} ms  {verdict}", flush=True)


if __name__ == "__main__":
    main()
