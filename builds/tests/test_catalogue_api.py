"""The catalogue over HTTP: shared rows are read by all, a tenant's own are its own."""

from typing import Any

import pytest

from accounts.models import AuditEntry, Tenant, User
from builds.models import Build, OsVersion, Platform
from builds.tests.conftest import MADE_OF

pytestmark = pytest.mark.django_db
CLOUD = {"name": "Our cloud", "cloud_provider": "own", "region": "cellar"}


def test_shared_rows_are_read_and_not_written(api: Any) -> None:
    body = api.get("/platforms").json()
    assert (body["total"], body["limit"]) == (9, 100)
    assert api.get("/os_versions?limit=3").json()["total"] == 10
    assert api.get("/image_types").json()["total"] == 9
    one = api.get("/platforms/aws-commercial").json()
    assert (one["shared"], one["region"], one["is_active"]) == (True, "us-east-1", True)
    assert api.get(f"/platforms/{one['id']}").json() == one
    assert api.put("/platforms/aws-commercial", {"region": "x"}).status_code == 403
    assert api.post("/platforms", {**CLOUD, "shared": True}).status_code == 403
    assert Platform.objects.get(slug="aws-commercial").region == "us-east-1"


def test_a_tenant_adds_retires_and_brings_back_its_own(client_for: Any, key: Any, stranger_key: str) -> None:
    api, stranger = client_for(key("admin")), client_for(stranger_key)
    answer = api.post("/platforms", CLOUD)
    assert (answer.status_code, answer.json()["slug"], answer.json()["shared"]) == (201, "our-cloud", False)
    assert api.post("/platforms", CLOUD).status_code == 409
    assert api.post("/platforms", {**CLOUD, "slug": "azure"}).status_code == 409
    assert api.post("/os_versions", {"name": "Debian", "version": "12.5"}).json()["slug"] == "debian-12.5"
    assert stranger.get("/platforms/our-cloud").status_code == 404
    assert stranger.post("/platforms", CLOUD).status_code == 201
    made = api.post("/builds", {**MADE_OF, "platform": "our-cloud", "build_id": "b"}).json()
    assert api.delete("/platforms/our-cloud").json()["code"] == "in_use"
    api.post(f"/builds/{made['id']}/state", {"state_code": 100})
    assert api.delete("/platforms/our-cloud").status_code == 204
    assert api.get("/platforms").json()["total"] == 9
    assert api.get("/platforms?include_deactivated=true").json()["total"] == 10
    assert api.get("/platforms/our-cloud").json()["deactivated_at"] is not None
    refused = api.post("/builds", {**MADE_OF, "platform": "our-cloud", "build_id": "c"})
    assert (refused.status_code, refused.json()["code"]) == (409, "inactive_reference")
    assert api.patch("/platforms/our-cloud", {"is_active": True}).json()["is_active"] is True
    assert api.post("/builds", {**MADE_OF, "platform": "our-cloud", "build_id": "c"}).status_code == 201


def test_a_slug_that_looks_like_an_id_is_found(api: Any) -> None:
    slug = "0" * 31 + "1"
    assert api.post("/platforms", {**CLOUD, "slug": slug}).status_code == 201
    assert api.get(f"/platforms/{slug}").json()["slug"] == slug
    assert api.post("/builds", {**MADE_OF, "platform": slug, "build_id": "b"}).status_code == 201


def test_the_platform_writes_the_shared_rows(client_for: Any, staff: User, acme: Tenant) -> None:
    api = client_for(staff, x_tenant_id="acme")
    answer = api.post("/os_versions", {"name": "Debian", "version": "12", "shared": True})
    assert (answer.status_code, answer.json()["shared"]) == (201, True)
    assert OsVersion.objects.get(slug="debian-12").tenant is None
    assert api.put("/os_versions/debian-12", {"version": "12.5"}).json()["version"] == "12.5"
    assert AuditEntry.objects.get(action="os_version.updated").changes == {"version": ["12", "12.5"]}


@pytest.mark.parametrize("part", ["platform", "os_version", "image_type", "project"])
def test_a_part_that_nobody_knows_is_named(api: Any, part: str) -> None:
    answer = api.post("/builds", {**MADE_OF, "build_id": "b", part: "nothing"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, part)
    assert not Build.objects.exists()


def test_a_build_is_announced_once(api: Any, build: str) -> None:
    again = api.post("/builds", {**MADE_OF, "build_id": "build-1"})
    assert (again.status_code, again.json()["status"]) == (200, "existing")
    assert build.endswith(again.json()["id"])
    other = api.post("/builds", {**MADE_OF, "build_id": "build-1", "image_type": "hana"})
    assert (other.status_code, other.json()["code"]) == (409, "duplicate_build")
    assert Build.objects.count() == 1


def test_projects_have_parents_and_no_circles(api: Any) -> None:
    assert api.post("/projects", {"name": "Golden", "template": "framework"}).status_code == 201
    assert api.post("/projects", {"name": "Silver", "parent": "golden"}).json()["parent"] == "golden"
    assert api.put("/projects/golden", {"parent": "silver"}).status_code == 400
    assert api.put("/projects/golden", {"template": "nothing"}).status_code == 400
    names = [row["name"] for row in api.get("/projects/golden/state-codes").json()["items"]]
    assert (len(names), names[1]) == (21, "Kickstart started")
