"""Files of resources and costs: upload, map, preview, confirm, undo."""

from typing import Any, Final

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.errors import NotFound, PayloadTooLarge
from accounts.permissions import refuse_other_tenant
from accounts.streams import file_parts, streamed
from inventory.layouts import layout_of, suggestions
from inventory.models import CostDay, Import
from inventory.queries.imports import DayChange, day_changes
from inventory.services.imports import (
    import_confirm,
    import_discard,
    import_map,
    import_missing,
    import_preview,
    import_receive,
    import_undo,
)

ROOM_FOR_FIELDS: Final = 64 * 1024
MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DATE_ORDERS: Final = [("", "as the file tells"), ("mdy", "month first"), ("dmy", "day first")]


class UploadParser(MultiPartParser):
    """Files go to disk as they come; one that is announced as too large is not even begun with."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if length > settings.IMPORT_MAX_BYTES + ROOM_FOR_FIELDS:
            raise PayloadTooLarge(f"The file is larger than {settings.IMPORT_MAX_BYTES} bytes.")
        return super().parse(stream, media_type, parser_context)


class ImportResponse(serializers.ModelSerializer[Import]):
    organization_id = serializers.UUIDField(source="tenant_id")
    source = serializers.CharField(help_text="Who tells. A file replaces what its source told.")  # type: ignore[assignment]
    totals = serializers.DictField(child=Exact(), help_text="Billed cost of the good rows by currency.")
    has_rejects = serializers.SerializerMethodField(help_text="Whether `/rejects` has a file.")

    class Meta:
        model = Import
        fields: tuple[str, ...] = (
            "id", "organization_id", "kind", "origin", "state", "mode", "source", "file_name", "size",
            "sha256", "rows", "inserted", "updated", "unchanged", "removed", "rejected", "totals",
            "has_rejects", "message", "actor", "created_at", "checked_at", "applied_at", "undone_at",
        )  # fmt: skip

    def get_has_rejects(self, run: Import) -> bool:
        return bool(run.rejects)


class ImportWarning(serializers.Serializer[Any]):
    message = serializers.CharField()
    count = serializers.IntegerField()
    rows = serializers.ListField(child=serializers.IntegerField(), help_text="The first of them.")


class ImportError(serializers.Serializer[Any]):
    row = serializers.IntegerField(
        help_text="Line of a CSV file, row of a sheet, item of a JSON array; from 1."
    )
    field = serializers.CharField(help_text="Empty: the row as a whole.")
    message = serializers.CharField()


class ImportDetail(ImportResponse):
    layout = serializers.CharField(source="layout.name", default="")
    settings = serializers.SerializerMethodField(help_text="How it is read; PATCH changes them.")
    columns = serializers.ListField(source="header", child=serializers.CharField(), help_text="The file's.")
    mapping = serializers.DictField(child=serializers.CharField(), help_text="Our column → the file's.")
    unused = serializers.SerializerMethodField(help_text="Columns of the file that are left out.")
    missing = serializers.SerializerMethodField(help_text="Our columns that it cannot do without.")
    suggestions = serializers.SerializerMethodField(help_text="For the missing ones, what may be meant.")
    warnings = ImportWarning(many=True)
    errors = ImportError(many=True, help_text="Of the first 1,000 refused rows.")  # type: ignore[assignment]

    class Meta(ImportResponse.Meta):
        fields = (
            *ImportResponse.Meta.fields, "layout", "settings", "columns", "mapping", "unused", "missing",
            "suggestions", "warnings", "errors",
        )  # fmt: skip

    def get_settings(self, run: Import) -> dict[str, Any]:
        return {name: run.layout[name] for name in SETTINGS if name in run.layout}

    def get_unused(self, run: Import) -> list[str]:
        used = set(run.mapping.values())
        tags = layout_of(run.layout).tags(run.header) if run.layout else {}
        return [name for place, name in enumerate(run.header) if name not in used and place not in tags]

    def get_missing(self, run: Import) -> list[str]:
        return import_missing(run) if run.layout else []

    def get_suggestions(self, run: Import) -> dict[str, str]:
        return suggestions(layout_of(run.layout), run.header, run.mapping) if run.layout else {}


class ImportUpload(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, help_text="CSV, XLSX or JSON, each also gzipped.")
    kind = serializers.ChoiceField(Import.Kind.choices)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=100, required=False, default="",
        help_text="Who tells; by default the one that the bulk API writes for.",
    )  # fmt: skip
    profile = serializers.CharField(
        max_length=63, required=False, default="",
        help_text="A mapping profile, or plain, focus, aws-cur, azure-ea; by default the header decides.",
    )  # fmt: skip
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class LayoutSettings(serializers.Serializer[Any]):
    provider = serializers.CharField(
        max_length=32, required=False, allow_blank=True, help_text="Of rows that name none."
    )
    currency = serializers.RegexField(r"^([A-Z]{3})?$", required=False, help_text="Of rows that name none.")
    date_order = serializers.ChoiceField(
        DATE_ORDERS, required=False, help_text="Of dates that do not begin with the year."
    )
    decimal_comma = serializers.BooleanField(required=False, help_text="Numbers are written 1.234,56.")
    keyed = serializers.BooleanField(
        required=False, help_text="Rows are known by the key of the bulk API: of equal ones the last counts."
    )


SETTINGS: Final = tuple(LayoutSettings().fields)


class ImportMapping(LayoutSettings):
    profile = serializers.CharField(max_length=63, required=False)
    columns = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=1000), required=False,
        help_text="Our column → the file's; an empty text: none.",
    )  # fmt: skip
    mode = serializers.ChoiceField(
        Import.Mode.choices, required=False, help_text="add: keep what counts on its days beside its rows."
    )


class DayChangeResponse(serializers.Serializer[DayChange]):
    provider = serializers.CharField()
    billing_account_id = serializers.CharField()
    period_start = serializers.DateTimeField()
    day = serializers.DateField()
    lines = serializers.IntegerField()
    costs = serializers.DictField(child=Exact(), help_text="Billed, by currency.")
    lines_now = serializers.IntegerField(help_text="Those that count now.")
    costs_now = serializers.DictField(child=Exact())


class ImportFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Import.Kind.choices)
    origin = django_filters.ChoiceFilter(choices=Import.Origin.choices)
    state = django_filters.ChoiceFilter(choices=Import.State.choices)
    source = django_filters.CharFilter(max_length=100)

    class Meta:
        model = Import
        fields: tuple[str, ...] = ("kind", "origin", "state", "source")


@extend_schema_view(
    list=extend_schema(
        operation_id="imports_list",
        description="Every way in which rows came, the newest first: files, calls, providers' reports.",
        responses=ImportResponse(many=True),
        tags=["imports"],
    ),
    retrieve=extend_schema(
        operation_id="imports_retrieve",
        description="One import, with what was found in its file.",
        responses=ImportDetail,
        tags=["imports"],
    ),
)
class ImportViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Import]):
    """Nothing of a file counts before it is confirmed."""

    queryset = Import.objects.select_related("tenant")
    filterset_class = ImportFilter
    lookup_value_converter = "uuid"

    def get_serializer_class(self) -> Any:
        return ImportResponse if self.action == "list" else ImportDetail

    def get_parsers(self) -> Any:
        upload = getattr(self, "action_map", {}).get("post") == "create"
        return [UploadParser()] if upload else super().get_parsers()

    @extend_schema(
        operation_id="imports_upload",
        request={"multipart/form-data": ImportUpload},
        responses={201: ImportDetail, 200: ImportDetail},
        tags=["imports"],
    )
    def create(self, request: Request) -> Response:
        """Send a file. 200: it came before, and this is that import. Then preview it."""
        body = validated(ImportUpload, request)
        refuse_other_tenant(self.principal, body["organization_id"])
        file = body["file"]
        if file.size > settings.IMPORT_MAX_BYTES:
            raise PayloadTooLarge(f"The file is larger than {settings.IMPORT_MAX_BYTES} bytes.")
        run, new = import_receive(
            by=self.principal, tenant=self.principal.home, kind=body["kind"], file=file, name=file.name,
            source=body["source"], profile=body["profile"],
        )  # fmt: skip
        return self._answer(run, status.HTTP_201_CREATED if new else status.HTTP_200_OK)

    @extend_schema(
        operation_id="imports_map", request=ImportMapping, responses=ImportDetail, tags=["imports"]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Read the file otherwise, before it is confirmed."""
        changes = validated(ImportMapping, request)
        return self._answer(import_map(by=self.principal, run=self.get_object(), changes=changes))

    @extend_schema(operation_id="imports_discard", responses={204: None}, tags=["imports"])
    def destroy(self, request: Request, pk: str) -> Response:
        """Forget a file that was never confirmed."""
        import_discard(by=self.principal, run=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="imports_preview",
        request=None,
        responses={200: ImportDetail, 202: ImportDetail},
        tags=["imports"],
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def preview(self, request: Request, pk: str) -> Response:
        """Check every row, and tell what would change. 202: a worker does it; ask until it is checked."""
        run = import_preview(by=self.principal, run=self.get_object())
        waiting = run.state == Import.State.CHECKING
        return self._answer(run, status.HTTP_202_ACCEPTED if waiting else status.HTTP_200_OK)

    @extend_schema(operation_id="imports_confirm", request=None, responses=ImportDetail, tags=["imports"])
    @action(detail=True, methods=["post"], filterset_class=None)
    def confirm(self, request: Request, pk: str) -> Response:
        """Let exactly what the preview told happen. 409 when something else came since."""
        return self._answer(import_confirm(by=self.principal, run=self.get_object()))

    @extend_schema(operation_id="imports_undo", request=None, responses=ImportDetail, tags=["imports"])
    @action(detail=True, methods=["post"], filterset_class=None)
    def undo(self, request: Request, pk: str) -> Response:
        """Give back what was there before; what came by other ways since stays."""
        return self._answer(import_undo(by=self.principal, run=self.get_object()))

    @extend_schema(
        operation_id="imports_days",
        filters=False,
        responses=DayChangeResponse(many=True),
        tags=["imports"],
    )
    @action(detail=True, filterset_class=None, filter_backends=[])
    def days(self, request: Request, pk: str) -> Response:
        """Of costs: what each day of each bill holds in the file, and what counts now."""
        run = self.get_object()
        days: QuerySet[CostDay] = CostDay.objects.for_tenant(run.tenant).filter(source_import=run)
        ordered: Any = days.order_by("day", "provider", "pk")
        page: Any = self.paginate_queryset(ordered)
        changes: Any = day_changes(run, page)
        return self.get_paginated_response(DayChangeResponse(changes, many=True).data)

    @extend_schema(
        operation_id="imports_rejects",
        filters=False,
        responses={(200, kind): OpenApiTypes.BINARY for kind in MEDIA_TYPES.values()},
        tags=["imports"],
    )
    @action(detail=True, filterset_class=None, filter_backends=[])
    def rejects(self, request: Request, pk: str) -> StreamingHttpResponse:
        """The refused rows in the file's own layout, each with its reasons: put them right and send them."""
        run = self.get_object()
        if not run.rejects:
            raise NotFound("No row of this import was refused.")
        form = str(run.rejects.name).rpartition(".")[2]
        headers = {"Content-Disposition": f'attachment; filename="rejects-{run.pk}.{form}"'}
        parts = file_parts(run.rejects.open("rb"))
        return streamed(request._request, parts, content_type=MEDIA_TYPES[form], headers=headers)

    def _answer(self, run: Import, code: int = status.HTTP_200_OK) -> Response:
        return Response(ImportDetail(run).data, status=code)
