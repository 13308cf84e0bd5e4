"""Events over HTTP: who may send them for whom, and the answers of the contract."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as live_settings

from accounts.keyring import hash_key, prefix_of
from accounts.models import ApiKey, Tenant, User
from tests.builders import make_key, make_tenant
from usage.models import UsageEvent
from usage.tests.conftest import Post
from usage.tests.documents import batch, event

Key = Callable[..., str]
Stored = Callable[[Tenant], list[UsageEvent]]
BATCH = "/api/v1/events/batch"
KEPT = "queued" if live_settings.REDIS_URL else "stored"
MESSAGES = {"queued": "Event received and queued for processing", "stored": "Event stored"}


def ids(events: list[UsageEvent]) -> list[str]:
    return sorted(item.event_id for item in events)


@pytest.mark.parametrize("path", ["/events", "/events/", "/api/v1/events", "/api/v1/events/"])
def test_one_event(post: Post, key: Key, acme: Tenant, stored: Stored, path: str) -> None:
    answer = post(key("ingest"), event(event_id="e-1", metrics={"hours": 1.5}), path=path)
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"success": True, "event_id": "e-1", "message": MESSAGES[KEPT], "status": KEPT}
    (row,) = stored(acme)
    assert (row.event_id, row.user_id, row.service_type) == ("e-1", "anna", "compute")
    assert (row.metrics, row.billing_info, row.tags) == ({"hours": Decimal("1.5")}, {}, [])


@pytest.mark.parametrize(
    "path", ["/events/batch", "/events/batch/", "/api/v1/events/batch", "/api/v1/events/batch/"]
)
def test_a_batch(post: Post, key: Key, acme: Tenant, stored: Stored, path: str) -> None:
    answer = post(key("ingest"), batch(event(event_id="b"), event(event_id="a")), path=path)
    assert answer.status_code == 202
    assert answer.json() == {
        "success": True,
        "processed_count": 2,
        "failed_count": 0,
        "failed_events": [],
        "results": [{"event_id": "b", "status": KEPT}, {"event_id": "a", "status": KEPT}],
        "message": "Processed 2 events, 0 failed",
    }
    assert ids(stored(acme)) == ["a", "b"]


def test_the_curl_tour_of_the_older_gateway(post: Post, client_for: Any, db: None, stored: Stored) -> None:
    tenant = make_tenant("test-tenant")
    secret = "test-api-key"
    ApiKey.objects.create(
        tenant=tenant, name="t", prefix=prefix_of(secret), key_hash=hash_key(secret), scopes=["write"]
    )
    document = {
        "tenant_id": "test-tenant",
        "user_id": "user-123",
        "service_type": "COMPUTE",
        "service_provider": "aws",
        "event_type": "vm_usage",
        "metrics": {"instance_type": "t3.micro", "duration_hours": 1.5},
    }
    answer = post(secret, document)
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    UUID(answer.json()["event_id"])
    assert len(stored(tenant)) == 1
    page = client_for(secret).get("/api/v1/usage?tenant_id=test-tenant&limit=10").json()
    assert (page["total_count"], page["limit"], page["offset"], page["has_more"]) == (1, 10, 0, False)
    assert page["events"][0]["event_id"] == answer.json()["event_id"]
    assert page["events"][0]["metrics"] == {"instance_type": "t3.micro", "duration_hours": 1.5}
    health = client_for(None).get("/health").json()
    redis = "up" if live_settings.REDIS_URL else "disabled"
    assert (health["services"]["database"], health["services"]["redis"]) == ("up", redis)
    unsigned = post(None, document)
    assert (unsigned.status_code, unsigned.json()["error"]) == (401, "authentication_required")
    assert (
        unsigned.json()["message"] == "API key is required. Provide it in X-API-Key or Authorization header."
    )
    del document["tenant_id"]
    invalid = post(secret, document)
    assert invalid.status_code == 400
    assert invalid.json()["error"] == "validation_error"
    assert invalid.json()["message"] == "Invalid event data: missing required field 'tenant_id'"
    assert len(stored(tenant)) == 1


@pytest.mark.parametrize("scope", ["ingest", "write", "admin"])
@pytest.mark.parametrize("header", ["x_api_key", "authorization"])
def test_keys_that_may_send(
    post: Post, key: Key, acme: Tenant, stored: Stored, scope: str, header: str
) -> None:
    sent = key(scope) if header == "x_api_key" else f"Bearer {key(scope)}"
    assert post(None, event(event_id="e"), **{header: sent}).status_code == 202
    assert ids(stored(acme)) == ["e"]


@pytest.mark.parametrize("scope", ["read", "build"])
@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_keys_that_may_not_send(
    post: Post, key: Key, acme: Tenant, stored: Stored, scope: str, path: str
) -> None:
    answer = post(key(scope), batch(event()) if path == BATCH else event(), path=path)
    assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert answer.json()["message"] == "This needs the scope 'ingest', which the credential does not have."
    assert stored(acme) == []


@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
@pytest.mark.parametrize(
    "headers", [{}, {"x_api_key": "no-such-key"}, {"authorization": "Bearer no-such-key"}]
)
def test_strangers_without_a_credential(
    post: Post, acme: Tenant, stored: Stored, path: str, headers: dict[str, str]
) -> None:
    answer = post(None, batch(event()) if path == BATCH else event(), path=path, **headers)
    code = "invalid_api_key" if headers else "authentication_required"
    assert (answer.status_code, answer.json()["error"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="skyledger"'
    assert stored(acme) == []


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 202), ("admin_user", 202), ("member", 202), ("viewer", 403), ("stranger", 403)],
)
@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_people(
    post: Post, acme: Tenant, stored: Stored, request: pytest.FixtureRequest, who: str, status: int, path: str
) -> None:
    document = event(event_id="e")
    answer = post(request.getfixturevalue(who), batch(document) if path == BATCH else document, path=path)
    assert answer.status_code == status
    assert ids(stored(acme)) == (["e"] if status == 202 else [])


@pytest.mark.parametrize("who", ["staff", "master"])
def test_the_platform_sends_for_any_tenant(
    post: Post, acme: Tenant, rival: Tenant, stored: Stored, staff: User, who: str, settings: Any
) -> None:
    settings.MASTER_TOKEN = "the-master-token-of-this-test"
    caller = staff if who == "staff" else None
    headers = {} if caller else {"authorization": f"Bearer {settings.MASTER_TOKEN}"}
    documents = [event(event_id="a"), event(tenant_id=str(rival.pk), event_id="r"), event(tenant_id="nobody")]
    answer = post(caller, batch(*documents), path=BATCH, **headers)
    assert answer.status_code == 202
    assert answer.json()["results"] == [{"event_id": "a", "status": KEPT}, {"event_id": "r", "status": KEPT}]
    assert answer.json()["failed_events"] == [
        {"index": 2, "error": "There is no tenant of that name.", "event_data": documents[2]}
    ]
    assert (ids(stored(acme)), ids(stored(rival))) == (["a"], ["r"])
    for path, document in (("/api/v1/events", documents[2]), (BATCH, batch(documents[2]))):
        alone = post(caller, document, path=path, **headers)
        assert (alone.status_code, alone.json()["error"]) == (404, "not_found")


def test_good_events_of_two_tenants_in_one_batch_are_kept_apart(
    post: Post, acme: Tenant, rival: Tenant, stored: Stored, staff: User
) -> None:
    documents = [event(event_id="a"), event(tenant_id="rival", event_id="r"), event(event_id="b")]
    answer = post(staff, batch(*documents), path=BATCH)
    assert (answer.status_code, answer.json()["processed_count"]) == (202, 3)
    assert (ids(stored(acme)), ids(stored(rival))) == (["a", "b"], ["r"])


@pytest.mark.parametrize("name", ["rival", "no-such-tenant", "ACME"])
@pytest.mark.parametrize("whose", ["key", "member"])
def test_a_foreign_tenant_in_the_body(
    post: Post, key: Key, acme: Tenant, rival: Tenant, member: User, stored: Stored, name: str, whose: str
) -> None:
    caller = key("write") if whose == "key" else member
    for path, document in (
        ("/api/v1/events", event(tenant_id=name)),
        (BATCH, batch(*[event(tenant_id=name)] * 2)),
    ):
        answer = post(caller, document, path=path)
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert stored(acme) == stored(rival) == []


@pytest.mark.parametrize("name", ["query", "header"])
@pytest.mark.parametrize("whose", ["key", "member"])
def test_a_foreign_tenant_beside_the_body(
    post: Post, key: Key, acme: Tenant, rival: Tenant, member: User, stored: Stored, name: str, whose: str
) -> None:
    caller = key("write") if whose == "key" else member
    for tenant, status in (("rival", 403), ("acme", 202)):
        query = f"?tenant_id={tenant}" if name == "query" else ""
        headers = {"x_tenant_id": tenant} if name == "header" else {}
        answer = post(caller, event(event_id="e"), path=f"/api/v1/events{query}", **headers)
        assert answer.status_code == status
    assert (ids(stored(acme)), stored(rival)) == (["e"], [])


def test_a_tenant_may_be_named_by_its_uuid(post: Post, key: Key, acme: Tenant, stored: Stored) -> None:
    assert post(key("ingest"), event(tenant_id=str(acme.pk), event_id="e")).status_code == 202
    assert ids(stored(acme)) == ["e"]


def test_bad_events_of_a_batch_are_reported_and_the_others_stored(
    post: Post, key: Key, acme: Tenant, rival: Tenant, stored: Stored
) -> None:
    foreign = event(tenant_id="rival", event_id="r")
    bad = event(service_type="llm_service", event_id="b", metrics={"input_tokens": 10**30})
    documents = [event(event_id="a"), foreign, event(event_id="c"), bad, 7, event(event_id="d")]
    answer = post(key("ingest"), batch(*documents), path=BATCH)
    assert answer.status_code == 202
    assert answer.json() == {
        "success": True,
        "processed_count": 3,
        "failed_count": 3,
        "failed_events": [
            {"index": 1, "error": "The API key belongs to another tenant.", "event_data": foreign},
            {"index": 3, "error": "missing required field 'model'", "event_data": bad},
            {"index": 4, "error": "an event is a JSON object", "event_data": 7},
        ],
        "results": [{"event_id": name, "status": KEPT} for name in "acd"],
        "message": "Processed 3 events, 3 failed",
    }
    assert (ids(stored(acme)), stored(rival)) == (["a", "c", "d"], [])


def test_a_batch_without_a_valid_event(post: Post, key: Key, acme: Tenant, stored: Stored) -> None:
    bad, foreign = event(user_id=7), event(tenant_id="rival")
    answer = post(key("ingest"), batch(bad, foreign), path=BATCH)
    assert answer.status_code == 400
    body = answer.json()
    assert body.pop("request_id") == answer.headers["X-Request-ID"]
    text = "None of the 2 events is valid; the first: user_id: Expected str, got int"
    refusal = "The API key belongs to another tenant."
    assert body == {
        "error": "validation_error",
        "message": text,
        "detail": text,
        "errors": [
            {"field": "events[0]", "message": "user_id: Expected str, got int"},
            {"field": "events[1]", "message": refusal},
        ],
        "success": False,
        "processed_count": 0,
        "failed_count": 2,
        "failed_events": [
            {"index": 0, "error": "user_id: Expected str, got int", "event_data": bad},
            {"index": 1, "error": refusal, "event_data": foreign},
        ],
    }
    assert stored(acme) == []


@pytest.mark.parametrize(("size", "status"), [(0, 400), (1, 202), (1000, 202), (1001, 400)])
@pytest.mark.parametrize("plain", [True, False])
def test_the_size_of_a_batch(
    post: Post, key: Key, acme: Tenant, stored: Stored, size: int, status: int, plain: bool
) -> None:
    documents = [event(event_id=f"e-{n:04}", **({} if plain else {"hours": 1})) for n in range(size)]
    answer = post(key("ingest"), batch(*documents), path=BATCH)
    assert answer.status_code == status
    if status == 202:
        assert [r["event_id"] for r in answer.json()["results"]] == [d["event_id"] for d in documents]
        assert ids(stored(acme)) == [d["event_id"] for d in documents]
    else:
        message = f"{size} events were sent; send 1 to 1000."
        assert answer.json()["errors"] == [{"field": "events", "message": message}]
        assert stored(acme) == []


def test_an_id_that_was_sent_before(
    post: Post, key: Key, acme: Tenant, rival: Tenant, stranger_key: str, stored: Stored
) -> None:
    caller = key("ingest")
    post(caller, event(event_id="e", user_id="first"))
    again = post(caller, event(event_id="e", user_id="first"))
    assert again.status_code == 202
    assert again.json()["status"] == ("queued" if live_settings.REDIS_URL else "duplicate")
    other = post(caller, event(event_id="e", user_id="second"))
    assert other.status_code == (202 if live_settings.REDIS_URL else 409)
    first = event(event_id="e", user_id="first")
    twice = post(
        caller, batch(first, *[event(event_id=name) for name in "fg"], first, event(event_id="g")), path=BATCH
    )
    expected = "queued " * 5 if live_settings.REDIS_URL else "duplicate stored stored duplicate duplicate"
    assert [result["status"] for result in twice.json()["results"]] == expected.split()
    # An id is unique in its tenant alone.
    assert post(stranger_key, event(tenant_id="rival", event_id="e")).json()["status"] == KEPT
    assert {e.event_id: e.user_id for e in stored(acme)}["e"] == "first"
    assert (ids(stored(acme)), ids(stored(rival))) == (["e", "f", "g"], ["e"])


@pytest.mark.parametrize("whose", ["key", "member"])
@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_a_body_that_is_too_large(
    post: Post,
    key: Key,
    member: User,
    acme: Tenant,
    stored: Stored,
    settings: Any,
    whose: str,
    path: str,
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = post(key("ingest") if whose == "key" else member, b" " * 1001, path=path)
    assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
    assert answer.json()["message"] == "The body is larger than 1000 bytes."
    assert stored(acme) == []


@pytest.mark.parametrize("whose", ["key", "member"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"]
)
def test_another_media_type(
    post: Post, key: Key, member: User, acme: Tenant, stored: Stored, whose: str, content_type: str
) -> None:
    for path in ("/api/v1/events", BATCH):
        answer = post(
            key("ingest") if whose == "key" else member, event(), path=path, content_type=content_type
        )
        assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_media_type")
    assert stored(acme) == []


@pytest.mark.parametrize("whose", ["key", "member"])
@pytest.mark.parametrize(
    ("charset", "status"),
    [("utf-8", 202), ("UTF-8", 202), ('"utf-8"', 202), ("us-ascii", 202), ("latin-1", 400), ("utf-16", 400)],
)
def test_the_charset(
    post: Post, key: Key, member: User, acme: Tenant, stored: Stored, whose: str, charset: str, status: int
) -> None:
    caller = key("ingest") if whose == "key" else member
    answer = post(caller, event(event_id="e"), content_type=f"application/json; charset={charset}")
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["message"] == f"The charset {charset!r} is not supported; send UTF-8."
    assert ids(stored(acme)) == (["e"] if status == 202 else [])


@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_a_call_beyond_the_limit(post: Post, acme: Tenant, stored: Stored, path: str) -> None:
    _, caller = make_key(acme, "ingest", rate_limit=2)
    document = batch(event(event_id="e")) if path == BATCH else event(event_id="e")
    seen = [post(caller, document, path=path) for _ in range(3)]
    assert [answer.status_code for answer in seen] == [202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in seen] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in seen} == {"2"}
    body, headers = seen[2].json(), seen[2].headers
    assert body["error"] == "rate_limit_exceeded"
    assert body["message"] == body["detail"] == "Rate limit of 2 requests per minute exceeded"
    assert (body["limit"], body["remaining"], body["errors"]) == (2, 0, [])
    assert 1 <= body["retry_after"] <= 61
    assert headers["Retry-After"] == str(body["retry_after"])
    assert headers["X-RateLimit-Reset"] == str(body["reset_time"])
    assert headers["RateLimit-Policy"] == '"key";q=2;w=60'
    assert len(stored(acme)) == 1


def test_the_tighter_limit_is_the_one_in_the_headers(post: Post, acme: Tenant) -> None:
    acme.rate_limit = 5
    acme.save()
    _, caller = make_key(acme, "ingest", rate_limit=50)
    answer = post(caller, event())
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("5", "4")
    assert answer.headers["RateLimit-Policy"] == '"tenant";q=5;w=60'


def test_the_senders_request_id_comes_back(post: Post, key: Key) -> None:
    assert post(key("ingest"), event(), x_request_id="mine-1").headers["X-Request-ID"] == "mine-1"
    refused = post(key("ingest"), event(user_id=7), x_request_id="mine-2")
    assert refused.json()["request_id"] == refused.headers["X-Request-ID"] == "mine-2"
    made = post(key("ingest"), event(), x_request_id="not a plain one!").headers["X-Request-ID"]
    assert UUID(made).version == 7


def test_a_cost_beyond_any_use_is_stored_and_harms_nothing(
    post: Post, key: Key, acme: Tenant, stored: Stored
) -> None:
    for cost in ("1e9999999", "NaN", "-1", "1e400", "free", "9" * 500):
        answer = post(key("ingest"), event(billing_info={"total_cost": cost}))
        assert answer.status_code == 202, cost
    assert len(stored(acme)) == 6


def test_an_idempotency_key_repeats_the_answer(post: Post, key: Key, acme: Tenant, stored: Stored) -> None:
    """Without ids of their own: the key alone keeps them from being counted twice."""
    secret = key("ingest")
    for path, document in (("/api/v1/events", event()), (BATCH, batch(event(), event(user_id=1)))):
        answers = [post(secret, document, path=path, idempotency_key=f'"{path}"') for _ in range(3)]
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
        assert [answer.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
        assert answers[0]["Content-Type"] == answers[2]["Content-Type"] == "application/json"
    assert len(stored(acme)) == 2
    other = post(secret, event(user_id="bert"), idempotency_key="/api/v1/events")
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_mismatch")
    assert len(stored(acme)) == 2
