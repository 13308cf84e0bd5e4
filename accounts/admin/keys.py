"""API keys. A key's text is in the answer to its creation and nowhere else."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
from accounts.models import ApiKey, Scope
from accounts.services.keys import api_key_create, api_key_update
from accounts.services.revocation import api_key_revoke


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "expires_at", "rate_limit", "user")


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    form = ApiKeyForm
    list_display = ("name", "tenant", "prefix", "scope_names", "user", "last_used_at", "expires_at", "alive")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), ("user", admin.EmptyFieldListFilter))
    list_select_related = ("tenant", "user")
    search_fields = ("name", "=prefix", "tenant__slug", "user__email")
    autocomplete_fields = ("tenant", "user")
    date_hierarchy = "created_at"
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        made = ("prefix", "revoked_at", "last_used_at", "rotated_from", "created_by", "created_at")
        scopes = "scope_names" if obj else "scopes"
        return ("tenant", "name", scopes, "expires_at", "rate_limit", "user", *(made if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What a key may do is fixed with it; give out a new one to change that."""
        if obj is None:
            return ()
        return tuple(name for name in self.get_fields(request, obj) if name not in {"name", "rate_limit"})

    @admin.display(description="scopes")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(boolean=True)
    def alive(self, key: ApiKey) -> bool:
        return key.is_active

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            stored = ApiKey.objects.select_related("tenant").get(pk=obj.pk)
            api_key_update(by=by, key=stored, name=obj.name, rate_limit=obj.rate_limit)
            return
        key, text = api_key_create(by=by, **form.cleaned_data)
        obj.pk = key.pk
        request.key_text = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> Any:
        """The answer to the POST itself shows the key: a message would write it into a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The key, shown this once",
            "opts": self.opts,
            "name": obj.name,
            "text": request.key_text,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/secret_created.html", context)

    @admin.action(description="Revoke: they open nothing from now on", permissions=["end"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="revoke", title="Revoke these keys",
            verb=lambda key: api_key_revoke(by=by, key=key),
        )  # fmt: skip
