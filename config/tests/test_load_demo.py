"""Demo data: in development only, once, and believable."""

from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from accounts.demo import DEMO_API_KEYS, DEMO_EMAILS, DEMO_KEYS
from accounts.keyring import keyring
from accounts.models import ApiKey, Tenant, User
from gcore.models import ClientMapping
from tests.browser import browser
from usage.demo import demo_bill_make, events_store
from usage.models import Alert, Meter, PriceRule, Statement, StatementLine, UsageEvent
from usage.service_types import SERVICE_TYPES

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded(demo: str, settings: LazySettings) -> str:
    settings.ENVIRONMENT = "development"
    return demo


@pytest.mark.parametrize("environment", ["production", "staging", "test"])
def test_other_environments_refuse(settings: LazySettings, environment: str) -> None:
    settings.ENVIRONMENT = environment
    before = [model.objects.count() for model in (User, ApiKey, Tenant)]
    with pytest.raises(CommandError, match="ENVIRONMENT=development only"):
        call_command("load_demo")
    assert before == [model.objects.count() for model in (User, ApiKey, Tenant)]


def test_keys_and_people_are_as_documented(loaded: str) -> None:
    for key in DEMO_API_KEYS:
        principal = keyring.principal(key.key)
        assert principal.home.slug == key.tenant
        assert principal.allows(key.scope)
    assert {k.key: (k.tenant, str(k.scope)) for k in DEMO_API_KEYS} == {
        "test-api-key": ("test-tenant", "write"),
        "demo-api-key": ("demo-tenant", "write"),
        "dev-key-12345": ("dev", "admin"),
    }
    members = User.objects.values_list(
        "email", "memberships__tenant__slug", "memberships__role", "is_superuser"
    )
    assert set(members) == {
        ("admin@example.com", "dev", "owner", True),
        ("owner@example.com", "demo-tenant", "owner", False),
        ("member@example.com", "demo-tenant", "member", False),
        ("stranger@example.com", "test-tenant", "owner", False),
        ("support@example.com", None, None, False),
        ("operator@example.com", None, None, False),
    }
    assert not User.objects.filter(email_verified=False).exists()
    for text in (*DEMO_KEYS, "admin123", "demo12345"):
        assert text in loaded


def test_clients_of_the_simulated_gcore_are_mapped_once_and_none_of_a_real_one(
    loaded: str, settings: LazySettings
) -> None:
    assert not ClientMapping.objects.exists()
    settings.GCORE_SIMULATED = True
    for _ in range(2):
        call_command("load_demo", verbosity=0)
    assert sorted(ClientMapping.objects.values_list("tenant__slug", "client_id")) == [
        ("demo-tenant", "829517"),
        ("dev", "830102"),
        ("test-tenant", "829449"),
    ]


@pytest.mark.parametrize(
    ("account", "password"), [("admin", "admin123"), *[(email, "demo12345") for email in DEMO_EMAILS[1:]]]
)
def test_the_sign_ins_work(loaded: str, account: str, password: str) -> None:
    response = browser().post("/console/sign-in", {"account": account, "password": password})
    assert response.status_code == 302


def test_events_are_believable(loaded: str) -> None:
    events = list(UsageEvent.objects.filter(tenant__slug="demo-tenant"))
    now = datetime.now(UTC)
    assert len(events) == 2000
    assert not UsageEvent.objects.filter(tenant__slug="test-tenant").exists()
    assert all(0 <= (now - event.timestamp).total_seconds() <= 31 * 86400 for event in events)
    working = [event for event in events if event.timestamp.weekday() < 5]
    assert len(working) > 0.8 * len(events)
    assert {event.service_provider for event in events} == {"openai", "anthropic", "internal", "aws", "gcore"}
    for event in events:
        assert isinstance(event.billing_info["total_cost"], str)
        assert Decimal(event.billing_info["total_cost"]) > 0
        if event.service_type in SERVICE_TYPES:
            SERVICE_TYPES[event.service_type].check(event.metrics, event.metadata)


def test_a_second_run_adds_nothing_and_resets_nothing(loaded: str) -> None:
    owner = User.objects.get(email="owner@example.com")
    owner.set_password("chosen-by-themself")
    owner.save()
    ApiKey.objects.filter(name="Demo key").update(scopes=["read"])
    models = (Tenant, User, ApiKey, UsageEvent, Meter, Alert, PriceRule, Statement)
    counts = [model.objects.count() for model in models]
    assert counts[-4:] == [1, 1, 1, 1]
    out = StringIO()
    call_command("load_demo", stdout=out)
    assert "0 events were added" in out.getvalue()
    assert counts == [model.objects.count() for model in models]
    owner.refresh_from_db()
    assert owner.check_password("chosen-by-themself")
    assert ApiKey.objects.get(name="Demo key").scopes == ["read"]


@pytest.mark.parametrize("through", [None, datetime(2020, 1, 1, tzinfo=UTC)])
def test_while_last_months_events_may_wait_it_is_not_closed(
    loaded: str, monkeypatch: pytest.MonkeyPatch, through: datetime | None
) -> None:
    StatementLine.objects.all().delete()
    Statement.objects.all().delete()
    with monkeypatch.context() as queue:
        queue.setattr("usage.services.statements.complete_through", lambda: through)
        call_command("load_demo", verbosity=0)
        assert not Statement.objects.exists()
    call_command("load_demo", verbosity=0)
    assert Statement.objects.count() == 1


@pytest.mark.parametrize(("day", "billed"), [(30, True), (31, False)])
def test_a_month_without_usage_is_not_billed(acme: Tenant, day: int, billed: bool) -> None:
    """The demo's usage goes back for thirty days."""
    now = datetime(2026, 3, day, 12, tzinfo=UTC)
    with time_machine.travel(now):
        deque(events_store(tenant=acme, count=900, now=now), maxlen=0)
        demo_bill_make(tenant=acme)
    assert PriceRule.objects.for_tenant(acme).count() == 1
    assert StatementLine.objects.for_tenant(acme).exists() is billed
    assert Statement.objects.for_tenant(acme).exists() is billed
