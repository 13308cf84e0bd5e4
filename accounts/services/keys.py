"""API keys: given out, rotated, and seeded from the environment."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.errors import Conflict, NotFound, PermissionRefused, ValidationFailed
from accounts.keyring import hash_key, keyring, new_key, prefix_of
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.models.keys import validate_scopes
from accounts.principals import GRANTS, ROLE_SCOPE, SYSTEM, Principal, granted
from accounts.services.logs import deed
from accounts.services.revocation import api_key_revoke, public_of
from accounts.services.tenants import tenant_create, tenant_lock

DEFAULT_OVERLAP: Final = 86_400
MAX_OVERLAP: Final = 7 * 86_400
SEED_TENANT: Final = "default"


@transaction.atomic
def api_key_create(
    *,
    by: Principal,
    tenant: Tenant,
    name: str,
    scopes: list[str],
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
    user: User | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is nowhere kept.

    With `user` it is that member's own token, never stronger than their role.
    Errors: 400 scopes or expiry, 403 a scope that the creator lacks, 404 not a member.
    """
    validate_scopes(scopes)
    wanted = granted(scopes)
    if not wanted <= by.scopes:
        raise PermissionRefused("A key cannot have scopes that its creator does not have.")
    if rate_limit is not None and not by.platform:
        raise PermissionRefused("Only platform administrators set a key's rate limit.")
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationFailed.field("expires_at", "it must be in the future.")
    if user is not None and not wanted <= _role_scopes(tenant, user):
        raise PermissionRefused("A person's token cannot have scopes that their role does not have.")
    text = new_key()
    key = ApiKey(
        tenant=tenant, name=name, scopes=scopes, expires_at=expires_at, rate_limit=rate_limit, user=user
    )
    return _store(by, key, text, "api_key.created"), text


@transaction.atomic
def api_key_rotate(
    *, by: Principal, key: ApiKey, overlap_seconds: int = DEFAULT_OVERLAP
) -> tuple[ApiKey, str]:
    """A successor with the same name, scopes and length of life; the old key lives on for the overlap.

    Errors: 400 overlap out of 0 to MAX_OVERLAP, 403 another person's token, 409 a key that has ended.
    """
    if not 0 <= overlap_seconds <= MAX_OVERLAP:
        raise ValidationFailed.field("overlap_seconds", f"give 0 to {MAX_OVERLAP} seconds.")
    if key.user is not None and (by.kind != "user" or by.user != key.user):
        raise PermissionRefused("A personal token is rotated by its person only; you may revoke it.")
    now = timezone.now()
    old = ApiKey.objects.for_tenant(key.tenant).select_for_update(no_key=True).get(pk=key.pk)
    if not old.is_active:
        raise Conflict("This key has ended; create a new one.")
    life = old.expires_at - old.created_at if old.expires_at else None
    text = new_key()
    successor = ApiKey(
        tenant=old.tenant,
        name=old.name,
        scopes=old.scopes,
        expires_at=now + life if life else None,
        rate_limit=old.rate_limit,
        user=old.user,
        rotated_from=old,
    )
    _store(by, successor, text, "api_key.rotated")
    if overlap_seconds == 0:
        api_key_revoke(by=by, key=old)
    else:
        end = min(filter(None, [now + timedelta(seconds=overlap_seconds), old.expires_at]))
        ApiKey.objects.for_tenant(old.tenant).filter(pk=old.pk).update(expires_at=end)
        transaction.on_commit(lambda: keyring.forget(old.pk))
    return successor, text


@transaction.atomic
def api_key_update(*, by: Principal, key: ApiKey, name: str, rate_limit: int | None) -> ApiKey:
    """Rename a key or set its own limit, requests per minute; the limit is the platform's to set (403)."""
    before = {"name": [key.name, name], "rate_limit": [key.rate_limit, rate_limit]}
    if rate_limit != key.rate_limit and not by.platform:
        raise PermissionRefused("Only platform administrators set a key's rate limit.")
    key.name, key.rate_limit = name, rate_limit
    key.save(update_fields=["name", "rate_limit"])
    deed(by=by, action="api_key.updated", tenant=key.tenant, subject=key, changes=before)
    transaction.on_commit(lambda: keyring.forget(key.pk))
    return key


@transaction.atomic
def api_key_adopt(*, tenant: Tenant, text: str, name: str, scopes: list[str]) -> bool:
    """Take over a key whose text exists already; False when it is known, were it revoked since."""
    if not 8 <= len(text) <= 255 or not text.isascii():
        raise ValidationFailed.field("API_KEYS", "a key has 8 to 255 ASCII characters.")
    validate_scopes(scopes)
    tenant_lock(tenant)  # of several processes that start at once, one creates it and the others see it
    if ApiKey.objects.filter(prefix=prefix_of(text), key_hash=hash_key(text)).exists():
        return False
    _store(SYSTEM, ApiKey(tenant=tenant, name=name, scopes=scopes), text, "api_key.created")
    return True


def api_keys_seed() -> int:
    """Create the keys that API_KEYS names and that are not there yet; how many were.

    Each entry is `key[:tenant[:scopes]]`, scopes joined by "+"; without them `write` in the tenant
    `default`. Tenants are created as needed.
    """
    created = 0
    for entry in settings.API_KEYS:
        text, _, rest = entry.partition(":")
        slug, _, scopes = rest.partition(":")
        created += api_key_adopt(
            tenant=_seed_tenant(slug or SEED_TENANT),
            text=text,
            name="From API_KEYS",
            scopes=scopes.split("+") if scopes else ["write"],
        )
    return created


def _seed_tenant(slug: str) -> Tenant:
    found = Tenant.objects.filter(slug=slug)
    try:
        return found.first() or tenant_create(by=SYSTEM, slug=slug, name=slug)
    except Conflict:  # another process was first
        return found.get()


def _role_scopes(tenant: Tenant, user: User) -> frozenset[str]:
    member = Membership.objects.for_tenant(tenant).filter(user=user).first()
    if member is None:
        raise NotFound("That person is not a member of the tenant.")
    return GRANTS[ROLE_SCOPE[member.role]]


def _store(by: Principal, key: ApiKey, text: str, action: str) -> ApiKey:
    key.prefix, key.key_hash, key.created_by = prefix_of(text), hash_key(text), by.user
    key.full_clean()
    key.save()
    deed(
        by=by,
        action=action,
        tenant=key.tenant,
        subject=key,
        changes={"scopes": [None, key.scopes]},
        payload=public_of(key),
    )
    return key
