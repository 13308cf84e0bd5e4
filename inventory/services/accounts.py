"""Cloud accounts: made by hand, or for the rows that name them."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.errors import Conflict
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from inventory.models import CloudAccount
from inventory.providers import provider_of

AccountName = tuple[str, str]
EDITABLE: Final = ("name", "is_active")


@transaction.atomic
def cloud_account_create(
    *, by: Principal, tenant: Tenant, provider: str, account_id: str, **fields: Any
) -> CloudAccount:
    """A new account of the tenant. Errors: 400; 409 the provider's account is there already."""
    account = CloudAccount(tenant=tenant, provider=provider_of(provider), account_id=account_id, **fields)
    row_check(account)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"There is already an account {account_id!r} of {account.provider}.") from error
    deed(by=by, action="cloud_account.created", tenant=tenant, subject=account, payload=_told(account))
    return account


@transaction.atomic
def cloud_account_update(*, by: Principal, account: CloudAccount, changes: dict[str, Any]) -> CloudAccount:
    """Change the name of an account or whether it is in use. Errors: 400, 404."""
    row = row_locked(account)
    before = {name: [getattr(row, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    row_check(row)
    row.save(update_fields=[*changes, "updated_at"])
    deed(
        by=by, action="cloud_account.updated", tenant=row.tenant, subject=row, changes=before,
        payload=_told(row),
    )  # fmt: skip
    return row


@transaction.atomic
def cloud_account_delete(*, by: Principal, account: CloudAccount) -> None:
    """Remove an account. Errors: 404; 409 while resources or costs name it."""
    row = row_locked(account)
    deed(by=by, action="cloud_account.deleted", tenant=row.tenant, subject=row, payload=_told(row))
    try:
        row.delete()
    except ProtectedError as error:
        raise Conflict("Resources or costs name this account; make it inactive instead.") from error


def cloud_accounts_find(*, tenant: Tenant) -> Callable[[str, str], str]:
    """What names the account of (provider, id) in a row: one of ours by its UUID, else the id as it is."""
    ours = dict(CloudAccount.objects.for_tenant(tenant).values_list("pk", "account_id"))

    def name(provider: str, account_id: str) -> str:
        try:
            return str(ours.get(UUID(account_id), account_id))
        except ValueError:
            return account_id

    return name


def cloud_accounts_take(*, tenant: Tenant, named: Iterable[tuple[str, str, str]]) -> dict[AccountName, UUID]:
    """The accounts of (provider, account id, name), made when they are new; call it in a transaction."""
    names = {(provider, account_id): name for provider, account_id, name in named if account_id}
    rows = CloudAccount.objects.for_tenant(tenant)
    known: dict[AccountName, UUID] = {
        (a.provider, a.account_id): a.pk for a in rows.only("provider", "account_id")
    }
    missing = [
        CloudAccount(
            tenant=tenant, provider=provider, account_id=account_id, name=names[provider, account_id]
        )
        for provider, account_id in sorted(names.keys() - known.keys())
    ]
    if missing:
        CloudAccount.objects.bulk_create(missing, ignore_conflicts=True)
        known = {(a.provider, a.account_id): a.pk for a in rows.only("provider", "account_id")}
    return known


def _told(account: CloudAccount) -> dict[str, Any]:
    return {"provider": account.provider, "account_id": account.account_id}
