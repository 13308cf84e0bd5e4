"""Voids and amendments: what counts changes, what was sent stays, and nothing happens twice."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.errors import Conflict
from accounts.models import ActivityEntry, AuditEntry, Tenant, User
from accounts.principals import GRANTS, Principal
from accounts.wire import encode
from usage import ledger
from usage.models import Correction, DirtyHour, DuplicateReceipt, UsageEvent
from usage.services.corrections import event_amend, event_void
from usage.tests.documents import row

EVENTS: Final = "/api/v1/events"
RECEIVED: Final = datetime(2026, 3, 2, tzinfo=UTC)
TEN: Final = datetime(2026, 3, 1, 10, tzinfo=UTC)
Client = Callable[..., APIClient]


def store(tenant: Tenant, event_id: str = "a", **fields: Any) -> ledger.Status:
    rows = ledger.read_rows(encode([row(event_id, **fields)]))
    return ledger.store([ledger.Lot(str(tenant.pk), RECEIVED, rows, "1-1")])[0][0]


@pytest.fixture
def event(acme: Tenant) -> UsageEvent:
    store(acme, metrics={"n": Decimal("1.50"), "m": 2}, metadata={"zone": "x", "k": [1, {"b": 1, "a": 2}]})
    DirtyHour.objects.all().delete()
    return UsageEvent.objects.get()


@pytest.fixture
def api(client_for: Client, member: User) -> APIClient:
    return client_for(member)


@pytest.fixture
def by(acme: Tenant) -> Principal:
    return Principal(kind="user", actor="user:x@example.com", tenant=acme, scopes=GRANTS["write"])


def correct(api: APIClient, verb: str, of: str = "a", /, **body: Any) -> Any:
    return api.post(f"{EVENTS}/{of}/{verb}", {"reason": "Wrong.", **body}, format="json")


def live(tenant: Tenant) -> list[tuple[str, int]]:
    return list(UsageEvent.objects.for_tenant(tenant).live().values_list("event_id", "revision"))


def test_a_void(api: APIClient, event: UsageEvent, acme: Tenant) -> None:
    answer = correct(api, "void")
    assert answer.status_code == 201
    made = Correction.objects.get()
    assert answer.json() == {
        "id": str(made.pk),
        "event_id": "a",
        "revision": 0,
        "kind": "void",
        "reason": "Wrong.",
        "actor": "user:member@example.com",
        "created_at": made.created_at.isoformat().replace("+00:00", "Z"),
        "changes": {},
        "signature": made.signature,
        "is_genuine": True,
    }
    event.refresh_from_db()
    assert (event.ended_at, live(acme)) == (made.created_at, [])
    assert list(UsageEvent.objects.for_tenant(acme).as_of(RECEIVED)) == [event]
    assert list(DirtyHour.objects.values_list("tenant", "hour")) == [(acme.pk, TEN)]
    audit, activity = AuditEntry.objects.get(), ActivityEntry.objects.get()
    assert (audit.action, audit.object_id, activity.type) == ("event.voided", str(made.pk), "event.voided")
    assert activity.payload == {"id": str(made.pk), "event_id": "a", "reason": "Wrong."}


def test_an_amendment(api: APIClient, event: UsageEvent, acme: Tenant) -> None:
    answer = correct(
        api, "amend", metrics={"n": 2}, timestamp="2026-02-28T23:30:00+01:00", expected_revision=0
    )
    assert answer.status_code == 201
    assert answer.json()["changes"] == {
        "timestamp": ["2026-03-01T10:00:00.123456+00:00", "2026-02-28T22:30:00+00:00"],
        "metrics": [{"m": 2, "n": 1.5}, {"n": 2}],
    }
    made = Correction.objects.get()
    assert made.is_genuine  # as it comes back from the database
    old, new = UsageEvent.objects.order_by("revision")
    assert (old.ended_at, new.received_at, new.ended_at) == (made.created_at, made.created_at, None)
    assert (new.revision, new.metrics, new.user_id) == (1, {"n": 2}, "anna")
    assert new.metadata == old.metadata
    assert live(acme) == [("a", 1)]
    assert list(UsageEvent.objects.for_tenant(acme).as_of(RECEIVED)) == [old]
    hours = DirtyHour.objects.order_by("hour").values_list("hour", flat=True)
    assert list(hours) == [datetime(2026, 2, 28, 22, tzinfo=UTC), TEN]
    assert AuditEntry.objects.get().changes == {"revision": [0, 1]}


def test_any_later_change_of_a_correction_shows(api: APIClient, event: UsageEvent) -> None:
    correct(api, "amend", metadata={"zone": "y", "b": 1, "aa": [Decimal("0.10")]})
    changes: list[dict[str, Any]] = [
        {"reason": "Other."},
        {"actor": "user:other"},
        {"revision": 1},
        {"changes": {}},
        {"changes": {"metadata": [{}, {"zone": "y", "b": 1, "aa": [Decimal("0.11")]}]}},
        {"created_at": TEN},
    ]
    for change in changes:
        made = Correction.objects.get()
        assert made.is_genuine
        for name, value in change.items():
            setattr(made, name, value)
        assert not made.is_genuine


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"metrics": {"m": 2, "n": 1.5}}, 400, "Nothing would change"),
        ({}, 400, "Nothing would change"),
        ({"timestamp": "2026-03-01T11:00:00.123456+01:00"}, 400, "Nothing would change"),
        ({"timestamp": None}, 400, "timestamp"),
        ({"timestamp": "1969-01-01T00:00:00Z"}, 400, "1970"),
        ({"event_id": "b"}, 400, "event_id"),
        ({"colour": "red"}, 400, "colour"),
        ({"user_id": ""}, 400, "user_id"),
        ({"user_id": None}, 400, "user_id"),
        ({"service_type": "llm_service"}, 400, "model"),
        ({"reason": ""}, 400, "reason"),
        ({"tenant_id": "rival", "user_id": "ben"}, 403, "tenant"),
        ({"user_id": "ben", "expected_revision": 1}, 409, "revision 0 now, not at 1"),
    ],
)
def test_an_amendment_that_is_refused(
    api: APIClient, event: UsageEvent, acme: Tenant, rival: Tenant, body: Any, status: int, says: str
) -> None:
    answer = correct(api, "amend", **body)
    assert (answer.status_code, says in answer.content.decode()) == (status, True)
    assert live(acme) == [("a", 0)]
    assert (Correction.objects.count(), DirtyHour.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)


def test_null_empties_what_may_be_empty(api: APIClient, event: UsageEvent) -> None:
    assert correct(api, "amend", metrics=None, metadata=None, tags=None).status_code == 201
    new = UsageEvent.objects.get(revision=1)
    assert (new.metrics, new.metadata, new.tags, new.session_id) == ({}, {}, [], "")


def test_what_is_voided_stays_so(api: APIClient, event: UsageEvent, acme: Tenant) -> None:
    correct(api, "amend", user_id="ben")
    assert correct(api, "void", expected_revision=0).status_code == 409
    assert correct(api, "void", expected_revision=1).status_code == 201
    assert correct(api, "void").status_code == 409
    assert correct(api, "amend", user_id="eve").status_code == 409
    assert (live(acme), Correction.objects.count()) == ([], 2)


def test_either_revision_that_comes_again_is_a_duplicate(
    api: APIClient, event: UsageEvent, acme: Tenant
) -> None:
    store(acme, "b")
    correct(api, "amend", "b", user_id="ben")
    correct(api, "void", "b")
    for user in ("anna", "ben"):
        assert store(acme, "b", user_id=user) == "duplicate"
    assert store(acme, "b", user_id="eve") == "conflict"
    assert live(acme) == [("a", 0)]
    assert DuplicateReceipt.objects.count() <= 1


def test_ids_with_slashes_and_strange_signs(api: APIClient, acme: Tenant) -> None:
    for event_id in ("a/b", "void", "x/void"):
        store(acme, event_id)
        assert correct(api, "amend", event_id, user_id="ben").status_code == 201
        assert correct(api, "void", event_id).status_code == 201
    assert live(acme) == []


def test_who_may_not_write_and_who_is_a_stranger(
    client_for: Client,
    key: Callable[..., str],
    viewer: User,
    stranger_key: str,
    event: UsageEvent,
    acme: Tenant,
) -> None:
    for who, status in ((viewer, 403), (key("ingest"), 403), (key("read"), 403), (stranger_key, 404)):
        for verb in ("void", "amend"):
            assert correct(client_for(who), verb, user_id="ben").status_code == status
    assert correct(client_for(key("write")), "void", "%00").status_code == 404
    assert live(acme) == [("a", 0)]


def test_what_became_of_an_event(api: APIClient, event: UsageEvent, acme: Tenant) -> None:
    rows = ledger.read_rows(encode([row("a", user_id="eve"), row("a", user_id="anna", metadata={"zone": 1})]))
    ledger.store([ledger.Lot(str(acme.pk), datetime(2026, 3, 3, tzinfo=UTC), rows, "2-1")])
    DuplicateReceipt.objects.create(tenant=acme, event_id="a", received_at=RECEIVED)
    correct(api, "amend", user_id="ben")
    found = api.get(f"{EVENTS}/a").json()
    assert (found["status"], found["voided_at"], found["event"]["user_id"]) == ("stored", None, "ben")
    assert [(item["revision"], item["user_id"]) for item in found["revisions"]] == [(1, "ben"), (0, "anna")]
    assert found["revisions"][0]["ended_at"] is None
    assert found["revisions"][1]["ended_at"] == found["revisions"][0]["received_at"]
    assert found["duplicates"] == ["2026-03-02T00:00:00Z"]
    assert [item["kind"] for item in found["conflicts"]] == ["conflict"]
    assert [item["kind"] for item in found["corrections"]] == ["amend"]
    correct(api, "void")
    found = api.get(f"{EVENTS}/a").json()
    assert (found["status"], found["voided_at"]) == ("stored", found["corrections"][0]["created_at"])
    assert found["event"]["revision"] == 1


def test_an_event_of_any_age_is_taken(acme: Tenant) -> None:
    assert store(acme, timestamp="1970-01-01T00:00:00Z") == "stored"
    assert UsageEvent.objects.get().timestamp == datetime(1970, 1, 1, tzinfo=UTC)
    assert DirtyHour.objects.get().hour == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verbs", ["vv", "va", "aa", "vvvvaaaa"])
def test_of_corrections_at_once_one_is_made(
    event: UsageEvent, acme: Tenant, by: Principal, verbs: str
) -> None:
    start = threading.Barrier(len(verbs))
    answers: list[str] = []

    def run(place: int, verb: str) -> None:
        given: Any = {"by": by, "event_id": "a", "reason": "Race.", "expected_revision": 0}
        try:
            start.wait(20)
            if verb == "v":
                event_void(**given)
            else:
                event_amend(changes={"user_id": f"user-{place}"}, **given)
            answers.append("made")
        except Conflict:
            answers.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, verb)) for place, verb in enumerate(verbs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["conflict"] * (len(verbs) - 1) + ["made"]
    made = Correction.objects.get()
    expected = [] if made.kind == "void" else [("a", 1)]
    assert live(acme) == expected
    assert UsageEvent.objects.count() == 1 + len(expected)
    assert AuditEntry.objects.count() == 1
