"""A stranger's key on every operation of the OpenAPI document: 403 or 404, no data, and nothing changes."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.conf import settings
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import (
    ApiKey,
    AuditEntry,
    Delivery,
    Invitation,
    MailRefusal,
    Membership,
    Tenant,
    User,
    Webhook,
)
from builds.models import (
    Artifact,
    Build,
    BuildState,
    Channel,
    ImageType,
    OsVersion,
    Platform,
    Project,
    Variable,
)
from gcore.models import ReportJob
from inventory.models import (
    AllocationRule,
    AnomalyFeedback,
    AutomationRule,
    AutomationRun,
    Budget,
    CloudAccount,
    CostLine,
    ExchangeRate,
    Folder,
    FolderPermission,
    Import,
    MappingProfile,
    Product,
    Recommendation,
    RecommendationRun,
    Resource,
    RuleSetting,
    SavedView,
)
from tests.full_tenant import MARK, filled, tenant_fill
from usage.models import Alert, DeadLetter, Meter, PriceRule, Statement, UsageEvent

BUILDS: Final = (Build, BuildState, Artifact, Channel, Variable, Platform, OsVersion, ImageType, Project)


NOBODYS: Final = re.compile(r"{product}|{rule}")  # they name kinds, and no object of a tenant's


def operations() -> Iterator[tuple[str, str]]:
    """(method, path) of each operation that asks for a credential."""
    # The file is compared with the code by a step of its own, and is read thirty times faster than made.
    with (Path(settings.BASE_DIR) / "docs/openapi.yaml").open() as file:
        document: dict[str, Any] = yaml.load(file, yaml.CSafeLoader)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if {"ApiKey": []} in operation.get("security", ()):
                yield method, path


# Tenants are kept apart in the code and not by the database, so one of the two runs is enough.
pytestmark = pytest.mark.full
OPERATIONS: Final = sorted(operations())
# All ways lead to one place in the code, so a person need not go them all again.
BY_KEY: Final = ("nobody", "header", "query", "other name", "body")
BY_PERSON: Final = ("nobody", "header")


@pytest.fixture(scope="module")
def secrets(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Acme is filled once: each test sees that nobody changed it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield tenant_fill()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def before(secrets: dict[str, str], django_db_blocker: Any) -> list[Any]:
    with django_db_blocker.unblock():
        return state()


def state() -> list[Any]:
    """All that a stranger could have changed in acme."""
    acme = Tenant.objects.get(slug="acme")
    return [
        list(Tenant.objects.filter(pk=acme.pk).values()),
        list(User.objects.filter(email__startswith=MARK).order_by("pk").values()),
        list(ApiKey.objects.for_tenant(acme).order_by("pk").values()),
        list(Membership.objects.for_tenant(acme).order_by("pk").values()),
        list(UsageEvent.objects.for_tenant(acme).values()),
        list(PriceRule.objects.for_tenant(acme).values()),
        list(Statement.objects.for_tenant(acme).values()),
        list(Meter.objects.for_tenant(acme).values()),
        list(Alert.objects.for_tenant(acme).values()),
        list(Resource.objects.for_tenant(acme).values()),
        list(CloudAccount.objects.for_tenant(acme).values()),
        list(CostLine.objects.for_tenant(acme).values()),
        list(Import.objects.for_tenant(acme).order_by("pk").values()),
        list(MappingProfile.objects.for_tenant(acme).values()),
        list(ExchangeRate.objects.for_tenant(acme).values()),
        list(Budget.objects.for_tenant(acme).values()),
        list(AutomationRule.objects.for_tenant(acme).values()),
        list(AutomationRun.objects.for_tenant(acme).values()),
        list(Recommendation.objects.for_tenant(acme).values()),
        list(RecommendationRun.objects.for_tenant(acme).values()),
        list(RuleSetting.objects.for_tenant(acme).values()),
        list(SavedView.objects.for_tenant(acme).values()),
        list(Folder.objects.for_tenant(acme).values()),
        list(Product.objects.for_tenant(acme).values()),
        list(FolderPermission.objects.for_tenant(acme).values()),
        list(AllocationRule.objects.for_tenant(acme).values()),
        list(AnomalyFeedback.objects.for_tenant(acme).values()),
        list(Webhook.objects.for_tenant(acme).values()),
        list(Invitation.objects.for_tenant(acme).values()),
        list(MailRefusal.objects.for_tenant(acme).values()),
        list(Delivery.objects.for_tenant(acme).values()),
        list(DeadLetter.objects.for_tenant(acme).values()),
        *(list(rows.objects.filter(tenant=acme).values()) for rows in BUILDS),
        list(ReportJob.objects.for_tenant(acme).values()),
        AuditEntry.objects.filter(tenant=acme).count(),
    ]


def test_the_document_lists_every_route_that_takes_a_credential() -> None:
    assert len(OPERATIONS) >= 30
    assert ("get", "/api/v1/usage") in OPERATIONS


@pytest.mark.parametrize("room", sorted({path.split("/")[3] for _, path in OPERATIONS}))
def test_a_stranger_gets_nothing(
    room: str,
    secrets: dict[str, str],
    before: list[Any],
    stranger: User,
    stranger_key: str,
    client_for: Callable[..., APIClient],
) -> None:
    for caller, ways in ((stranger_key, BY_KEY), (stranger, BY_PERSON)):
        for method, path in OPERATIONS:
            if path.split("/")[3] == room:
                knock(method, path, secrets, ways, partial(client_for, caller))
    assert state() == before


def knock(
    method: str, path: str, secrets: dict[str, str], ways: Iterable[str], client: Callable[..., APIClient]
) -> None:
    """One operation, with acme named in these ways."""
    url = filled(path, secrets)
    named_by = {
        "nobody": (client(), url, {}),
        "header": (client(x_tenant_id="acme"), url, {}),
        "query": (client(), f"{url}?tenant_id=acme", {}),
        "other name": (client(), f"{url}?organization_id=acme", {}),
        "body": (client(), url, {"tenant_id": "acme"}),
    }
    for how in ways:
        sender, address, sent = named_by[how]
        answer = getattr(sender, method)(address, **({} if method == "get" else {"data": sent}))
        told = f"{method} {address} naming the tenant by {how}: {answer.status_code}"
        # A path may repeat the name that the caller gave; nothing else of acme may come back.
        answered = answer.getvalue().decode()
        for given in ("{event_id}", "{email}"):
            answered = answered.replace(secrets[given], "")
        assert MARK not in answered, told
        if how in {"header", "query", "other name"} or "{" in NOBODYS.sub("", path):
            assert answer.status_code in {403, 404}, told
        else:
            assert answer.status_code < 500, told
