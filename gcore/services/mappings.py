"""Which of the reseller's customers a tenant is: said by the platform's staff alone."""

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, PermissionRefused
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from gcore.models import ClientMapping, GcoreAccount
from gcore.services.accounts import account_default


@transaction.atomic
def mapping_create(
    *, by: Principal, tenant: Tenant, account: GcoreAccount, client_id: str, name: str = ""
) -> ClientMapping:
    """Open a Gcore client to a tenant. Errors: 403 not the platform's staff, 409 it is open already."""
    if not by.platform:
        raise PermissionRefused("Only platform administrators map Gcore clients.")
    mapping = ClientMapping(tenant=tenant, account=account, client_id=client_id, name=name)
    mapping.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            mapping.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"The Gcore client {client_id} is mapped to {tenant} already.") from error
    _told(by, "client_mapping.created", mapping)
    return mapping


@transaction.atomic
def mapping_delete(*, by: Principal, mapping: ClientMapping) -> None:
    """Close it: the tenant sees neither the client nor its reports any more."""
    _told(by, "client_mapping.deleted", mapping)
    mapping.delete()


@transaction.atomic
def mapping_import(*, by: Principal, mapping: ClientMapping, on: bool) -> None:
    """Have its usage and costs come in every night, or no more; what has come in stays."""
    if ClientMapping.objects.filter(pk=mapping.pk, is_imported=not on).update(is_imported=on):
        _told(by, "client_mapping.imported" if on else "client_mapping.not_imported", mapping)


def account_for(*, by: Principal, tenant: Tenant, client_id: str) -> GcoreAccount:
    """The account through which a tenant sees a client; platform staff see any, through the default one.

    Errors: 403 the client is not mapped to the tenant.
    """
    mapped = ClientMapping.objects.for_tenant(tenant).filter(client_id=client_id, account__is_active=True)
    found: ClientMapping | None = mapped.select_related("account").order_by("created_at", "pk").first()
    if found is not None:
        return found.account
    if not by.platform:
        raise PermissionRefused(f"The Gcore client {client_id} is not mapped to this tenant.")
    return account_default()


def _told(by: Principal, action: str, mapping: ClientMapping) -> None:
    payload = {"gcore_user_id": mapping.client_id, "account": mapping.account.name}
    deed(by=by, action=action, tenant=mapping.tenant, subject=mapping, payload=payload)
