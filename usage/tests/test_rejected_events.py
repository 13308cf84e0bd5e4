"""What is rejected on arrival is kept with the reason, without a word more to the sender."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest import mock

import pytest
from django.conf import settings
from django.db import DatabaseError
from prometheus_client import REGISTRY
from rest_framework.test import APIClient

from accounts.models import Tenant
from accounts.redis_link import RedisAway
from accounts.wire import decode
from usage import queue, rejections, writer
from usage.models import DeadLetter, UsageEvent
from usage.shards import shards
from usage.tests.conftest import Post, drain
from usage.tests.documents import as_bytes, batch, event

BATCH: Final = "/api/v1/events/batch"
NO_USER: Final = event(event_id="bad", user_id=None, note="kept")
LLM: Final = event(event_id="llm", service_type="llm_service", metrics={"input_tokens": 0})


@pytest.fixture
def ingest(key: Callable[..., str]) -> str:
    return key("ingest")


@pytest.fixture
def redis_away() -> Iterator[None]:
    with mock.patch.object(shards()[0].appender, "send", side_effect=RedisAway):
        yield


def letters() -> list[tuple[str, str, str]]:
    drain()
    rows = DeadLetter.objects.order_by("id")
    assert {(row.kind, row.status) for row in rows} <= {("rejected", "dead")}
    return [(row.event_id, row.reason, str(row.tenant)) for row in rows]


def rejected_total() -> float:
    return REGISTRY.get_sample_value("rejected_events_total", {"tenant_id": "acme"}) or 0.0


def test_a_bad_event_of_a_batch(post: Post, ingest: str, acme: Tenant) -> None:
    before = rejected_total()
    answer = post(ingest, batch(event(event_id="good"), NO_USER, LLM), path=BATCH)
    assert (answer.status_code, answer.json()["processed_count"], answer.json()["failed_count"]) == (
        202,
        1,
        2,
    )
    assert letters() == [
        ("bad", "missing required field 'user_id'", "acme"),
        ("llm", "missing required field 'model'", "acme"),
    ]
    assert decode(DeadLetter.objects.get(event_id="bad").payload.encode()) == NO_USER
    assert [row.event_id for row in UsageEvent.objects.all()] == ["good"]
    assert rejected_total() == before + 2


def test_a_batch_without_a_valid_event(post: Post, ingest: str) -> None:
    assert post(ingest, batch(NO_USER, NO_USER), path=BATCH).status_code == 400
    assert [event_id for event_id, _, _ in letters()] == ["bad", "bad"]


def test_a_single_event(post: Post, ingest: str, member: Any) -> None:
    assert post(ingest, NO_USER).status_code == 400
    assert post(member, LLM).status_code == 400
    assert [event_id for event_id, _, _ in letters()] == ["bad", "llm"]


@pytest.mark.parametrize(
    "sent",
    [
        b"not json",
        event(tenant_id="rival", user_id=None),
        event(tenant_id=None),
        event(tenant_id=7),
        ["acme"],
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_what_names_no_tenant_of_the_caller_is_not_kept(
    post: Post, ingest: str, rival: Tenant, sent: Any, path: str
) -> None:
    document = sent if path != BATCH or isinstance(sent, bytes) else batch(sent)
    assert post(ingest, document, path=path).status_code in {400, 403}
    assert letters() == []


def test_the_stranger_of_a_batch_is_not_kept_with_the_others(post: Post, ingest: str, rival: Tenant) -> None:
    foreign = event(event_id="foreign", tenant_id="rival")
    answer = post(ingest, batch(event(), foreign, NO_USER), path=BATCH)
    assert (answer.status_code, answer.json()["failed_count"]) == (202, 2)
    assert [event_id for event_id, _, _ in letters()] == ["bad"]


CLOUD: Final = {"specversion": "1.0", "id": "1", "source": "/s", "type": "compute"}


@pytest.mark.parametrize("where", [{}, {"tenantid": "acme"}, {"data": {"tenant_id": "acme"}}])
def test_a_cloud_event(post: Post, ingest: str, client_for: Callable[..., APIClient], where: Any) -> None:
    bad = CLOUD | {"source": "no source"} | where
    assert post(ingest, bad, content_type="application/cloudevents+json").status_code == 400
    assert (
        post(ingest, [bad], path=BATCH, content_type="application/cloudevents-batch+json").status_code == 400
    )
    data = where.get("data", {})
    headers = {f"ce-{name}": value for name, value in bad.items() if name != "data"}
    assert client_for(ingest).post("/api/v1/events", data, format="json", headers=headers).status_code == 400
    assert [event_id for event_id, _, _ in letters()] == ["no source|1"] * 3


def test_a_strangers_cloud_event_is_not_kept(post: Post, ingest: str, rival: Tenant) -> None:
    for where in ({"tenantid": "rival"}, {"data": {"tenant_id": "rival"}}):
        bad = CLOUD | {"source": "no source"} | where
        assert post(ingest, bad, content_type="application/cloudevents+json").status_code == 400
    assert letters() == []


def test_only_so_much_of_an_event_is_kept(post: Post, ingest: str) -> None:
    post(ingest, event(user_id=None, metadata={"text": "é" * rejections.MAX_BYTES}))
    drain()
    letter = DeadLetter.objects.get()
    assert rejections.MAX_BYTES - 2 < len(letter.payload.encode()) <= rejections.MAX_BYTES
    assert letter.reason.endswith("(Only its first 65536 bytes are kept.)")


@pytest.mark.usefixtures("redis_away")
def test_without_redis_it_goes_straight_to_the_database(post: Post, ingest: str) -> None:
    assert post(ingest, batch(NO_USER), path=BATCH).status_code == 400
    assert DeadLetter.objects.get().event_id == "bad"


@pytest.mark.usefixtures("redis_away")
def test_the_sender_gets_the_same_answer_when_nothing_can_keep_it(post: Post, ingest: str) -> None:
    usual = post(ingest, NO_USER)
    DeadLetter.objects.all().delete()
    with mock.patch.object(DeadLetter.objects, "bulk_create", side_effect=DatabaseError("away")):
        answer = post(ingest, NO_USER)
    same = {"request_id": "", "status": answer.status_code}
    assert answer.json() | same == usual.json() | same | {"status": 400}
    assert letters() == []


@pytest.mark.full
@pytest.mark.django_db
def test_the_request_writes_nothing_and_an_entry_that_comes_again_makes_no_second_letter(
    post: Post, ingest: str, django_assert_num_queries: Any
) -> None:
    post(ingest, event())  # the key is known from now on
    drain()
    with django_assert_num_queries(0):
        post(ingest, as_bytes(batch(event(event_id="good"), NO_USER, NO_USER)), path=BATCH)
    queue.readers()[0].ensure_group()
    entries = queue.readers()[0].read("test", 10, block_ms=1)
    assert len(entries) == 2
    for _ in range(2):
        writer.apply(entries)
    queue.readers()[0].done([entry_id for entry_id, _ in entries])
    assert len(letters()) == 2
    assert settings.REDIS_URL
