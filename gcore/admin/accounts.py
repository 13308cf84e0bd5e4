"""Accounts at Gcore. A secret goes in by this form and is never shown again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
from gcore.errors import GcoreError
from gcore.models import GcoreAccount
from gcore.queries.accounts import account_client
from gcore.services.accounts import FIELDS, SECRETS, account_create, account_update


def _secret() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again; empty: as it was.",
    )


class GcoreAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    password = _secret()
    api_token = _secret()

    class Meta:
        model = GcoreAccount
        fields = FIELDS


@admin.register(GcoreAccount)
class GcoreAccountAdmin(ServiceAdmin):
    form = GcoreAccountForm
    list_display = (
        "name",
        "api_base",
        "username",
        "generation",
        "own_credentials",
        "is_active",
        "updated_at",
    )
    list_filter = ("is_active", "generation")
    search_fields = ("name", "username")
    fields = (*FIELDS[:3], *SECRETS, *FIELDS[3:])
    actions = ("try_out",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    @admin.display(boolean=True)
    def own_credentials(self, account: GcoreAccount) -> bool:
        return account.has_credentials

    def save_model(self, request: HttpRequest, obj: GcoreAccount, form: Any, change: bool) -> None:
        by = caller(request)
        if change:
            account_update(by=by, account=obj, changes=self.changed(form))
        else:
            obj.pk = account_create(by=by, **form.cleaned_data).pk

    @admin.action(description="Try to sign in", permissions=["handle"])
    def try_out(self, request: HttpRequest, rows: QuerySet[GcoreAccount]) -> None:
        """Asks Gcore who we are, with the accounts chosen."""
        for account in rows[:5]:
            try:
                found = account_client(account).who_am_i()
            except GcoreError as error:
                self.message_user(
                    request, f"The account {account} is not signed in. {error.message}", messages.ERROR
                )
            else:
                self.message_user(
                    request, f"The account {account} is signed in as {found.name}.", messages.SUCCESS
                )
