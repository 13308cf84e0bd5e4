"""Webhooks in the console: made, tried out, changed, paused, and their messages sent again."""

from typing import Any

import pytest
from django.db import transaction

from accounts.models import Delivery, Tenant, User, Webhook
from accounts.principals import SYSTEM
from accounts.services.webhooks import webhook_create, webhook_test
from accounts.signing import unseal
from tests.browser import Page, browser

WEBHOOKS = "/console/webhooks"
URL = "https://hooks.example.com/t/path"


@pytest.fixture
def webhook(acme: Tenant) -> Webhook:
    return webhook_create(by=SYSTEM, tenant=acme, url=URL, events=["build.*"], description="pager")[0]


def sent(webhook: Webhook, **fields: Any) -> Delivery:
    """A message to it, as it stands after `fields`."""
    with transaction.atomic():
        message = webhook_test(by=SYSTEM, webhook=webhook)
    Delivery.objects.filter(pk=message.pk).update(**fields)
    message.refresh_from_db()
    return message


def test_a_secret_is_shown_once(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    assert "No webhooks yet" in client.get(WEBHOOKS).content.decode()
    form = {"url": URL, "events": "build.*, alert.raised", "description": "pager"}
    html = client.post(WEBHOOKS, form).content.decode()
    webhook = Webhook.objects.get()
    secret = unseal(webhook.secret)
    assert f'<code id="secret">{secret}</code>' in html
    assert (webhook.tenant, webhook.events) == (acme, ["build.*", "alert.raised"])
    for path in (WEBHOOKS, f"{WEBHOOKS}/{webhook.pk}"):
        page = client.get(path)
        assert secret not in page.content.decode()
        assert Page(page).elements["h1"] == 1
    assert secret not in str(dict(client.session))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": ""}, "This field is required"),
        ({"url": "http://127.0.0.1/x"}, "https"),
        ({"events": "Not A Type"}, "is not an event type"),
    ],
)
def test_a_wrong_form_makes_nothing_and_says_why(owner: User, changes: dict[str, str], says: str) -> None:
    response = browser(owner).post(WEBHOOKS, {"url": URL, "events": "*", **changes})
    assert response.status_code == 400
    assert says in response.content.decode()
    assert not Webhook.objects.exists()


def test_a_test_message_is_followed_until_it_ended(owner: User, webhook: Webhook) -> None:
    client, path = browser(owner), f"{WEBHOOKS}/{webhook.pk}"
    assert "No messages yet" in client.get(path).content.decode()
    html = client.post(path, {"do": "test"}, follow=True).content.decode()
    assert "webhook.test" in html
    assert f'hx-get="{path}" hx-trigger="every 2s"' in html
    assert "Send again" not in html
    Delivery.objects.update(state="failed", attempts=3, last_status=500, last_error="no <good>")
    part = client.get(path, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert "every 2s" not in part
    for text in ("failed", "500", "no &lt;good&gt;", "Send again"):
        assert text in part


def test_an_ended_message_is_sent_again_and_a_pending_one_is_not(owner: User, webhook: Webhook) -> None:
    message = sent(webhook, state="failed", attempts=3)
    client, path = browser(owner), f"{WEBHOOKS}/{webhook.pk}/messages/{message.pk}"
    assert client.get(path).status_code == 405
    assert "sent once more" in client.post(path, follow=True).content.decode()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 0)
    again = client.post(path)
    assert again.status_code == 409
    assert "It is pending" in again.content.decode()


def test_it_is_changed_paused_and_activated(owner: User, webhook: Webhook) -> None:
    client, path = browser(owner), f"{WEBHOOKS}/{webhook.pk}"
    Webhook.objects.update(failures=4)
    form = {"do": "save", "url": f"{URL}/2", "events": "*", "description": ""}
    assert "is saved" in client.post(path, form, follow=True).content.decode()
    webhook.refresh_from_db()
    assert (webhook.url, webhook.events, webhook.description) == (f"{URL}/2", ["*"], "")
    assert "is paused" in client.post(path, {"do": "pause"}, follow=True).content.decode()
    refused = client.post(path, {"do": "test"})
    assert refused.status_code == 409
    assert "activate it first" in refused.content.decode()
    assert "is active" in client.post(path, {"do": "pause"}, follow=True).content.decode()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.failures) == (True, 0)
    assert not Delivery.objects.filter(event_type="webhook.test").exists()


def test_a_new_secret_is_shown_once_and_the_old_one_goes_on_for_a_day(owner: User, webhook: Webhook) -> None:
    old = unseal(webhook.secret)
    html = browser(owner).post(f"{WEBHOOKS}/{webhook.pk}", {"do": "rotate"}).content.decode()
    webhook.refresh_from_db()
    new = unseal(webhook.secret)
    assert f'<code id="secret">{new}</code>' in html
    assert unseal(webhook.previous_secret) == old != new
    assert "signed with the old secret too" in html


def test_it_is_deleted(owner: User, webhook: Webhook) -> None:
    message = sent(webhook)
    html = browser(owner).post(f"{WEBHOOKS}/{webhook.pk}", {"do": "delete"}, follow=True).content.decode()
    assert "pager is deleted" in html
    message.refresh_from_db()
    assert (Webhook.objects.count(), message.state) == (0, "failed")


def test_older_messages_follow(owner: User, webhook: Webhook) -> None:
    for _ in range(27):
        sent(webhook, state="delivered")
    client, path = browser(owner), f"{WEBHOOKS}/{webhook.pk}"
    first = client.get(path).context["page"]
    second = client.get(f"{path}?{first.following}").context["page"]
    rows = [row.pk for row in (*first.rows, *second.rows)]
    assert (len(first.rows), len(set(rows))) == (25, 27)


def test_only_admins_of_the_tenant_manage_webhooks(
    webhook: Webhook, member: User, viewer: User, stranger: User
) -> None:
    message = sent(webhook)
    paths = (f"{WEBHOOKS}/{webhook.pk}", f"{WEBHOOKS}/{webhook.pk}/messages/{message.pk}")
    for person, status in ((member, 403), (viewer, 403), (stranger, 404)):
        for path in paths:
            assert browser(person).post(path, {"do": "delete"}).status_code == status
    assert browser(member).get(WEBHOOKS).status_code == 403
    assert WEBHOOKS not in browser(member).get("/console/").content.decode()
    assert URL not in browser(stranger).get(WEBHOOKS).content.decode()
    assert Webhook.objects.filter(is_active=True).count() == 1
