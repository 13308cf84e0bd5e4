"""Keys made, rotated and revoked in the console."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import InvalidApiKey
from accounts.keyring import keyring
from accounts.models import ApiKey, Tenant, User
from tests.browser import browser
from tests.builders import make_key

KEYS = "/console/keys"


def text_in(html: str) -> str:
    return html.partition('<code id="key">')[2].partition("</code>")[0]


def test_a_new_key_is_shown_once_with_a_call_that_uses_it(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    html = client.post(KEYS, {"name": "Billing job", "scope": "ingest", "days": "30"}).content.decode()
    text = text_in(html)
    key = ApiKey.objects.get()
    principal = keyring.principal(text)
    assert (principal.tenant, principal.scopes, key.created_by) == (acme, frozenset({"ingest"}), owner)
    assert key.expires_at is not None
    assert timedelta(days=29, hours=23) < key.expires_at - timezone.now() <= timedelta(days=30)
    assert f"X-API-Key: {text}" in html
    assert '"tenant_id": "acme"' in html
    assert text not in client.get(KEYS).content.decode()
    assert text not in str(dict(client.session))


def test_a_form_that_is_wrong_makes_nothing_and_says_why(owner: User) -> None:
    html = browser(owner).post(KEYS, {"name": "", "scope": "everything"}).content.decode()
    assert "This field is required" in html
    assert "Select a valid choice" in html
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("person", ["member", "viewer"])
def test_only_admins_manage_keys(request: pytest.FixtureRequest, acme: Tenant, person: str) -> None:
    key, _ = make_key(acme, "read")
    client = browser(request.getfixturevalue(person))
    for path in (KEYS, "/console/members"):
        assert client.get(path).status_code == 403
        assert path not in client.get("/console/").content.decode()
    for path in ("", f"/{key.pk}/revoke", f"/{key.pk}/rotate"):
        assert client.post(f"{KEYS}{path}", {"name": "x", "scope": "read"}).status_code == 403
    key.refresh_from_db()
    assert (ApiKey.objects.count(), key.revoked_at, key.expires_at) == (1, None, None)


def test_revoking_takes_a_post_and_ends_the_key(
    acme: Tenant, owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    key, text = make_key(acme, "read")
    client = browser(owner)
    assert client.get(f"{KEYS}/{key.pk}/revoke").status_code == 405
    assert keyring.principal(text).tenant == acme
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"{KEYS}/{key.pk}/revoke").headers["Location"] == KEYS
    assert "is revoked" in client.get(KEYS).content.decode()
    with pytest.raises(InvalidApiKey):
        keyring.principal(text)


def test_rotating_gives_a_new_key_and_the_old_one_its_overlap(acme: Tenant, owner: User) -> None:
    key, text = make_key(acme, "write")
    client = browser(owner)
    assert client.get(f"{KEYS}/{key.pk}/rotate").status_code == 405
    html = client.post(f"{KEYS}/{key.pk}/rotate", {"overlap": "3600"}).content.decode()
    assert keyring.principal(text_in(html)).tenant == keyring.principal(text).tenant == acme
    key.refresh_from_db()
    assert key.expires_at is not None
    assert timedelta(minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=1)


def test_an_ended_key_cannot_be_rotated(acme: Tenant, owner: User) -> None:
    key, _ = make_key(acme, "write", revoked_at=timezone.now())
    response = browser(owner).post(f"{KEYS}/{key.pk}/rotate")
    assert response.status_code == 409
    assert "create a new one" in response.content.decode()
    assert ApiKey.objects.count() == 1


def test_another_tenants_key_is_not_there(acme: Tenant, stranger: User) -> None:
    key, text = make_key(acme, "read")
    for verb in ("revoke", "rotate"):
        assert browser(stranger).post(f"{KEYS}/{key.pk}/{verb}").status_code == 404
    assert keyring.principal(text).tenant == acme
    assert ApiKey.objects.count() == 1
