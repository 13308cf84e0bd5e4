"""Channels, revocation and ancestry over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Tenant
from builds.models import Build, Channel
from builds.tests.builders import make_build
from builds.tests.conftest import MADE_OF
from builds.tests.test_channels import delivered

Client = Callable[..., APIClient]


@pytest.fixture
def write(client_for: Client, key: Callable[..., str]) -> APIClient:
    return client_for(key("write"))


def assign(client: APIClient, **body: str) -> Any:
    return client.post("/api/v1/channels", body)


def test_a_channel_is_made_moved_listed_and_removed(acme: Tenant, write: APIClient, key: Any) -> None:
    one, two = delivered(acme, "one"), delivered(acme, "two")
    made = assign(write, name="production", build="one")
    assert made.status_code == 201
    assert made.json()["build"]["id"] == str(one.pk)
    assert [made.json()[n] for n in ("platform", "os_version", "image_type", "project", "is_managed")] == [
        "aws-commercial", "rhel-8.8", "base", None, False,
    ]  # fmt: skip
    moved = assign(write, name="production", build=str(two.pk))
    assert (moved.status_code, moved.json()["id"]) == (200, made.json()["id"])
    path = f"/api/v1/channels/{made.json()['id']}"
    assert [row["build"]["build_id"] for row in write.get(f"{path}/history").json()["items"]] == [
        "two",
        "one",
    ]
    found = write.get("/api/v1/channels?name=production&platform=aws-commercial&image_type=base").json()
    assert [(row["name"], row["build"]["build_id"]) for row in found["items"]] == [("production", "two")]
    assert write.get("/api/v1/channels?image_type=hana").json()["total"] == 0
    assert write.delete(path).status_code == 403
    admin = APIClient()
    admin.credentials(HTTP_X_API_KEY=key("admin"))
    assert admin.delete(path).status_code == 204
    assert [row.name for row in Channel.objects.all()] == ["latest"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "latest", "build": "done"}, 409, "channel_managed"),
        ({"name": "production", "build": "running"}, 409, "version_not_assignable"),
        ({"name": "production", "build": "nobody"}, 400, None),
        ({"name": "Not A Slug", "build": "done"}, 400, None),
        ({"name": "production"}, 400, None),
    ],
)
def test_refusals(
    acme: Tenant, write: APIClient, body: dict[str, str], status: int, code: str | None
) -> None:
    delivered(acme, "done")
    make_build(acme, "running")
    answer = assign(write, **body)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert not Channel.objects.filter(is_managed=False).exists()


def test_a_stranger_cannot_point_at_a_build(acme: Tenant, client_for: Client, stranger_key: str) -> None:
    build = delivered(acme, "one")
    for name in ("one", str(build.pk)):
        assert assign(client_for(stranger_key), name="production", build=name).status_code == 400
    assert client_for(stranger_key).post(f"/api/v1/builds/{build.pk}/revoke").status_code == 404


def test_revocation_and_ancestry(acme: Tenant, write: APIClient, client_for: Client, key: Any) -> None:
    base = delivered(acme, "base")
    web = delivered(acme, "web", image_type="webserver", parent=base)
    path = f"/api/v1/builds/{web.pk}"

    def ancestry(build: Build) -> dict[str, Any]:
        found: dict[str, Any] = write.get(f"/api/v1/builds/{build.pk}/ancestry").json()
        return {
            **found,
            **{lst: [row["build_id"] for row in found[lst]] for lst in ("parents", "children")},
        }

    told = ancestry(web)
    assert (told["status"], told["parents"], told["children_count"]) == ("up_to_date", ["base"], 0)
    delivered(acme, "base-2")
    assert ancestry(web)["status"] == "out_of_date"
    told = ancestry(base)
    assert (told["status"], told["children"], told["children_count"]) == ("undetermined", ["web"], 1)

    assert client_for(key("build")).post(f"{path}/revoke").status_code == 403
    first = write.post(f"/api/v1/builds/{base.pk}/revoke", {"reason": "CVE-2026-1"}).json()
    assert (first["changed"], first["revoked_because"], first["revoked_with"]) == (True, "CVE-2026-1", None)
    web.refresh_from_db()
    assert web.revoked_with == base
    again = write.post(f"/api/v1/builds/{base.pk}/revoke").json()
    assert (again["changed"], again["revoked_because"]) == (False, "CVE-2026-1")
    refused = write.post(f"{path}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "parent_revoked")
    assert write.post(f"/api/v1/builds/{base.pk}/restore").json()["revoked_at"] is None


def test_a_build_is_announced_with_its_parent(acme: Tenant, rival: Tenant, write: APIClient) -> None:
    base = delivered(acme, "base")
    delivered(rival, "foreign")
    body = {**MADE_OF, "image_type": "cache", "build_id": "web"}
    assert write.post("/builds", {**body, "parent": "foreign"}).status_code == 400
    made = write.post("/builds", {**body, "parent": "base"})
    assert made.status_code == 201
    assert write.get(f"/builds/{made.json()['id']}").json()["parent"] == str(base.pk)
    assert write.post("/builds", {**body, "parent": str(base.pk)}).status_code == 200
    assert write.post("/builds", body).json()["code"] == "duplicate_build"
    write.post(f"/builds/{base.pk}/revoke")
    refused = write.post("/builds", {**body, "build_id": "web-2", "parent": "base"})
    assert (refused.status_code, refused.json()["code"]) == (409, "parent_revoked")
    assert write.post("/builds", {**body, "parent": "base"}).status_code == 200
    assert not Build.objects.filter(build_id="web-2").exists()


def test_queries_of_the_list_do_not_grow(
    acme: Tenant, write: APIClient, django_assert_max_num_queries: Any
) -> None:
    build = delivered(acme, "one")
    assign(write, name="a", build="one")
    write.get("/api/v1/channels")
    with django_assert_max_num_queries(8) as few:
        write.get("/api/v1/channels")
    line = {name: getattr(build, name) for name in ("tenant", "platform", "os_version", "image_type")}
    Channel.objects.bulk_create([Channel(name=f"c-{n}", build=build, **line) for n in range(15)])
    with django_assert_max_num_queries(len(few)):
        assert write.get("/api/v1/channels").json()["total"] == 17
