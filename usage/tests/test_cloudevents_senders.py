"""CloudEvents over HTTP: who may send them for whom, how large, what is one event, and how to look it up."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import Tenant, User
from usage.models import UsageEvent
from usage.tests.conftest import Post
from usage.tests.documents import BATCHED, STRUCTURED, as_bytes, cloud_event, event, in_headers

pytestmark = pytest.mark.django_db
Client = Callable[..., Any]
Key = Callable[..., str]
Stored = Callable[[Tenant], list[UsageEvent]]


def test_an_event_of_64_kib_is_taken_in_each_mode(send: Post, acme: Tenant, stored: Stored) -> None:
    data = {"metadata": {"note": "x" * 65_536}}
    assert send(cloud_event(data=data)).status_code == 202
    assert send([cloud_event(id="b", data=data)], BATCHED).status_code == 202
    assert send(data, "application/json", **in_headers(id="c")).status_code == 202
    assert len(stored(acme)) == 3


def test_what_is_too_large(send: Post, settings: Any, acme: Tenant, stored: Stored) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for body, content_type in ((cloud_event(ext="x" * 1000), STRUCTURED), (b"[%b]" % (b" " * 1000), BATCHED)):
        answer = send(body, content_type)
        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
    assert stored(acme) == []


def test_source_and_id_are_the_identity(send: Post, acme: Tenant, stored: Stored) -> None:
    for source, name in (("/a", "1"), ("/a", "1"), ("/b", "1"), ("/a", "2")):
        assert send(cloud_event(source=source, id=name)).status_code == 202
    assert sorted(row.event_id for row in stored(acme)) == ["/a|1", "/a|2", "/b|1"]


def test_who_may_send_for_whom(
    client_for: Client, key: Key, stranger_key: str, owner: User, staff: User, acme: Tenant, stored: Stored
) -> None:
    def post(who: Any, body: Any, content_type: str = STRUCTURED, **headers: str) -> int:
        client = client_for(who, **headers)
        status: int = client.generic("POST", "/events", as_bytes(body), content_type).status_code
        return status

    assert post(None, cloud_event()) == 401
    assert post(key("read"), cloud_event()) == 403
    assert post(key("read"), [], BATCHED) == 403
    assert post(stranger_key, cloud_event(tenantid="acme")) == 403
    assert post(stranger_key, cloud_event(data={"tenant_id": "acme"})) == 403
    assert post(staff, cloud_event()) == 400
    assert stored(acme) == []
    assert post(staff, cloud_event(id="1", tenantid="acme")) == 202
    assert post(staff, cloud_event(id="2"), x_tenant_id="acme") == 202
    assert post(owner, cloud_event(id="3")) == 202
    assert sorted(row.event_id for row in stored(acme)) == ["/vms/7|1", "/vms/7|2", "/vms/7|3"]


@pytest.mark.parametrize("path", ["/events", "/api/v1/events/batch"])
def test_the_handshake_of_webhooks(client_for: Client, key: Key, path: str) -> None:
    answer = client_for(key("ingest"), webhook_request_origin="events.example.com").options(path)
    assert (answer.status_code, answer["WebHook-Allowed-Origin"]) == (200, "events.example.com")
    assert answer["WebHook-Allowed-Rate"] == "1000"
    assert client_for(None, webhook_request_origin="events.example.com").options(path).status_code == 401
    assert "WebHook-Allowed-Origin" not in client_for(key("ingest")).options(path)


@pytest.mark.parametrize(
    "event_id",
    ["a/b", "/a", "a//b", "a/", "a//", "batch", "batch/b", "a\nb", "a b?c#d%2Fe", "https://a.b/c|1"],
)
@pytest.mark.parametrize("root", ["", "/api/v1"])
def test_every_id_can_be_looked_up(
    post: Post, client_for: Client, key: Key, acme: Tenant, stored: Stored, event_id: str, root: str
) -> None:
    assert post(key("ingest"), event(event_id=event_id)).status_code == 202
    assert len(stored(acme)) == 1
    reader = client_for(key("read"))
    for path in (quote(event_id, safe=""), quote(event_id)):
        answer = reader.get(f"{root}/events/{path}")
        assert (answer.status_code, answer.json().get("event_id")) == (200, event_id), answer.content
        assert answer.json()["event"]["event_id"] == event_id
    assert client_for(key("ingest")).get(f"{root}/events/{path}").status_code == 403
    assert client_for(None).get(f"{root}/events/{path}").status_code == 401
