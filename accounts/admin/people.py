"""People and what they belong to."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin, ServiceAdmin
from accounts.admin.desk import caller
from accounts.models import FederatedIdentity, Membership, RefreshToken, User
from accounts.services.passwords import password_reset_request
from accounts.services.tenants import member_add, member_remove, member_set_role
from accounts.services.users import user_activate, user_create, user_deactivate, user_update


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """Passwords are set by their owners only: send them a reset mail."""

    list_display = (
        "email", "username", "full_name", "is_superuser", "staff_role", "is_active", "last_login",
        "created_at",
    )  # fmt: skip
    list_filter = ("is_active", "is_superuser", "staff_role", "email_verified")
    search_fields = ("email", "username", "first_name", "last_name", "employee_id")
    date_hierarchy = "created_at"
    ordering = ("email",)
    actions = ("deactivate", "activate", "send_password_reset")
    readonly_fields = (
        "id", "is_active", "is_staff", "email_verified", "last_login", "deactivated_at", "created_at",
        "updated_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("email", "username", "first_name", "last_name")}),
        ("Profile", {"fields": ("employee_id", "job_title", "timezone")}),
        ("Platform", {"fields": ("is_superuser", "staff_role", "is_staff", "is_active", "email_verified")}),
        ("Times", {"fields": ("last_login", "deactivated_at", "created_at", "updated_at", "id")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "username", "first_name", "last_name", "timezone")}),
        ("Platform", {"fields": ("is_superuser", "staff_role")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def has_mail_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.mail_user")

    @admin.display(description="name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return f"{user.first_name} {user.last_name}".strip()

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request)
        if change:
            user_update(by=by, user=User.objects.get(pk=obj.pk), changes=self.changed(form))
        else:
            created = user_create(by=by, password=None, **form.cleaned_data)
            obj.pk, obj._state.adding = created.pk, False

    @admin.action(description="Deactivate: end all access now", permissions=["end"])
    def deactivate(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="deactivate", title="Deactivate these people",
            verb=lambda user: user_deactivate(by=by, user=user),
        )  # fmt: skip

    @admin.action(description="Let in again", permissions=["handle"])
    def activate(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="activate", title="Let these people in again",
            verb=lambda user: user_activate(by=by, user=user),
        )  # fmt: skip

    @admin.action(description="Send a mail to set a new password", permissions=["mail"])
    def send_password_reset(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        return confirmed(
            self, request, rows, action="send_password_reset", title="Send password reset mails",
            verb=lambda user: password_reset_request(email=user.email),
        )  # fmt: skip


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    list_display = ("user", "tenant", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "tenant")
    search_fields = ("user__email", "user__username", "tenant__slug", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    date_hierarchy = "created_at"
    actions = ("remove",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "tenant", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Membership, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request)
        if change:
            stored = Membership.objects.select_related("user", "tenant").get(pk=obj.pk)
            member_set_role(by=by, member=stored, role=obj.role)
        else:
            obj.pk = member_add(by=by, tenant=obj.tenant, user=obj.user, role=obj.role).pk

    @admin.action(description="Remove from the tenant", permissions=["end"])
    def remove(self, request: HttpRequest, rows: QuerySet[Membership]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="remove", title="Remove these people from their tenants",
            verb=lambda member: member_remove(by=by, member=member),
        )  # fmt: skip


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin):
    list_display = ("user", "family", "created_at", "used_at", "revoked_at", "expires_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), ("used_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("=user__email", "=family")
    date_hierarchy = "created_at"


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(ReadOnlyAdmin):
    list_display = ("user", "issuer", "subject", "created_at")
    list_filter = ("issuer",)
    list_select_related = ("user",)
    search_fields = ("user__email", "=subject")
    date_hierarchy = "created_at"
