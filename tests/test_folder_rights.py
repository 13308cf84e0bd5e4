"""Who gets what answer where: every endpoint, by role in the tenant and right in a folder.

`Shops/Web` is shared, `Shops` above it and `Ops` beside it are not (see inventory/tests/shops.py).
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.models import Membership, Tenant, User
from accounts.principals import SYSTEM
from inventory.services.folders import folder_create
from inventory.tests.rows import cost, resource
from inventory.tests.shops import Shops, open_shops, share
from tests.builders import make_key, make_user
from tests.test_strangers import OPERATIONS

Role = Membership.Role
EVENT: Final = {
    "tenant_id": "acme", "user_id": "u", "service_type": "compute", "service_provider": "aws",
    "event_type": "vm",
}  # fmt: skip
PEOPLE: Final = {
    # name  role in acme, right in the folder
    "own": (Role.OWNER, None, None),
    "mem": (Role.MEMBER, None, None),
    "vie": (Role.VIEWER, None, None),
    "v+e": (Role.VIEWER, "web", "edit"),
    "see": (Role.GUEST, "web", "view"),
    "edi": (Role.GUEST, "web", "edit"),
    "man": (Role.GUEST, "web", "manage"),
    "oth": (Role.GUEST, "ops", "manage"),
    "non": (Role.GUEST, None, None),
    "unp": (Role.GUEST, "web", "manage"),  # whose address nobody has verified
}  # fmt: skip
# `key` is one of acme that reads, `ing` one that only sends, `str` owns another tenant.
TABLE: Final = """
call                                         body     own mem vie v+e see edi man oth non unp key ing str
GET    /folders                              -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /folders/folders-and-products         -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /folders/{web}                        -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /folders/{shops}                      -        200 200 200 200 404 404 404 404 404 404 200 403 403
POST   /folders                              named    201 201 403 403 403 403 403 403 403 403 403 403 403
POST   /folders                              in-web   201 201 403 201 403 201 201 404 404 404 403 403 403
PATCH  /folders/{web}                        named    200 200 403 200 403 200 200 404 404 404 403 403 403
PATCH  /folders/{new}                        to-top   200 403 403 403 403 403 403 404 404 404 403 403 403
PATCH  /folders/{new}                        to-ops   200 403 403 403 403 403 404 404 404 404 403 403 403
DELETE /folders/{new}                        -        204 403 403 403 403 403 204 404 404 404 403 403 403
GET    /products                             -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /products/{cart}                      -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /products/{mail}                      -        200 200 200 200 404 404 404 200 404 404 200 403 403
POST   /products                             product  201 201 403 201 403 201 201 404 404 404 403 403 403
POST   /products                             owning   201 201 403 403 403 403 403 404 404 404 403 403 403
PATCH  /products/{cart}                      named    200 200 403 200 403 200 200 404 404 404 403 403 403
PATCH  /products/{cart}                      filter   200 200 403 403 403 403 403 404 404 404 403 403 403
PATCH  /products/{cart}                      into-ops 200 200 403 403 403 404 404 404 404 404 403 403 403
DELETE /products/{cart}                      -        204 204 403 204 403 204 204 404 404 404 403 403 403
POST   /products/{cart}/give                 given    204 204 403 403 403 403 403 404 404 404 403 403 403
POST   /products/{cart}/take                 given    204 204 403 403 403 403 403 404 404 404 403 403 403
POST   /folder-permissions                   right    201 403 403 403 403 403 201 404 404 404 403 403 403
GET    /folder-permissions/{web}             -        200 403 403 403 403 403 200 404 404 404 403 403 403
GET    /folder-permissions/{web}/{reader}    -        200 403 403 403 403 403 200 404 404 404 403 403 403
GET    /folder-permissions/{web}/{me}        -        404 404 404 200 200 200 200 404 404 404 403 403 403
PATCH  /folder-permissions/{web}/{reader}    level    200 403 403 403 403 403 200 404 404 404 403 403 403
DELETE /folder-permissions/{web}/{reader}    -        200 403 403 403 403 403 200 404 404 404 403 403 403
GET    /resources                            -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /resources/export                     -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /resources/{i-cart}                   -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /resources/{i-cart}/history           -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /resources/{i-cart}/costs             -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /resources/{i-ops}                    -        200 200 200 200 404 404 404 200 404 404 200 403 403
GET    /resources/{i-ops}/history            -        200 200 200 200 404 404 404 200 404 404 200 403 403
GET    /resources/{i-ops}/costs              -        200 200 200 200 404 404 404 200 404 404 200 403 403
GET    /recommendations                      -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /recommendations/{on-i-cart}          -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /recommendations/{on-i-ops}           -        200 200 200 200 404 404 404 200 404 404 200 403 403
GET    /costs                                -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/{S3}                           -        200 200 200 200 200 200 200 404 404 404 200 403 403
GET    /costs/{Support}                      -        200 200 200 200 404 404 404 404 404 404 200 403 403
GET    /costs/summary                        -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/analytics                      -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/forecast                       -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/anomalies                      -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/showback                       -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /costs/export                         -        200 200 200 200 200 200 200 200 200 200 200 403 403
GET    /activity                             -        200 200 200 200 200 200 200 200 200 200 200 403 403
"""
# All else is closed to guests, but for what concerns nobody but themselves.
OWN: Final = ("/auth/", "/token", "/users/me", "/mail-preferences")
# Who may write these rows is asked once they are read.
SENT: Final = {
    "/resources/bulk": {"items": [resource(tenant_id="acme")]},
    "/costs/bulk": {"items": [cost(tenant_id="acme")]},
    "/events": EVENT,
    "/events/batch": {"events": [EVENT]},
}
HEAD, *ROWS = TABLE.strip().splitlines()
COLUMNS: Final = HEAD.split()[2:]
JSON: Final[dict[str, Any]] = {"format": "json"}

# Rights are the same code on both databases, so one of the two runs is enough.
pytestmark = pytest.mark.full


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def people(shops: Shops, acme: Tenant, rival: Tenant, settings: Any) -> dict[str, Any]:
    settings.RATE_LIMIT_PRODUCT_CREATION_MAX = settings.RATE_LIMIT_DEFAULT = 1000
    found: dict[str, Any] = {}
    for name, (role, folder, level) in PEOPLE.items():
        found[name] = make_user(name, acme, role, email_verified=name != "unp")
        if folder and level:
            share(getattr(shops, folder), found[name].email, level)
    share(shops.web, "reader@example.com", "view")
    keys = {"key": make_key(acme, "read")[1], "ing": make_key(acme, "ingest")[1]}
    return {**found, **keys, "str": make_user("stranger", rival, Role.OWNER)}


@pytest.fixture
def places(shops: Shops) -> dict[str, str]:
    new = folder_create(by=SYSTEM.enter("acme"), tenant=shops.web.tenant, name="New", parent_id=shops.web.pk)
    return {**shops.names, "new": str(new.pk), "reader": "reader@example.com"}


def bodies(places: dict[str, str]) -> dict[str, dict[str, Any]]:
    product = {"name": "Another", "folder_id": places["web"]}
    return {
        "-": {},
        "named": {"name": "Another"},
        "in-web": {"name": "Another", "parent_id": places["web"]},
        "to-top": {"parent_id": None},
        "to-ops": {"parent_id": places["ops"]},
        "product": product,
        "owning": {**product, "cost_filter": "exists provider"},
        "filter": {"resource_filter": "exists provider"},
        "into-ops": {"folder_id": places["ops"]},
        "given": {"resource_ids": [places["i-ops"]]},
        "right": {"folder_id": places["web"], "email": "new@example.com", "level": "edit"},
        "level": {"level": "edit"},
    }


def test_the_table(people: dict[str, Any], places: dict[str, str], client_for: Callable[..., Any]) -> None:
    clients = {name: client_for(people[name], x_tenant_id="acme") for name in COLUMNS}
    sent, walked = bodies(places), [HEAD]
    for row in ROWS:
        method, path, body, *_ = row.split()
        statuses = []
        for name, client in clients.items():
            url = f"/api/v1{path.format(**places, me=f'{name}@example.com')}"
            with transaction.atomic():
                answer = getattr(client, method.lower())(url, sent[body], **({} if method == "GET" else JSON))
                statuses.append(answer.status_code)
                transaction.set_rollback(True)
        walked.append(f"{method:6} {path:37} {body:8} {' '.join(map(str, statuses))}")
    assert walked == [HEAD, *ROWS]


def test_all_else_is_closed_to_guests(people: dict[str, Any], client_for: Callable[..., Any]) -> None:
    """Whatever the schema has and the table has not."""
    guest, opened = client_for(people["man"], x_tenant_id="acme"), set()
    rows = {(row.split()[0].lower(), _shape(row.split()[1])) for row in ROWS}
    for method, path in OPERATIONS:
        bare = path.removeprefix("/api/v1")
        if (method, _shape(bare)) in rows or bare.startswith(OWN):
            continue
        url = path.replace("{product}", "cdn").replace("{tenant_id}", "acme")
        while "{" in url:
            url = f"{url[: url.index('{')]}{uuid4()}{url[url.index('}') + 1 :]}"
        answer = getattr(guest, method)(url, SENT.get(bare, {}), **({} if method == "get" else JSON))
        if answer.status_code not in {403, 404}:
            opened.add((method, bare, answer.status_code))
    assert opened == {("get", "/tenants", 200)}


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_platform_administrators_act_in_all_folders(
    shops: Shops, people: dict[str, Any], client_for: Callable[..., Any], settings: Any
) -> None:
    """By master token and by the domain of a verified address; not by one that is not verified."""
    settings.MASTER_TOKEN, settings.ADMIN_EMAIL_DOMAINS = "m" * 32, ["admins.example"]
    verified = User.objects.create(email="a@admins.example", email_verified=True)
    unverified = User.objects.create(email="b@admins.example")
    master = client_for(None, authorization=f"Bearer {'m' * 32}", x_tenant_id="acme")
    for client in (master, client_for(verified, x_tenant_id="acme")):
        assert [row["level"] for row in client.get("/folders").json()] == ["manage"] * 3
        answer = client.patch(f"/folders/{shops.ops.pk}", {"parent_id": str(shops.web.pk)}, format="json")
        assert answer.status_code == 200
        assert client.get(f"/folder-permissions/{shops.web.pk}").status_code == 200
    assert client_for(unverified, x_tenant_id="acme").get("/folders").status_code == 403
