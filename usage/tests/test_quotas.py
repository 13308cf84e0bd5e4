"""A hard quota ends a month's events with 429; a soft one only tells."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import pytest
import time_machine
from django.db import OperationalError

from accounts.errors import RateLimited
from accounts.models import ActivityEntry, AuditEntry, Tenant
from accounts.principals import SYSTEM
from accounts.wire import encode
from tests.builders import make_key
from usage import ledger, quotas
from usage.models import Quota, UsageEvent
from usage.services.quotas import quota_set, quotas_tell
from usage.tests.conftest import Post, drain
from usage.tests.documents import batch, event, row

pytestmark = pytest.mark.django_db
BATCH: Final = "/api/v1/events/batch"
NOW: Final = datetime(2026, 3, 20, 12, tzinfo=UTC)
MONTH: Final = {"timestamp": "2026-03-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A month's middle, so that no test runs into the next one; time stands still until it is moved."""
    quotas.gate.forget()
    monkeypatch.setattr(quotas, "time", SimpleNamespace(monotonic=time.time))
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
    quotas.gate.forget()


@pytest.fixture
def key(acme: Tenant) -> str:
    return make_key(acme, "ingest", "read")[1]


def use(tenant: Tenant, *timestamps: str) -> None:
    rows = [row(f"used-{moment}", timestamp=moment) for moment in timestamps]
    ledger.store([ledger.Lot(str(tenant.pk), NOW, ledger.read_rows(encode(rows)), "1-1")])


def limit(tenant: Tenant, count: int, *, hard: bool = True) -> Quota:
    return quota_set(by=SYSTEM, tenant=tenant, monthly_events=count, hard=hard)


def test_what_is_over_a_hard_quota_is_refused_whole(acme: Tenant, key: str, post: Post) -> None:
    limit(acme, 3)
    use(acme, "2026-03-01T00:00:00Z", "2026-02-28T23:59:59Z", "2026-04-01T00:00:00Z")
    refused = post(key, batch(*[event(event_id=f"b{n}", **MONTH) for n in range(3)]), path=BATCH)
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limit_exceeded")
    assert (refused.json()["limit"], refused.json()["remaining"]) == (3, 2)
    assert refused.json()["reset_time"] == datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    assert refused.headers["Retry-After"] == str(refused.json()["retry_after"])
    assert post(key, batch(*[event(**MONTH) for _ in range(2)]), path=BATCH).status_code == 202
    assert post(key, event(**MONTH)).status_code == 429
    drain()
    assert UsageEvent.objects.for_tenant(acme).count() == 5


def test_the_next_month_starts_anew(acme: Tenant, key: str, post: Post, clock: Any) -> None:
    limit(acme, 1)
    use(acme, "2026-03-10T00:00:00Z")
    assert post(key, event(**MONTH)).status_code == 429
    clock.move_to(datetime(2026, 4, 1, tzinfo=UTC))
    assert post(key, event(timestamp="2026-04-01T00:00:00Z")).status_code == 202


def test_a_quota_of_one_tenant_is_nobody_elses(acme: Tenant, rival: Tenant, post: Post, key: str) -> None:
    limit(acme, 1)
    use(acme, "2026-03-10T00:00:00Z")
    assert post(make_key(rival, "ingest")[1], event(tenant_id="rival")).status_code == 202
    assert post(key, event()).status_code == 429


def test_a_soft_quota_refuses_nothing(acme: Tenant, key: str, post: Post) -> None:
    limit(acme, 1, hard=False)
    use(acme, "2026-03-10T00:00:00Z")
    assert post(key, event()).status_code == 202


def test_the_ledger_is_asked_once_in_ten_seconds(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any, clock: Any
) -> None:
    limit(acme, 5)
    quotas.gate.take(acme, 1)
    with django_assert_num_queries(0):
        for _ in range(4):
            quotas.gate.take(acme, 1)
    with pytest.raises(RateLimited):
        quotas.gate.take(acme, 1)
    clock.shift(quotas.SECONDS + 0.1)
    quotas.gate.take(acme, 1)  # none of them ever came into the ledger


def test_while_the_database_is_away_what_was_known_holds(
    acme: Tenant, rival: Tenant, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    limit(acme, 2)
    quotas.gate.take(acme, 1)

    def away(tenant: Tenant) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr(Quota.objects, "for_tenant", away)
    clock.shift(quotas.SECONDS + 0.1)
    quotas.gate.take(acme, 1)
    with pytest.raises(RateLimited):
        quotas.gate.take(acme, 1)
    quotas.gate.take(rival, 1000)


def test_each_step_is_told_once_a_month(acme: Tenant, rival: Tenant) -> None:
    limit(acme, 10, hard=False)
    use(acme, *[f"2026-03-02T00:00:0{n}Z" for n in range(7)])
    assert quotas_tell(now=NOW) == 0
    use(acme, "2026-03-03T00:00:00Z")
    assert (quotas_tell(now=NOW), quotas_tell(now=NOW)) == (1, 0)
    use(acme, "2026-03-04T00:00:00Z", "2026-03-04T00:00:01Z")
    assert (quotas_tell(now=NOW), quotas_tell(now=NOW)) == (1, 0)
    use(acme, *[f"2026-04-02T00:00:0{n}Z" for n in range(8)])
    assert quotas_tell(now=datetime(2026, 4, 3, tzinfo=UTC)) == 1
    entries = ActivityEntry.objects.filter(type="quota.reached").order_by("seq")
    assert [entry.payload["percent"] for entry in entries] == [80, 100, 80]
    assert {entry.tenant for entry in entries} == {acme}


def test_setting_a_quota_is_audited(acme: Tenant) -> None:
    limit(acme, 10)
    limit(acme, 20, hard=False)
    changes = AuditEntry.objects.filter(action="quota.set").order_by("id").values_list("changes", flat=True)
    assert list(changes) == [
        {"monthly_events": [None, 10], "hard": [None, True]},
        {"monthly_events": [10, 20], "hard": [True, False]},
    ]


def test_a_tenant_sees_its_quota(acme: Tenant, key: str, client_for: Callable[..., Any]) -> None:
    assert client_for(key).get("/api/v1/quota").json() == {
        "monthly_events": None,
        "hard": False,
        "used": 0,
        "remaining": None,
        "resets_at": "2026-04-01T00:00:00Z",
    }
    limit(acme, 3)
    use(acme, "2026-03-10T00:00:00Z")
    seen = client_for(key).get("/api/v1/quota").json()
    assert (seen["monthly_events"], seen["hard"], seen["used"], seen["remaining"]) == (3, True, 1, 2)
