"""A guest of a folder sees its products, and what these own, in every list, total, file and stream."""

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any, Final

import pytest

from accounts.models import ActivityEntry, Membership, Tenant, User
from accounts.principals import SYSTEM, user_principal
from accounts.services.tenants import member_of, member_set_role
from accounts.tests.listening import Client, in_database, play
from accounts.tests.outbox import happen
from accounts.tests.test_activity_stream import jwt
from inventory.models import FolderPermission, ResourceChange
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.folder_permissions import folder_permission_grant
from inventory.services.folders import folder_update
from inventory.services.products import product_update
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource
from inventory.tests.shops import DAY, Shops, open_shops, share
from tests.builders import make_user

API: Final = "/api/v1"


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def guest(acme: Tenant, shops: Shops) -> User:
    """Of Shops/Web, to view it."""
    found = make_user("guest", acme, Membership.Role.GUEST, email_verified=True)
    share(shops.web, found.email, "view")
    return found


@pytest.fixture
def see(client_for: Callable[..., Any], guest: User) -> Any:
    client = client_for(guest)

    def get(path: str, **query: Any) -> Any:
        answer = client.get(f"{API}{path}", query)
        assert answer.status_code == 200, answer.json()
        return answer.json()

    get.client = client  # type: ignore[attr-defined]
    return get


def test_lists(see: Any) -> None:
    assert [(row["name"], row["path"], row["parent_id"]) for row in see("/folders")] == [("Web", "Web", None)]
    assert [row["name"] for row in see("/products")] == ["Cart"]
    both = see("/folders/folders-and-products")
    assert ([len(both["folders"])], [row["name"] for row in both["products"]]) == ([1], ["Cart"])
    machines = see("/resources")
    assert ([row["resource_id"] for row in machines["items"]], machines["total"]) == (["i-cart"], 1)
    lines = see("/costs")
    assert ([row["billed_cost"] for row in lines["items"]], lines["total"]) == (["8", "1"], 2)
    assert see("/resources", filter="not exists product")["total"] == 0
    assert see("/resources", filter='product = "Ops/Mail"')["total"] == 0
    assert see("/resources", filter='folder = "Web"')["total"] == 1


def test_recommendations(see: Any) -> None:
    assert [row["description"] for row in see("/recommendations")] == ["on-i-cart"]


def test_totals_and_reports(see: Any, acme: Tenant) -> None:
    summary = see("/costs/summary", period="2026-03")
    assert (summary["total_cost"], summary["by_service"]) == ("9", {"EC2": "1", "S3": "8"})
    report = see("/costs/analytics", group_by="folder,product")
    assert [(item["group"], item["billed_cost"]) for item in report["items"]] == [
        ({"folder": "Web", "product": "Web/Cart"}, "9")
    ]
    assert report["totals"][0]["billed_cost"] == "9"
    load(acme, [bill("2026-05-07", 100, currency="JPY")], source="later")
    for path in ("showback", "analytics"):
        assert see(f"/costs/{path}", period="all", reporting_currency="EUR")["missing_rates"] == ["USD"]
    assert see("/costs/analytics")["complete_through"] == "2026-03-03"
    assert see("/costs/summary", period="monthly")["start"] == "2026-03-01"


def test_forecast_and_anomalies_know_of_nothing_else(see: Any, acme: Tenant) -> None:
    days = [f"2026-04-{day:02}" for day in range(1, 31)]
    mine = [bill(day, 3, resource_id="i-cart") for day in days]
    load(acme, [*mine, *(bill(day, 1000 if day == days[-1] else 50, service_name="SES") for day in days)])
    forecast = see("/costs/forecast", days=1)
    assert (forecast["history_days"], forecast["days"][0]["amount"]) == (30, "3")
    assert see("/costs/anomalies", start="2026-04-20")["items"] == []


def test_files(see: Any) -> None:
    def rows(path: str, **query: str) -> list[dict[str, str]]:
        answer = see.client.get(f"{API}{path}", query)
        return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert [row["resource_id"] for row in rows("/resources/export")] == ["i-cart"]
    assert [row["BilledCost"] for row in rows("/costs/export")] == ["8", "1"]
    assert [row["service_name"] for row in rows("/costs/export", format="csv")] == ["S3", "EC2"]
    report = rows("/costs/analytics", format="csv", group_by="service")
    assert [row["service"] for row in report] == ["S3", "EC2"]


def test_a_resource_shows_only_costs_that_are_theirs(see: Any, acme: Tenant, shops: Shops) -> None:
    lines = [bill(DAY, 1, resource_id="i-cart"), bill(DAY, 2, resource_id="i-cart", service_name="SES")]
    load(acme, lines)
    machine = see("/resources")["items"][0]["id"]
    assert [row["billed_cost"] for row in see(f"/resources/{machine}/costs")["items"]] == ["1"]
    assert see(f"/resources/{machine}/history")["total"] == 1
    assert ResourceChange.objects.count() == 2


def test_what_moves_away_is_gone_at_once(see: Any, shops: Shops) -> None:
    resources_bulk(by=SYSTEM.enter("acme"), sent=Sent([resource("cart", tags={"app": "ops"})]))
    assert see("/resources")["total"] == 0
    assert see("/costs")["total"] == 1  # what was given by hand
    product_update(by=SYSTEM.enter("acme"), product=shops.cart, changes={"folder_id": shops.ops.pk})
    assert (see("/costs")["total"], see("/products"), see("/costs/summary")["totals"]) == (0, [], {})
    folder_update(by=SYSTEM.enter("acme"), folder=shops.ops, changes={"parent_id": shops.web.pk})
    assert [row["path"] for row in see("/folders")] == ["Web", "Web/Ops"]
    assert (see("/costs")["total"], see("/resources")["total"]) == (3, 2)


def test_rights_end_at_once(see: Any, guest: User) -> None:
    FolderPermission.objects.filter(email=guest.email).delete()
    assert (see("/folders"), see("/resources")["total"], see("/costs")["total"]) == ([], 0, 0)


def test_no_right_before_the_address_is_proven(see: Any, guest: User) -> None:
    User.objects.filter(pk=guest.pk).update(email_verified=False)
    assert (see("/folders"), see("/products"), see("/resources")["total"]) == ([], [], 0)


def test_members_keep_their_sight(client_for: Any, member: User, shops: Shops) -> None:
    share(shops.web, member.email, "view")
    assert client_for(member).get(f"{API}/resources").json()["total"] == 2


def test_activity(see: Any, acme: Tenant, shops: Shops, guest: User) -> None:
    product_update(by=SYSTEM.enter("acme"), product=shops.cart, changes={"name": "Basket"})
    happen(acme, "budget.crossed")
    told = see("/activity")
    assert [(item["type"], item["payload"]["name"]) for item in told["items"]] == [
        ("folder.created", "Web"), ("product.created", "Cart"), ("product.given", "Cart"),
        ("product.updated", "Basket"),
    ]  # fmt: skip
    assert ActivityEntry.objects.for_tenant(acme).count() == 10
    folder_permission_grant(by=SYSTEM.enter("acme"), folder=shops.web, email="other@example.com")
    assert see("/activity")["items"] == told["items"]  # who else is let in is for those who manage it
    FolderPermission.objects.filter(email=guest.email).update(level="manage")
    assert see("/activity")["items"][-1]["payload"]["email"] == "other@example.com"
    FolderPermission.objects.filter(email=guest.email).update(level="view")
    after = see("/activity", since=told["next_since"])
    assert (after["items"], after["resync"]) == ([], False)


def test_the_stream(
    acme: Tenant,
    shops: Shops,
    guest: User,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One feed serves them all: the owner hears everything and a guest, who came first, what is theirs."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    owner, member = make_user("boss", acme, Membership.Role.OWNER), make_user("listener", acme)

    def deeds() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            happen(acme, "budget.crossed")
            product_update(by=SYSTEM.enter("acme"), product=shops.mail, changes={"name": "Letters"})
            product_update(by=SYSTEM.enter("acme"), product=shops.cart, changes={"name": "Basket"})
            changed = member_of(tenant=acme, user_id=member.pk)
            by = user_principal(owner).enter("acme")
            member_set_role(by=by, member=changed, role=Membership.Role.GUEST)

    async def scenario() -> None:
        async with (
            asyncio.timeout(30),
            Client(acme, authorization=jwt(guest)) as theirs,
            Client(acme, authorization=jwt(owner)) as all_of_it,
            Client(acme, authorization=jwt(member)) as no_more,
        ):  # fmt: skip
            assert (await theirs.next())["role"] == "guest"
            assert [(await client.next())["role"] for client in (all_of_it, no_more)] == ["owner", "member"]
            await in_database(deeds)
            assert [(await all_of_it.next())["type"] for _ in range(4)] == [
                "budget.crossed", "product.updated", "product.updated", "member.role_changed",
            ]  # fmt: skip
            told = await theirs.next()
            assert (told["type"], told["payload"]["name"]) == ("product.updated", "Basket")
            # It all came with the end of their membership, and so nothing of it is told any more.
            assert (await theirs.ping(), await no_more.ping()) == ([], [])

    monkeypatch.setattr("accounts.consumers.PING_SECONDS", 0.05)
    play(scenario)
