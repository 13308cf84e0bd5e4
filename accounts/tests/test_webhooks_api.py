"""Webhooks over HTTP and in the back office: the admins' own, the secret shown once, messages sent again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, AuditEntry, Delivery, Tenant, User, Webhook
from accounts.principals import SYSTEM
from accounts.services.logs import record
from accounts.services.sending import deliveries_sweep
from accounts.services.webhooks import MOST
from accounts.signing import unseal
from accounts.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]
Hook = tuple[Webhook, str]
URL = "https://hooks.example.com/t/secret-path"


def test_the_secret_is_shown_once(client_for: Client, owner: User, acme: Tenant) -> None:
    body = {"url": URL, "events": ["api_key.*", "alert.fired"], "description": "pager"}
    answer = client_for(owner).post("/webhooks", body, format="json")
    assert answer.status_code == 201, answer.content
    assert answer["Cache-Control"] == "no-store"
    row = Webhook.objects.get()
    secret = answer.json()["secret"]
    assert (row.tenant, row.url, unseal(row.secret)) == (acme, URL, secret)
    path = f"/webhooks/{row.pk}"
    changed = client_for(owner).patch(path, {"description": "phone"}, format="json")
    assert (changed.status_code, changed.json()["description"]) == (200, "phone")
    for kept in (
        client_for(owner).get("/webhooks").content.decode(),
        client_for(owner).get(path).content.decode(),
        changed.content.decode(),
        *map(str, AuditEntry.objects.values()),
        *map(str, ActivityEntry.objects.values()),
    ):
        assert secret not in kept
        assert row.secret not in kept
    assert client_for(owner).get(path).json() == {
        "id": str(row.pk),
        "url": URL,
        "events": ["api_key.*", "alert.fired"],
        "description": "phone",
        "is_active": True,
        "failures": 0,
        "resting_until": None,
        "previous_secret_until": None,
        "created_at": changed.json()["created_at"],
        "updated_at": changed.json()["updated_at"],
    }


def test_the_log_tells_the_host_alone(client_for: Client, owner: User) -> None:
    client = client_for(owner)
    made = client.post("/webhooks", {"url": URL}, format="json").json()
    other = "https://other.example.com/secret-path"
    assert client.patch(f"/webhooks/{made['id']}", {"url": other}, format="json").status_code == 200
    assert client.delete(f"/webhooks/{made['id']}").status_code == 204
    types = list(ActivityEntry.objects.order_by("seq").values_list("type", flat=True))
    assert types == ["webhook.created", "webhook.updated", "webhook.deleted"]
    updated = AuditEntry.objects.get(action="webhook.updated")
    assert updated.changes == {"url": ["hooks.example.com", "other.example.com"]}
    for rows in (AuditEntry, ActivityEntry):
        assert "secret-path" not in str(list(rows.objects.values()))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["*.created"]}, "events"),
        ({"url": URL, "events": ["API"]}, "events"),
        ({"url": URL, "events": ["a"] * 51}, "events"),
        ({"url": URL, "events": "*"}, "events"),
    ],
)
def test_what_is_wrong_is_named(client_for: Client, owner: User, body: dict[str, Any], field: str) -> None:
    answer = client_for(owner).post("/webhooks", body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Webhook.objects.exists()


def test_a_tenant_has_only_so_many(client_for: Client, owner: User, acme: Tenant, rival: Tenant) -> None:
    for tenant in (acme, rival):
        Webhook.objects.bulk_create(Webhook(tenant=tenant, url=URL) for _ in range(MOST - 1))
    codes = [client_for(owner).post("/webhooks", {"url": URL}, format="json").status_code for _ in range(2)]
    assert codes == [201, 409]
    assert Webhook.objects.for_tenant(acme).count() == MOST


def test_only_admins_deal_with_webhooks(
    client_for: Client, key: Key, member: User, viewer: User, hook: Hook
) -> None:
    path = f"/webhooks/{hook[0].pk}"
    for who in (member, viewer, key("write"), key("read"), key("ingest")):
        client = client_for(who)
        codes = [client.get(url).status_code for url in ("/webhooks", path, f"{path}/deliveries")]
        codes += [client.post(url).status_code for url in (f"{path}/test", f"{path}/rotate-secret")]
        codes += [client.post("/webhooks", {"url": URL}, format="json").status_code]
        codes += [client.patch(path, {"is_active": False}, format="json").status_code]
        codes += [client.delete(path).status_code]
        assert codes == [403] * 8
    assert Webhook.objects.get().is_active


def test_a_test_message_and_what_became_of_it(
    client_for: Client, owner: User, hook: Hook, receiver: Receiver
) -> None:
    """It comes whatever the events are."""
    client, path = client_for(owner), f"/webhooks/{hook[0].pk}"
    Webhook.objects.update(events=["nothing.else"])
    receiver.answers.append((500, {}))
    sent = client.post(f"{path}/test")
    assert (sent.status_code, sent.json()["state"]) == (202, "pending")
    assert sent.json()["next_attempt_at"]
    deliveries_sweep()
    (listed,) = client.get(f"{path}/deliveries").json()["items"]
    assert listed["id"] == sent.json()["id"] == receiver.got[0].headers["webhook-id"]
    assert receiver.got[0].is_signed_with(hook[1])
    assert (listed["event_type"], listed["state"], listed["attempts"]) == ("webhook.test", "pending", 1)
    assert (listed["last_status"], listed["last_error"]) == (500, "It answered 500.")
    assert client.get(f"{path}/deliveries?state=failed").json()["total"] == 0
    client.patch(path, {"is_active": False}, format="json")
    assert client.post(f"{path}/test").status_code == 409


def test_a_message_is_sent_once_more(client_for: Client, owner: User, hook: Hook, receiver: Receiver) -> None:
    client, path = client_for(owner), f"/webhooks/{hook[0].pk}"
    sent = client.post(f"{path}/test").json()
    again = f"{path}/deliveries/{sent['id']}/redeliver"
    assert client.post(again).status_code == 409
    deliveries_sweep()
    assert client.get(f"{path}/deliveries").json()["items"][0]["next_attempt_at"] is None
    moved = receiver.url.replace("hook", "moved")
    client.patch(path, {"url": moved}, format="json")
    answer = client.post(again)
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (202, "pending", 0)
    deliveries_sweep()
    first, second = receiver.got
    assert (first.path, second.path) == ("/hook?a=b", "/moved?a=b")
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert Delivery.objects.get().state == "delivered"
    assert AuditEntry.objects.filter(action="delivery.redelivered").count() == 1


def test_what_waits_follows_the_url_and_ends_with_the_webhook(
    client_for: Client, owner: User, acme: Tenant, hook: Hook, receiver: Receiver
) -> None:
    client, path = client_for(owner), f"/webhooks/{hook[0].pk}"
    with transaction.atomic():
        record(tenant=acme, type="test.done", by=SYSTEM, payload={})
    client.patch(path, {"url": receiver.url.replace("hook", "moved")}, format="json")
    assert Delivery.objects.get().target.endswith("/moved?a=b")
    client.patch(path, {"events": ["*"]}, format="json")
    Delivery.objects.filter(event_type="webhook.updated").delete()
    assert client.delete(path).status_code == 204
    deliveries_sweep()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error) == ("failed", "The webhook was deleted.")
    assert (delivery.webhook, receiver.got) == (None, [])
    assert client.get(f"{path}/deliveries").status_code == 404


def test_activating_it_again_forgets_its_failures(client_for: Client, owner: User, hook: Hook) -> None:
    Webhook.objects.update(is_active=False, failures=10)
    answer = client_for(owner).patch(f"/webhooks/{hook[0].pk}", {"is_active": True}, format="json")
    assert (answer.json()["is_active"], answer.json()["failures"]) == (True, 0)


def test_a_rotated_secret(client_for: Client, owner: User, hook: Hook) -> None:
    webhook, old = hook
    path = f"/webhooks/{webhook.pk}/rotate-secret"
    answer = client_for(owner).post(path, {"overlap_seconds": 60}, format="json")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    webhook.refresh_from_db()
    assert unseal(webhook.secret) == answer.json()["secret"] != old
    assert unseal(webhook.previous_secret) == old
    assert client_for(owner).post(path, {"overlap_seconds": 8 * 86_400}, format="json").status_code == 400


def test_the_back_office(staff: User, acme: Tenant, receiver: Receiver) -> None:
    office = Browser()
    office.force_login(staff)

    def page(model: str, name: str, *args: Any) -> str:
        return reverse(f"admin:accounts_{model}_{name}", args=args)

    def act(model: str, action: str, row: Any) -> Any:
        data = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes"}
        return office.post(page(model, "changelist"), data)

    form = {"tenant": acme.pk, "url": receiver.url, "events": '["test.*"]', "is_active": "on"}
    made = office.post(page("webhook", "add"), form).content.decode()
    webhook = Webhook.objects.get()
    secret = made.partition('<code id="secret">')[2].partition("</code>")[0]
    assert unseal(webhook.secret) == secret
    office.post(page("webhook", "change", webhook.pk), {**form, "description": "x"})
    webhook.refresh_from_db()
    assert webhook.description == "x"
    act("webhook", "test", webhook)
    deliveries_sweep()
    act("delivery", "redeliver", Delivery.objects.get())
    deliveries_sweep()
    assert [message.is_signed_with(secret) for message in receiver.got] == [True, True]
    act("webhook", "remove", webhook)
    assert not Webhook.objects.exists()
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "webhook.created", "webhook.updated", "webhook.tested", "delivery.redelivered", "webhook.deleted",
    ]  # fmt: skip
