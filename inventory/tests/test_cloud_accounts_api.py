"""Cloud accounts over HTTP."""

from typing import Any

from accounts.models import ActivityEntry, AuditEntry, Tenant
from inventory.models import CloudAccount
from inventory.tests.rows import resource

URL = "/api/v1/cloud-accounts"
NEW = {"provider": "Amazon", "account_id": "123", "name": "Main"}


def test_an_account_is_made_changed_and_removed(api: Any, acme: Tenant) -> None:
    made = api.post(URL, NEW)
    assert made.status_code == 201
    body = made.json()
    assert (body["provider"], body["account_id"], body["name"], body["is_active"]) == (
        "aws",
        "123",
        "Main",
        True,
    )
    assert api.get(f"{URL}/{body['id']}").json() == body
    assert api.get(URL, {"provider": "aws"}).json()["items"] == [body]
    changed = api.patch(f"{URL}/{body['id']}", {"name": "", "is_active": False}).json()
    assert (changed["name"], changed["is_active"]) == ("", False)
    assert AuditEntry.objects.get(action="cloud_account.updated").changes["is_active"] == [True, False]
    assert api.delete(f"{URL}/{body['id']}").status_code == 204
    assert not CloudAccount.objects.exists()
    told = [f"cloud_account.{verb}" for verb in ("created", "updated", "deleted")]
    assert list(ActivityEntry.objects.order_by("seq").values_list("type", flat=True)) == told


def test_an_account_is_there_once(api: Any, rival: Tenant) -> None:
    CloudAccount.objects.create(tenant=rival, provider="aws", account_id="123")
    assert api.post(URL, NEW).status_code == 201
    assert api.post(URL, {**NEW, "provider": "aws"}).status_code == 409
    assert api.post(URL, {**NEW, "tenant_id": "rival"}).status_code == 403
    assert CloudAccount.objects.count() == 2


def test_an_account_in_use_is_not_removed(api: Any) -> None:
    api.post("/api/v1/resources/bulk", {"items": [resource(1, cloud_account_id="123")]})
    account = CloudAccount.objects.get()
    assert api.delete(f"{URL}/{account.pk}").status_code == 409
    assert CloudAccount.objects.exists()
    assert not ActivityEntry.objects.filter(type="cloud_account.deleted").exists()
