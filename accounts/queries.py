"""Reads about people, tenants and what happened in them."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts.errors import NotFound
from accounts.models import ActivityCounter, ActivityEntry, ApiKey, Delivery, Membership, Tenant, User
from accounts.principals import Principal
from accounts.row_security import as_platform

LOOKED_AT: Final = 1000


@dataclass(frozen=True, slots=True)
class TenantRole:
    """A tenant and what the caller is in it: a role, `platform`, or `api_key`."""

    tenant: Tenant
    role: str


def users_visible(principal: Principal) -> QuerySet[User]:
    """The members of the tenant that the caller has entered; everybody for the platform outside of any."""
    if principal.tenant is None and principal.platform:
        return User.objects.all()
    return User.objects.filter(memberships__tenant=principal.home)


def user_find(principal: Principal, user_id: UUID) -> User:
    """One of the people whom the caller may see, or NotFound."""
    user = users_visible(principal).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such person, or they are not in your tenant.")
    return user


def tenants_of(principal: Principal) -> list[TenantRole]:
    """Where the caller may act, by slug. For the platform: where the person is a member."""
    if principal.kind == "api_key":
        return [TenantRole(principal.home, "api_key")]
    memberships = Membership.objects.filter(user=principal.user, tenant__is_active=True)
    with as_platform():
        rows = list(memberships.select_related("tenant").order_by("tenant__slug"))
    return [TenantRole(row.tenant, row.role) for row in rows]


def tenants_visible(principal: Principal) -> QuerySet[Tenant]:
    if principal.platform:
        return Tenant.objects.all()
    return Tenant.objects.filter(pk__in=[found.tenant.pk for found in tenants_of(principal)])


def personal_tokens(tenant: Tenant, user: User) -> QuerySet[ApiKey]:
    found: QuerySet[ApiKey] = ApiKey.objects.for_tenant(tenant).filter(user=user)
    return found


def activity_since(tenant: Tenant, *, since: int, limit: int) -> list[ActivityEntry]:
    """Entries after the sequence number `since`, oldest first, at most `limit`."""
    return list(ActivityEntry.objects.for_tenant(tenant).filter(seq__gt=since).order_by("seq")[:limit])


def activity_about(tenant: Tenant, noun: str) -> QuerySet[ActivityEntry]:
    """The entries about one kind of thing, such as `build`; without a noun all of them."""
    rows: QuerySet[ActivityEntry] = ActivityEntry.objects.for_tenant(tenant)
    return rows.filter(type__startswith=f"{noun}.") if noun else rows


def activity_nouns(tenant: Tenant) -> list[str]:
    """What the newest LOOKED_AT entries are about, in order."""
    newest = ActivityEntry.objects.for_tenant(tenant).order_by("-seq")[:LOOKED_AT]
    return sorted({type.partition(".")[0] for type in newest.values_list("type", flat=True)})


def activity_seen(tenant: Tenant, entries: list[ActivityEntry]) -> list[ActivityEntry]:
    """Those of them that whoever entered the tenant may see."""
    of = {entry.pk: entry for entry in entries}
    seen = set(ActivityEntry.objects.for_tenant(tenant).filter(pk__in=of).values_list("pk", flat=True))
    return [entry for entry in entries if entry.pk in seen]


def activity_last(tenant: Tenant) -> int:
    """The number of the tenant's last entry, whoever may see that; 0 when there was none yet."""
    counter = ActivityCounter.objects.filter(tenant=tenant).values_list("last_seq", flat=True).first()
    return counter or 0


def activity_is_kept(tenant: Tenant, *, since: int) -> bool:
    """Whether every entry after `since` can still be told, and `since` is one that was given out."""
    last = activity_last(tenant)
    if since >= last:
        return since == last
    following: bool = ActivityEntry.objects.filter(tenant=tenant, seq=since + 1).exists()
    return following


def deliveries_due() -> int:
    """How many messages wait for a sender, and not for their time."""
    return Delivery.objects.filter(state=Delivery.State.PENDING, next_attempt_at__lte=timezone.now()).count()
