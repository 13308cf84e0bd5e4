"""Operators' mistakes, found by `manage.py check` instead of by an incident."""

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from accounts.demo import DEMO_EMAILS, DEMO_KEYS
from accounts.keyring import hash_key
from accounts.models import ApiKey, User

OPEN_PERMISSION: Final = "rest_framework.permissions.AllowAny"
LONG_ENOUGH: Final = 32
ISSUER_KEYS: Final = frozenset({"issuer", "audience", "jwks_uri"})


@register(Tags.security)
def api_is_closed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    classes = settings.REST_FRAMEWORK.get("DEFAULT_PERMISSION_CLASSES") or [OPEN_PERMISSION]
    if OPEN_PERMISSION not in classes:
        return []
    return [
        Error(
            "API views are open to everybody unless they say otherwise.",
            hint='Keep REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] at accounts.permissions.HasScope.',
            id="accounts.E001",
        )
    ]


@register(Tags.security)
def tasks_carry_json(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if list(settings.CELERY_ACCEPT_CONTENT) == ["json"]:
        return []
    return [
        Error(
            "Workers accept tasks in other forms than JSON; pickle runs whatever the broker holds.",
            hint='Set CELERY_ACCEPT_CONTENT to ["json"].',
            id="accounts.E002",
        )
    ]


@register(Tags.security)
def secrets_are_strong(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """In production and staging: whoever guesses one of these is in."""
    if not settings.STRICT:
        return []
    secrets = {
        "MASTER_TOKEN": settings.MASTER_TOKEN,
        "JWT_SECRET_KEY": settings.SIMPLE_JWT["SIGNING_KEY"],
        "API_KEY_PEPPER": settings.API_KEY_PEPPER,
        "WEBHOOK_SECRET_KEY": settings.WEBHOOK_SECRET_KEYS[0],
    } | {f"API_KEYS, entry {n}": e.partition(":")[0] for n, e in enumerate(settings.API_KEYS, 1)}
    return [
        Error(
            f"{name} is too easy to guess.",
            hint="Give at least 32 random characters, e.g. from `openssl rand -hex 32`.",
            id="accounts.E003",
        )
        for name, secret in secrets.items()
        if secret and (len(secret) < LONG_ENOUGH or len(set(secret)) < 8)
    ]


@register(Tags.security)
def issuers_are_whole(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"OIDC_ISSUERS, entry {number}, cannot be used.",
            hint='Give {"issuer": "https://…", "audience": "…"} and perhaps "jwks_uri", nothing else.',
            id="accounts.E004",
        )
        for number, issuer in enumerate(settings.OIDC_ISSUERS, 1)
        if not _is_whole(issuer)
    ]


@register(Tags.security)
def proxies_are_networks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"TRUSTED_PROXIES holds {item!r}, which is not a network of proxies.",
            hint="Give addresses or networks such as 10.0.0.0/8, never the whole internet.",
            id="accounts.E005",
        )
        for item in settings.TRUSTED_PROXIES
        if not _is_narrow(item)
    ]


@register(Tags.database)
def no_demo_rows(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Their passwords and keys are in the documentation."""
    if not settings.STRICT or "default" not in (databases or ()):
        return []
    if User._meta.db_table not in connections["default"].introspection.table_names():
        return []  # before the first migration
    found = list(User.objects.filter(email__in=DEMO_EMAILS, is_active=True).values_list("email", flat=True))
    hashes = {hash_key(key): key for key in DEMO_KEYS}
    keys = ApiKey.objects.filter(key_hash__in=hashes, revoked_at=None)
    found += [hashes[h] for h in keys.values_list("key_hash", flat=True)]
    return [
        Error(
            f"The demo account or key {name} is alive in this database.",
            hint="Start with an empty database, or deactivate the person and revoke the key.",
            id="accounts.E006",
        )
        for name in found
    ]


def _is_whole(issuer: Any) -> bool:
    if not isinstance(issuer, dict) or not {"issuer", "audience"} <= issuer.keys() <= ISSUER_KEYS:
        return False
    urls = [issuer["issuer"], issuer.get("jwks_uri") or issuer["issuer"]]
    scheme = "https://" if settings.STRICT else "http"
    return bool(issuer["audience"]) and all(str(url).startswith(scheme) for url in urls)


def _is_narrow(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen > 0
    except ValueError:
        return False
