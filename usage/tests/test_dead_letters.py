"""What was set aside can be stored after all: once, audited, and only if the database takes it."""

from typing import Any, Final

import pytest

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import Principal, user_principal
from accounts.wire import encode
from usage.ledger import CONFLICT
from usage.models import DeadLetter, UsageEvent
from usage.services.letters import dead_letters_replay
from usage.tests.documents import row

POISON: Final = {**row("bad"), "timestamp": "no such day"}


def letter(tenant: Tenant | None, *events: dict[str, Any], payload: str = "") -> DeadLetter:
    return DeadLetter.objects.create(
        tenant=tenant,
        entry_id=f"{DeadLetter.objects.count() + 1}-1",
        event_id=events[0]["event_id"] if events else "",
        payload=payload or encode(list(events)).decode(),
        reason="The first reason.",
    )


@pytest.fixture
def by(staff: User) -> Principal:
    return user_principal(staff)


def replay(by: Principal, *letters: DeadLetter) -> int:
    count = dead_letters_replay(ids=[item.pk for item in letters], by=by)
    for item in letters:
        item.refresh_from_db()
    return count


def stored() -> list[str]:
    return sorted(UsageEvent.objects.values_list("event_id", flat=True))


def test_a_letter_is_stored_once_and_audited(acme: Tenant, by: Principal) -> None:
    dead = letter(acme, row("a", metrics={"n": 1}), row("b"))
    other = letter(acme, row("c"))
    assert replay(by, dead) == 1
    assert (stored(), dead.status, dead.reason) == (["a", "b"], "replayed", "The first reason.")
    assert dead.closed_at is not None
    event = UsageEvent.objects.for_tenant(acme).get(event_id="a")
    assert (event.metrics, event.received_at) == ({"n": 1}, dead.closed_at)
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.actor, entry.tenant) == ("dead_letter.replayed", by.actor, acme)
    assert (entry.object_type, entry.object_id) == ("usage.deadletter", str(dead.pk))
    other.refresh_from_db()
    assert (other.status, other.closed_at) == ("dead", None)


def test_a_second_replay_does_nothing(acme: Tenant, by: Principal) -> None:
    dead = letter(acme, row("a"))
    replay(by, dead)
    first = dead.closed_at
    assert replay(by, dead) == 0
    assert (stored(), dead.status, dead.closed_at) == (["a"], "replayed", first)
    assert AuditEntry.objects.count() == 1


def test_an_event_that_came_again_meanwhile_is_not_stored_twice(acme: Tenant, by: Principal) -> None:
    early, late = letter(acme, row("a", user_id="early")), letter(acme, row("a", user_id="late"), row("b"))
    again = letter(acme, row("a", user_id="early"), row("c"))
    assert (replay(by, early), replay(by, late), replay(by, again)) == (1, 0, 1)
    assert stored() == ["a", "c"]
    assert (late.status, late.reason) == ("dead", CONFLICT)
    assert UsageEvent.objects.for_tenant(acme).get(event_id="a").user_id == "early"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("not json", "JSON is malformed"),
        ("{}", "Expected `array`, got `object`"),
        ('[{"event_id":"a"}]', "missing required field `user_id`"),
    ],
)
def test_a_payload_that_is_no_list_of_events(acme: Tenant, by: Principal, payload: str, reason: str) -> None:
    dead = letter(acme, payload=payload)
    assert replay(by, dead) == 0
    assert (dead.status, dead.closed_at, stored()) == ("dead", None, [])
    assert reason in dead.reason
    assert not AuditEntry.objects.exists()


def test_a_letter_of_nobody(acme: Tenant, by: Principal) -> None:
    dead = letter(None, row("a"))
    assert replay(by, dead) == 0
    assert (dead.status, dead.reason, stored()) == ("dead", "the tenant of this entry is not known", [])


def test_an_event_that_is_refused_again_keeps_its_place(acme: Tenant, by: Principal) -> None:
    dead, good = letter(acme, row("a"), POISON), letter(acme, row("b"))
    assert replay(by, dead, good) == 1
    assert (dead.status, dead.closed_at, good.status) == ("dead", None, "replayed")
    assert dead.reason != "The first reason."
    assert "no such day" in dead.reason
    assert stored() == ["b"]  # a letter goes whole or not at all
    assert [entry.object_id for entry in AuditEntry.objects.all()] == [str(good.pk)]
    dead.payload = encode([row("a"), row("bad")]).decode()
    dead.save()
    assert replay(by, dead) == 1
    assert stored() == ["a", "b", "bad"]


def test_letters_that_are_not_there(by: Principal) -> None:
    assert dead_letters_replay(ids=[1, 2, 3], by=by) == 0
    assert dead_letters_replay(ids=[], by=by) == 0


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bad", [{"metadata": {"a": "\0"}}, {"user_id": "\0"}, {"service_type": "x" * 51}])
def test_what_postgresql_refused_once_it_refuses_again(
    acme: Tenant, by: Principal, bad: dict[str, Any]
) -> None:
    dead = letter(acme, row("a"), row("bad", **bad))
    assert replay(by, dead) == 0
    assert (dead.status, dead.closed_at, stored()) == ("dead", None, [])
    assert dead.reason != "The first reason."
    assert not AuditEntry.objects.exists()
