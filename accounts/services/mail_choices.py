"""Which mails a person, or an address without an account, wants from a tenant."""

from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import transaction

from accounts.errors import InvalidToken
from accounts.models import Delivery, MailKind, MailRefusal, Tenant
from accounts.principals import Principal
from accounts.services.logs import audit
from accounts.services.sessions import ANONYMOUS

SALT: Final = "accounts.unsubscribe"
OPTIONAL: Final = tuple(kind for kind in MailKind if kind != MailKind.ACCOUNT)


def mail_choices(*, tenant: Tenant, address: str) -> dict[str, bool]:
    """Whether each kind that may be turned off is wanted."""
    rows = MailRefusal.objects.filter(tenant=tenant, address=address.lower())  # a guest's own, too
    refused = set(rows.values_list("kind", flat=True))
    return {kind.value: kind not in refused for kind in OPTIONAL}


@transaction.atomic
def mail_choices_set(*, by: Principal, tenant: Tenant, address: str, wanted: Mapping[str, bool]) -> None:
    """Turn kinds of mail on or off; those that are not named stay as they are."""
    before = mail_choices(tenant=tenant, address=address)
    changes = {kind: [before[kind], wish] for kind, wish in wanted.items() if wish != before[kind]}
    for kind, (_, wish) in changes.items():
        rows = MailRefusal.objects.filter(tenant=tenant, address=address.lower(), kind=kind)
        if wish:
            rows.delete()
        else:
            MailRefusal.objects.get_or_create(tenant=tenant, address=address.lower(), kind=kind)
    if changes:
        audit(by=by, action="mail.chosen", tenant=tenant, subject=tenant, changes=changes)


def unsubscribe_url(delivery: Delivery) -> str:
    """The link that turns such mails off for whoever got this one; empty for what cannot be turned off."""
    if delivery.tenant_id is None or delivery.mail_kind not in OPTIONAL:
        return ""
    told = [delivery.tenant_id.hex, delivery.mail_kind, delivery.target.lower()]
    return f"{settings.PUBLIC_URL}/console/unsubscribe/{signing.dumps(told, salt=SALT)}"


def unsubscribe_read(token: str) -> tuple[Tenant, MailKind, str]:
    """Tenant, kind and address of a link. Errors: InvalidToken for one that we never made."""
    try:
        tenant_id, kind, address = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise InvalidToken("This link is not one of ours, or was cut off.") from error
    return Tenant.objects.get(pk=tenant_id), MailKind(kind), str(address)


def mail_unsubscribe(*, token: str) -> None:
    """Turn off what the link is about; once more is no error. Errors: InvalidToken."""
    tenant, kind, address = unsubscribe_read(token)
    mail_choices_set(by=ANONYMOUS, tenant=tenant, address=address, wanted={kind: False})


def mail_choices_move(*, before: str, after: str) -> None:
    """What somebody chose goes with them to their new address, in the caller's transaction."""
    kept = set(MailRefusal.objects.filter(address=after).values_list("tenant", "kind"))
    for refusal in MailRefusal.objects.filter(address=before):
        if (refusal.tenant_id, refusal.kind) not in kept:
            refusal.address = after
            refusal.save(update_fields=["address"])
