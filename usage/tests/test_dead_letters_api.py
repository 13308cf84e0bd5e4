"""Dead letters over HTTP: found, mended and replayed once, or dismissed."""

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
from accounts.principals import Principal
from accounts.services.cleaning import Sweep
from accounts.wire import encode
from usage import ledger
from usage.models import DeadLetter, DirtyHour, UsageEvent
from usage.services import letters
from usage.services.letters import dead_letter_replay, rejected_letters_clear
from usage.tests.documents import event, row

LETTERS: Final = "/api/v1/dead-letters"
BAD: Final = event(event_id="bad", user_id=None, timestamp="2026-03-01T10:00:00Z")
Client = Callable[..., APIClient]


def make_letter(tenant: Tenant | None, sent: Any = BAD, **fields: Any) -> DeadLetter:
    values = {
        "kind": "rejected",
        "entry_id": f"{DeadLetter.objects.count() + 1}#0",
        "event_id": "bad",
        "payload": encode(sent).decode(),
        "reason": "missing required field 'user_id'",
    }
    return DeadLetter.objects.create(tenant=tenant, **{**values, **fields})


@pytest.fixture
def letter(acme: Tenant) -> DeadLetter:
    return make_letter(acme)


@pytest.fixture
def api(client_for: Client, key: Callable[..., str]) -> APIClient:
    return client_for(key("write"))


def replay(api: APIClient, letter: DeadLetter, body: Any = None) -> Any:
    answer = api.post(f"{LETTERS}/{letter.pk}/replay", body, format="json")
    letter.refresh_from_db()
    return answer


def test_a_letter_shows_what_came(api: APIClient, letter: DeadLetter) -> None:
    found = api.get(f"{LETTERS}/{letter.pk}").json()
    assert (found["id"], found["kind"], found["status"]) == (letter.pk, "rejected", "dead")
    assert (found["event"], found["payload"]) == (BAD, letter.payload)
    assert (found["reason"], found["mended"]) == ("missing required field 'user_id'", None)


def test_the_mended_event_is_stored_and_the_original_kept(
    api: APIClient, letter: DeadLetter, acme: Tenant, member: User, client_for: Client
) -> None:
    mended = {**BAD, "user_id": "anna", "metrics": {"n": 1.50}}
    answer = replay(client_for(member), letter, {"event": mended})
    assert (answer.status_code, answer.json()["results"]) == (200, [{"event_id": "bad", "status": "stored"}])
    stored = UsageEvent.objects.get()
    assert (stored.event_id, stored.user_id, stored.received_at) == ("bad", "anna", letter.closed_at)
    assert letter.payload == encode(BAD).decode()
    assert (letter.status, letter.closed_by) == ("replayed", "user:member@example.com")
    assert letter.mended == {**mended, "metrics": {"n": Decimal("1.5")}}
    assert DirtyHour.objects.get().hour == datetime(2026, 3, 1, 10, tzinfo=UTC)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.tenant, entry.object_id) == ("dead_letter.replayed", acme, str(letter.pk))
    assert ActivityEntry.objects.get().payload == {"id": str(letter.pk), "event_id": "bad"}


def test_a_mended_event_keeps_tenant_id_and_time_that_it_does_not_give(
    api: APIClient, letter: DeadLetter
) -> None:
    mended = event(tenant_id=None, user_id="anna")
    assert replay(api, letter, {"event": mended}).json()["results"][0]["event_id"] == "bad"
    assert UsageEvent.objects.get().timestamp == letter.created_at


@pytest.mark.parametrize(
    ("mended", "status", "says"),
    [
        (BAD, 400, "user_id"),
        (event(user_id="anna", tenant_id="rival"), 403, "another tenant"),
        ({"event_id": 7}, 400, "event_id"),
        (None, 400, "missing required field 'user_id'"),
    ],
)
def test_an_event_that_is_refused_again_leaves_the_letter(
    api: APIClient, letter: DeadLetter, rival: Tenant, mended: Any, status: int, says: str
) -> None:
    answer = replay(api, letter, {"event": mended})
    assert (answer.status_code, says in answer.json()["message"]) == (status, True)
    assert (letter.status, letter.mended, letter.closed_at) == ("dead", None, None)
    assert "missing required field 'user_id'" in letter.reason
    assert (UsageEvent.objects.count(), AuditEntry.objects.count(), DeadLetter.objects.count()) == (0, 0, 1)


def test_a_conflict_is_solved_by_another_id(api: APIClient, acme: Tenant) -> None:
    lot = ledger.Lot(str(acme.pk), datetime.now(UTC), ledger.read_rows(encode([row("a")])), "1-1")
    ledger.store([lot])
    other = row("a", user_id="ben")
    letter = make_letter(acme, [other], kind="conflict", event_id="a")
    assert replay(api, letter).status_code == 409
    assert replay(api, letter, {"event": other}).status_code == 409
    assert (letter.status, DeadLetter.objects.count()) == ("dead", 1)
    answer = replay(api, letter, {"event": {**other, "event_id": "b"}})
    assert answer.json()["results"] == [{"event_id": "b", "status": "stored"}]
    assert UsageEvent.objects.count() == 2


def test_an_event_that_is_there_already_is_a_duplicate(api: APIClient, acme: Tenant) -> None:
    lot = ledger.Lot(str(acme.pk), datetime.now(UTC), ledger.read_rows(encode([row("a")])), "1-1")
    ledger.store([lot])
    letter = make_letter(acme, [row("a")], kind="refused", event_id="a")
    assert replay(api, letter).json()["results"] == [{"event_id": "a", "status": "duplicate"}]
    assert (letter.status, UsageEvent.objects.count()) == ("replayed", 1)


def test_what_was_cut_off_needs_the_whole_event(api: APIClient, acme: Tenant) -> None:
    letter = make_letter(acme, payload='{"user_id": "an')
    assert api.get(f"{LETTERS}/{letter.pk}").json()["event"] is None
    assert replay(api, letter).status_code == 400
    assert replay(api, letter, {"event": event()}).status_code == 200


def test_a_cloud_event_is_mended(api: APIClient, acme: Tenant) -> None:
    sent = {"specversion": "1.0", "id": "1", "source": "no source", "type": "compute", "subject": "anna"}
    letter = make_letter(acme, sent, event_id="no source|1")
    assert replay(api, letter).status_code == 400
    answer = replay(api, letter, {"event": sent | {"source": "/s"}})
    assert answer.json()["results"] == [{"event_id": "/s|1", "status": "stored"}]


def test_dismiss(api: APIClient, letter: DeadLetter) -> None:
    path = f"{LETTERS}/{letter.pk}/dismiss"
    assert api.post(path, {}, format="json").status_code == 400
    answer = api.post(path, {"reason": "A test."}, format="json")
    assert (answer.status_code, answer.json()["status"], answer.json()["note"]) == (
        200,
        "dismissed",
        "A test.",
    )
    assert AuditEntry.objects.get().action == "dead_letter.dismissed"
    assert api.post(path, {"reason": "Again."}, format="json").status_code == 409
    assert replay(api, letter, {"event": event()}).status_code == 409
    assert (letter.note, letter.mended, UsageEvent.objects.count()) == ("A test.", None, 0)


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["c", "b", "a"]),
        ("kind=conflict", ["b"]),
        ("status=dismissed", ["c"]),
        ("event_id=a", ["a"]),
        ("start_date=2026-03-02", ["c", "b"]),
        ("end_date=2026-03-02", ["b", "a"]),
        ("limit=2", ["c", "b"]),
    ],
)
def test_the_list(api: APIClient, acme: Tenant, rival: Tenant, query: str, found: list[str]) -> None:
    made = {
        "a": make_letter(acme, event_id="a"),
        "b": make_letter(acme, event_id="b", kind="conflict"),
        "c": make_letter(acme, event_id="c", status="dismissed"),
    }
    for day, one in enumerate(made.values(), 1):
        DeadLetter.objects.filter(pk=one.pk).update(created_at=f"2026-03-0{day}T12:00Z")
    make_letter(rival, event_id="foreign")
    make_letter(None, event_id="nobody's")
    answer = api.get(f"{LETTERS}?{query}").json()
    assert [item["event_id"] for item in answer["dead_letters"]] == found
    following = api.get(f"{LETTERS}?{query}&cursor={answer['next_cursor']}")
    if query == "limit=2":
        assert [item["event_id"] for item in following.json()["dead_letters"]] == ["a"]
    else:
        assert (answer["next_cursor"], following.status_code) == (None, 400)


def test_who_may_only_read_or_send_changes_nothing(
    client_for: Client, key: Callable[..., str], letter: DeadLetter
) -> None:
    for scope in ("read", "ingest"):
        for verb in ("replay", "dismiss"):
            body = {"reason": "x", "event": event()}
            answer = client_for(key(scope)).post(f"{LETTERS}/{letter.pk}/{verb}", body, format="json")
            assert answer.status_code == 403
    letter.refresh_from_db()
    assert (letter.status, UsageEvent.objects.count()) == ("dead", 0)


def test_anothers_letter_and_nobodys_are_not_there(
    client_for: Client, stranger_key: str, api: APIClient, letter: DeadLetter
) -> None:
    nobodys = make_letter(None)
    for client, pk in ((client_for(stranger_key), letter.pk), (api, nobodys.pk), (api, 10**30)):
        assert client.get(f"{LETTERS}/{pk}").status_code == 404
        assert client.post(f"{LETTERS}/{pk}/replay", {"event": event()}, format="json").status_code == 404
    assert UsageEvent.objects.count() == 0


def test_only_the_newest_rejected_events_are_kept(
    acme: Tenant, rival: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "REJECTED_PER_TENANT", 2)
    for name in ("a", "b", "c", "d"):
        make_letter(acme, event_id=name)
        make_letter(acme, event_id=name, kind="conflict")
    make_letter(rival, event_id="e")
    assert list(rejected_letters_clear(Sweep())) == [(acme, 2)]
    rejected = DeadLetter.objects.filter(kind="rejected").order_by("id")
    assert list(rejected.values_list("event_id", flat=True)) == ["c", "d", "e"]
    assert DeadLetter.objects.filter(kind="conflict").count() == 4
    assert list(rejected_letters_clear(Sweep())) == []


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_two_replays_at_once_store_once(acme: Tenant) -> None:
    letter = make_letter(acme)
    by = Principal(kind="system", actor="system", tenant=acme)
    start = threading.Barrier(4)
    answers: list[str] = []

    def run(number: int) -> None:
        try:
            start.wait(20)
            mended = event(event_id=f"mended-{number}")
            dead_letter_replay(by=by, letter=DeadLetter.objects.get(pk=letter.pk), event=mended)
            answers.append("stored")
        except Conflict:
            answers.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["conflict", "conflict", "conflict", "stored"]
    assert UsageEvent.objects.count() == AuditEntry.objects.count() == 1
