"""The system checks speak up for each mistake, and only then."""

from typing import Any

import pytest
from django.core import checks
from django.core.checks import CheckMessage

from accounts.demo import demo_accounts_load
from accounts.models import ApiKey, User

STRONG = "0123456789abcdefghijklmnopqrstuvwxyz"


def ids(**kwargs: Any) -> list[str]:
    found: list[CheckMessage] = checks.run_checks(**kwargs)
    assert all(message.hint for message in found if (message.id or "").startswith("accounts."))
    return [message.id for message in found if message.id and message.id.startswith("accounts.")]


@pytest.fixture(autouse=True)
def sound(settings: Any) -> None:
    settings.STRICT = True
    settings.MASTER_TOKEN = settings.API_KEY_PEPPER = STRONG
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": STRONG}
    settings.API_KEYS = [f"{STRONG}:acme:read"]
    settings.OIDC_ISSUERS = [{"issuer": "https://id.example.com", "audience": "us"}]
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "::1"]


def test_sound_settings_pass() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("REST_FRAMEWORK", {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]}, "E001"),
        ("REST_FRAMEWORK", {"DEFAULT_PERMISSION_CLASSES": []}, "E001"),
        ("REST_FRAMEWORK", {}, "E001"),
        ("CELERY_ACCEPT_CONTENT", ["json", "pickle"], "E002"),
        ("MASTER_TOKEN", "letmein", "E003"),
        ("MASTER_TOKEN", "a" * 64, "E003"),
        ("API_KEY_PEPPER", "pepper", "E003"),
        ("SIMPLE_JWT", {"SIGNING_KEY": "secret"}, "E003"),
        ("WEBHOOK_SECRET_KEYS", ["webhook"], "E003"),
        ("API_KEYS", ["dev-key-12345:dev"], "E003"),
        ("OIDC_ISSUERS", [{"issuer": "http://id.example.com", "audience": "us"}], "E004"),
        ("OIDC_ISSUERS", [{"issuer": "https://id.example.com"}], "E004"),
        ("OIDC_ISSUERS", [{"issuer": "https://id.example.com", "audience": ""}], "E004"),
        ("OIDC_ISSUERS", [{"issuer": "https://i.test", "audience": "us", "jwks_uri": "http://x"}], "E004"),
        ("OIDC_ISSUERS", [{"issuer": "https://i.example", "audience": "us", "secret": "x"}], "E004"),
        ("OIDC_ISSUERS", ["https://id.example.com"], "E004"),
        ("TRUSTED_PROXIES", ["0.0.0.0/0"], "E005"),
        ("TRUSTED_PROXIES", ["proxy.internal"], "E005"),
    ],
)  # fmt: skip
def test_each_mistake_is_found(settings: Any, name: str, value: Any, wanted: str) -> None:
    setattr(settings, name, value)
    assert ids() == [f"accounts.{wanted}"]


def test_a_developers_machine_may_have_simple_secrets(settings: Any) -> None:
    settings.STRICT = False
    settings.MASTER_TOKEN, settings.API_KEYS = "x", ["dev-key-12345"]
    settings.OIDC_ISSUERS = [{"issuer": "http://127.0.0.1:9000", "audience": "us"}]
    assert ids() == []


@pytest.mark.django_db
def test_demo_rows_bar_production_until_they_are_dead(settings: Any) -> None:
    assert ids(databases=["default"]) == []
    demo_accounts_load()
    assert ids() == []  # without a database nobody asks it
    assert ids(databases=["default"]) == ["accounts.E006"] * 9
    User.objects.update(is_active=False)
    ApiKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert ids(databases=["default"]) == []
    settings.STRICT = False
    User.objects.update(is_active=True)
    assert ids(databases=["default"]) == []
