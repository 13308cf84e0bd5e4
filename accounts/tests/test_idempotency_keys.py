"""Idempotency-Key: a POST is done once, and its answer told again to the same caller for a day."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api import tenants
from accounts.errors import RateLimited, Unavailable
from accounts.models import ApiKey, IdempotentCall, Membership, Tenant, User
from accounts.services import idempotency
from accounts.services.tenants import member_add
from accounts.tasks import clean_up
from tests.builders import make_user

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]
MEMBERS = "/api/v1/tenants/acme/members"
NOT_KEYS = ["", '""', '"', "a b", '"a b"', "ä", '"open', "x" * 256, f'"{"x" * 256}"', '"a"; b=1']


@pytest.fixture
def add(client_for: Client) -> Callable[..., Any]:
    """`add(who, key, email)`: let a person into acme."""

    def send(who: Any, key: str, email: str, path: str = MEMBERS, **headers: str) -> Any:
        return client_for(who, idempotency_key=key, **headers).post(path, {"email": email}, format="json")

    return send


@pytest.fixture
def anna(db: None) -> User:
    return make_user("anna")


@pytest.fixture
def added() -> Iterator[mock.Mock]:
    """Counts how often somebody was really let in."""
    with mock.patch.object(tenants, "member_add", side_effect=member_add) as counted:
        yield counted


def test_the_second_call_is_told_what_the_first_was(
    add: Any, owner: User, anna: User, acme: Tenant, added: mock.Mock
) -> None:
    first = add(owner, "k-1", anna.email)
    again = add(owner, '"k-1"', anna.email)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert (again.content, again["Content-Type"]) == (first.content, first["Content-Type"])
    assert again["X-RateLimit-Remaining"] < first["X-RateLimit-Remaining"]
    assert added.call_count == 1
    assert Membership.objects.for_tenant(acme).filter(user=anna).count() == 1


def test_without_the_header_nothing_is_remembered(client_for: Client, owner: User, anna: User) -> None:
    for status in (201, 409):
        answer = client_for(owner).post(MEMBERS, {"email": anna.email}, format="json")
        assert answer.status_code == status
    assert not IdempotentCall.objects.exists()


def test_a_refusal_is_told_again_too(add: Any, owner: User, added: mock.Mock) -> None:
    first = add(owner, "k", "nobody@example.com")
    make_user("nobody")
    again = add(owner, "k", "nobody@example.com")
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (404, 404, "true")
    assert again.content == first.content
    assert added.call_count == 0
    assert add(owner, "k2", "nobody@example.com").status_code == 201


def test_another_request_with_the_key_is_refused(
    add: Any, client_for: Client, owner: User, anna: User, added: mock.Mock
) -> None:
    assert add(owner, "k", anna.email).status_code == 201
    make_user("bert")
    others = [
        add(owner, "k", "bert@example.com"),
        add(owner, "k", anna.email, f"{MEMBERS}?tenant_id=acme"),
        add(owner, "k", anna.email, x_tenant_id="acme"),
        add(owner, "k", anna.email, ce_id="1"),
        client_for(owner, idempotency_key="k").post("/api/v1/api-keys", {"email": anna.email}, format="json"),
    ]
    for answer in others:
        assert (answer.status_code, answer.json()["error"]) == (422, "idempotency_mismatch")
    assert added.call_count == 1
    assert not ApiKey.objects.exists()


def test_each_caller_has_keys_of_their_own(
    add: Any, owner: User, admin_user: User, stranger: User, key: Key, anna: User, added: mock.Mock
) -> None:
    assert add(owner, "k", anna.email).status_code == 201
    assert add(admin_user, "k", anna.email).status_code == 409
    assert add(key("admin"), "k", anna.email).status_code == 409
    assert add(stranger, "k", anna.email).status_code == 403
    assert add(stranger, "k", anna.email, "/api/v1/tenants/rival/members").status_code == 201
    assert add(None, "k", anna.email).status_code == 401
    assert IdempotentCall.objects.count() == 4


def test_who_may_no_longer_do_it_is_told_nothing(
    add: Any, admin_user: User, anna: User, acme: Tenant
) -> None:
    assert add(admin_user, "k", anna.email).status_code == 201
    Membership.objects.for_tenant(acme).filter(user=admin_user).update(role="viewer")
    answer = add(admin_user, "k", anna.email)
    assert (answer.status_code, "Idempotency-Replayed" in answer) == (403, False)


def test_an_answer_with_a_secret_is_not_kept(client_for: Client, owner: User) -> None:
    client = client_for(owner, idempotency_key="k")
    first = client.post("/api-keys", {"name": "billing"}, format="json")
    again = client.post("/api-keys", {"name": "billing"}, format="json")
    assert (first.status_code, again.status_code, again.json()["error"]) == (201, 409, "conflict")
    assert again.json()["message"] == (
        "The call of this Idempotency-Key was done (status 201); its answer holds a secret or is too large, "
        "and was not kept."
    )
    assert ApiKey.objects.count() == 1
    (row,) = IdempotentCall.objects.values()
    assert first.json()["key"] not in str(row)
    assert (row["status"], row["body"]) == (201, None)
    # A refusal holds none.
    bad = [client_for(owner, idempotency_key="b").post("/api-keys", {}, format="json") for _ in range(2)]
    assert [answer.status_code for answer in bad] == [400, 400]
    assert bad[1].content == bad[0].content


def test_a_large_answer_is_not_kept(
    add: Any, owner: User, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "LARGEST_KEPT", 10)
    assert add(owner, "k", anna.email).status_code == 201
    assert add(owner, "k", anna.email).status_code == 409


@pytest.mark.parametrize(
    "failure",
    [Unavailable("Not now."), RateLimited("Too many."), DatabaseError("away"), RuntimeError("a bug")],
    ids=["503", "429", "database", "bug"],
)
def test_what_may_be_tried_again_leaves_the_key_free(
    add: Any, owner: User, anna: User, failure: Exception
) -> None:
    with mock.patch.object(tenants, "member_add", side_effect=failure):
        if isinstance(failure, RuntimeError):
            with pytest.raises(RuntimeError):
                add(owner, "k", anna.email)
        else:
            assert add(owner, "k", anna.email).status_code in {429, 503}
    assert not IdempotentCall.objects.exists()
    assert add(owner, "k", anna.email).status_code == 201


@pytest.mark.parametrize("name", NOT_KEYS)
def test_what_is_no_key(add: Any, owner: User, anna: User, name: str) -> None:
    answer = add(owner, name, anna.email)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not Membership.objects.filter(user=anna).exists()


@pytest.mark.parametrize(
    ("one", "other"), [("x" * 255, f'"{"x" * 255}"'), ('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), (" k ", "k")]
)
def test_both_ways_to_write_a_key_mean_the_same(
    add: Any, owner: User, anna: User, one: str, other: str
) -> None:
    assert add(owner, one, anna.email).status_code == 201
    assert add(owner, other, anna.email)["Idempotency-Replayed"] == "true"


def test_a_body_of_unknown_length_is_refused(client_for: Client, owner: User, anna: User) -> None:
    client = client_for(owner, idempotency_key="k", transfer_encoding="chunked")
    answer = client.post(MEMBERS, {"email": anna.email}, format="json", CONTENT_LENGTH="")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_after_a_day_the_key_is_free_again(add: Any, owner: User, anna: User, added: mock.Mock) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert add(owner, "k", anna.email).status_code == 201
        clock.shift(timedelta(hours=24, seconds=-1))
        clean_up()
        assert add(owner, "k", anna.email).status_code == 201
        clock.shift(timedelta(seconds=1))
        assert add(owner, "k", anna.email).status_code == 409  # done again: she is a member already
        assert added.call_count == 2
        clock.shift(timedelta(hours=24))
        clean_up()
    assert not IdempotentCall.objects.exists()


def test_a_call_that_was_killed_bars_its_key_for_five_minutes(add: Any, owner: User, anna: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        with (
            mock.patch.object(tenants, "member_add", side_effect=SystemExit),
            pytest.raises(SystemExit),
        ):
            add(owner, "k", anna.email)
        clock.shift(timedelta(minutes=5, seconds=-1))
        early = add(owner, "k", anna.email)
        assert (early.status_code, early.json()["error"], early["Retry-After"]) == (409, "conflict", "1")
        assert not Membership.objects.filter(user=anna).exists()
        assert add(owner, "k", "other@example.com").status_code == 422
        clock.shift(timedelta(seconds=1))
        assert add(owner, "k", anna.email).status_code == 201


def test_a_call_that_was_overtaken_keeps_the_answer_of_the_other(
    add: Any, owner: User, anna: User, added: mock.Mock
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:

        def slow(**given: Any) -> Any:
            clock.shift(timedelta(minutes=5))
            added.side_effect = member_add
            assert add(owner, "k", anna.email).status_code == 201
            return member_add(**given)

        added.side_effect = slow
        assert add(owner, "k", anna.email).status_code == 409
        assert add(owner, "k", anna.email).status_code == 201
    assert added.call_count == 2


def test_sign_in_takes_no_notice(client_for: Client, member: User) -> None:
    body = {"email": member.email, "password": "wrong"}
    for _ in range(2):
        answer = client_for(None, idempotency_key="a b").post("/auth/login", body, format="json")
        assert answer.status_code == 401
    assert not IdempotentCall.objects.exists()


def test_only_posts_have_keys(client_for: Client, owner: User) -> None:
    client = client_for(owner, idempotency_key="k")
    assert client.get(MEMBERS).status_code == 200
    assert client.patch("/api/v1/tenants/acme", {"name": "New"}, format="json").status_code == 200
    assert not IdempotentCall.objects.exists()


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_being_done_the_second_waits(add: Any, owner: User, anna: User) -> None:
    inside, go_on = Event(), Event()

    def slow(**given: Any) -> Any:
        inside.set()
        assert go_on.wait(10)
        return member_add(**given)

    with mock.patch.object(tenants, "member_add", side_effect=slow) as called, ThreadPoolExecutor(1) as pool:
        first = pool.submit(_in_thread, add, owner, "k", anna.email)
        assert inside.wait(10)
        early = add(owner, "k", anna.email)
        go_on.set()
        done = first.result()
        late = add(owner, "k", anna.email)
    assert (early.status_code, early.json()["error"], early["Retry-After"]) == (409, "conflict", "1")
    assert (done.status_code, late.status_code, late["Idempotency-Replayed"]) == (201, 201, "true")
    assert late.content == done.content
    assert called.call_count == 1


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_of_eight_calls_at_once_one_is_done(add: Any, owner: User, added: mock.Mock) -> None:
    for number in range(5):
        person = make_user(f"person-{number}")
        gate = Barrier(8)

        def call(_: int, email: str = person.email, gate: Barrier = gate, key: str = f"k{number}") -> Any:
            gate.wait()
            return _in_thread(add, owner, key, email)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(call, range(8)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {201, 409}
        assert sum(a.status_code == 201 and "Idempotency-Replayed" not in a for a in answers) == 1
        assert added.call_count == number + 1


def _in_thread(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    finally:
        connection.close()
