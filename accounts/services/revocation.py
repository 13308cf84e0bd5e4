"""The end of API keys."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.keyring import announce_revoked
from accounts.models import ApiKey, User
from accounts.principals import Principal
from accounts.services.logs import deed


@transaction.atomic
def api_key_revoke(*, by: Principal, key: ApiKey) -> None:
    """End a key now. Ending it twice is no error and leaves the first time of its end."""
    ended = ApiKey.objects.for_tenant(key.tenant).filter(pk=key.pk, revoked_at=None)
    if not ended.update(revoked_at=timezone.now()):
        return
    deed(by=by, action="api_key.revoked", tenant=key.tenant, subject=key, payload=public_of(key))
    transaction.on_commit(lambda: announce_revoked(key.pk))


@transaction.atomic
def api_keys_revoke(*, by: Principal, keys: Iterable[ApiKey]) -> None:
    for key in keys:
        api_key_revoke(by=by, key=key)


def live_tokens(user: User) -> QuerySet[ApiKey]:
    """A person's own keys that still work."""
    return ApiKey.objects.live().filter(user=user).select_related("tenant")


def public_of(key: ApiKey) -> dict[str, object]:
    """What the log tells of a key."""
    return {"name": key.name, "prefix": key.prefix, "scopes": key.scopes}
