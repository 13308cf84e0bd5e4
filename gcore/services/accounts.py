"""Accounts at Gcore: made and changed by the platform's staff. Secrets go in and never come out."""

from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from accounts.errors import Conflict, ValidationFailed
from accounts.principals import Principal
from accounts.services.logs import audit
from accounts.signing import seal
from gcore.models import GcoreAccount
from gcore.models.accounts import DEFAULT

SECRETS: Final = {"password": "sealed_password", "api_token": "sealed_api_token"}
FIELDS: Final = (
    "name", "api_base", "username", "generation", "report_template", "end_is_exclusive", "is_active",
)  # fmt: skip


def account_default() -> GcoreAccount:
    """The account `default`, there from its first use on."""
    return GcoreAccount.objects.get_or_create(name=DEFAULT)[0]


@transaction.atomic
def account_create(*, by: Principal, name: str, **fields: Any) -> GcoreAccount:
    """A new account; `fields` are those of FIELDS and SECRETS. Errors: 400 the base, 409 a taken name."""
    if GcoreAccount.objects.filter(name=name).exists():
        raise Conflict(f"There is a Gcore account {name} already.")
    account = GcoreAccount(name=name)
    _apply(account, fields)
    account.save()
    audit(by=by, action="gcore_account.created", subject=account, changes={"name": [None, name]})
    return account


@transaction.atomic
def account_update(*, by: Principal, account: GcoreAccount, changes: dict[str, Any]) -> GcoreAccount:
    """Change some of FIELDS and SECRETS; an empty secret leaves the one that is there. Errors as above."""
    stored = GcoreAccount.objects.select_for_update().get(pk=account.pk)
    before = {name: getattr(stored, name) for name in FIELDS}
    given = [name for name in SECRETS if changes.get(name)]
    _apply(stored, changes)
    stored.save()
    told = {name: [before[name], getattr(stored, name)] for name in FIELDS}
    told = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
    told |= {name: ["(hidden)", "(another)"] for name in given}
    if told:
        audit(by=by, action="gcore_account.updated", subject=stored, changes=told)
    return stored


def _apply(account: GcoreAccount, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name not in SECRETS:
            setattr(account, name, value)
        elif value:
            setattr(account, SECRETS[name], seal(value))
    account.api_base = account.api_base.rstrip("/")
    if settings.STRICT and urlsplit(account.api_base).scheme != "https":
        raise ValidationFailed.field("api_base", "credentials go over https alone.")
