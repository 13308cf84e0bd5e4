"""Statements: closed with "add", adjusted with an action, never changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin, Rows, ServiceAdmin
from accounts.admin.desk import caller
from usage.models import Adjustment, AdjustmentLine, Statement, StatementLine
from usage.queries.statements import statement_problems
from usage.services.statements import statement_adjust, statement_close

LINE = (
    "position", "service_type", "service_provider", "model", "unit", "quantity", "unrounded", "amount",
    "currency", "scheme", "starts_at", "ends_at",
)  # fmt: skip


class StatementLines(Rows):
    model = StatementLine
    fields = readonly_fields = LINE


class AdjustmentLines(Rows):
    model = AdjustmentLine
    fields = readonly_fields = LINE


class CloseForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = Statement
        fields = ("tenant", "month")


@admin.register(Statement)
class StatementAdmin(ServiceAdmin):
    """Adding one closes the month."""

    form = CloseForm
    list_display = ("number", "tenant", "month", "totals", "as_of", "closed_at", "closed_by")
    list_filter = (("month", admin.DateFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("tenant__slug",)
    autocomplete_fields = ("tenant",)
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("adjust",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("tenant", "month")
        return (
            "tenant", "number", "month", "timezone", "starts_at", "ends_at", "totals", "as_of", "closed_at",
            "closed_by", "previous_digest", "digest", "digests", "rules",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[type[Any]]:
        return [StatementLines] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_adjust_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("usage.add_adjustment"))

    @admin.display
    def digests(self, statement: Statement) -> str:
        return "; ".join(statement_problems(statement)) or "all hold"

    def save_model(self, request: HttpRequest, obj: Statement, form: Any, change: bool) -> None:
        closed = statement_close(by=caller(request, obj.tenant), tenant=obj.tenant, month=obj.month)
        obj.pk, obj.number = closed.pk, closed.number

    @admin.action(description="Adjust: add what came late", permissions=["adjust"])
    def adjust(self, request: HttpRequest, rows: QuerySet[Statement]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows.select_related("tenant"), action="adjust", title="Adjust these statements",
            verb=lambda statement: statement_adjust(by=by, statement=statement),
        )  # fmt: skip


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    list_display = ("number", "statement", "tenant", "totals", "reason", "as_of", "closed_at", "closed_by")
    list_select_related = ("tenant", "statement")
    search_fields = ("tenant__slug", "reason")
    ordering = ("-id",)
    inlines = [AdjustmentLines]
