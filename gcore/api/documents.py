"""What callers send to ask for reports, and reports as the API answers them."""

import datetime as dt
import re
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.principals import Principal
from gcore.models import ReportJob
from gcore.queries.reports import PARTIAL, Report

DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FORMATS: Final = ("json", "csv", "excel")


@extend_schema_field(OpenApiTypes.DATE)
class Day(serializers.Field[dt.date, str, str, str]):
    """`2025-09-01`, a day of the calendar."""

    def to_internal_value(self, data: str) -> dt.date:
        try:
            if not DAY.fullmatch(str(data)):
                raise ValueError
            return dt.date.fromisoformat(data)
        except ValueError as error:
            raise serializers.ValidationError("Give a day of the calendar, YYYY-MM-DD.") from error

    def to_representation(self, value: dt.date) -> str:
        return value.isoformat()


class FormatField(serializers.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(FORMATS, **{"default": "json", **kwargs})

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(str(data).lower())


class ReportFormatRequest(serializers.Serializer[Any]):
    format = FormatField(help_text="Of `data` in the envelope; an Accept of CSV or XLSX goes before it.")


class ReportCreateRequest(ReportFormatRequest):
    gcore_user_id = serializers.RegexField(r"\A[0-9]{1,20}\Z", help_text="The number of the Gcore client.")
    start_date = Day()
    end_date = Day(help_text="Included.")
    tenant_id = serializers.CharField(max_length=63, required=False, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start_date"] > attrs["end_date"]:
            raise serializers.ValidationError({"end_date": "It must not be before start_date."})
        return attrs


class ReportResponse(serializers.ModelSerializer[ReportJob]):
    uuid = serializers.UUIDField(source="id")
    gcore_user_id = serializers.CharField(source="client_id")
    account = serializers.CharField(source="account.name")
    status = serializers.ChoiceField(ReportJob.State.choices, source="state")
    count = serializers.IntegerField(source="row_count", help_text="Rows, once it is completed.")

    class Meta:
        model = ReportJob
        fields = [
            "uuid", "product", "account", "gcore_user_id", "start_date", "end_date", "status", "progress",
            "count", "zero_rows", "aside_rows", "attempts", "next_poll_at", "deadline", "notes", "error",
            "sha256", "size", "requested_by", "created_at", "finished_at",
        ]  # fmt: skip


class ProductOutcome(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    status = serializers.ChoiceField(ReportJob.State.choices)
    count = serializers.IntegerField()
    error = serializers.CharField(required=False)


class ReportEnvelope(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    status = serializers.ChoiceField([*ReportJob.State.values, PARTIAL])
    count = serializers.IntegerField(help_text="Rows, whatever the format.")
    data = serializers.JSONField(  # type: ignore[assignment]  # the contract's name, also one of DRF's
        help_text="A list of objects; CSV text; or for excel `{content_type, size_bytes, format, data}` with"
        " the workbook in base64. An empty list until there is something."
    )
    products = serializers.DictField(
        child=ProductOutcome(), required=False, help_text="Of all products at once: what became of each."
    )
    error = serializers.CharField(required=False, help_text="Why there are no rows.")
    first_lines = serializers.CharField(
        required=False, help_text="Of a file that was refused; for platform staff."
    )


def envelope_of(report: Report, by: Principal) -> dict[str, Any]:
    """The answer about a report, without its rows."""
    told: dict[str, Any] = {"uuid": report.id, "status": report.status, "count": report.count, "data": []}
    if report.bundle:
        told["products"] = {job.product: _outcome(job) for job in report.jobs}
    if report.failed:
        told["error"] = error_of(report)
    first_lines = "\n".join(job.first_lines for job in report.failed if job.first_lines)
    if first_lines and by.platform:
        told["first_lines"] = first_lines
    return told


def error_of(report: Report) -> str:
    """Why there are no rows, by product where there are several."""
    if report.bundle is None:
        return report.jobs[0].error
    return " ".join(f"{job.get_product_display()}: {job.error}" for job in report.failed)


def _outcome(job: ReportJob) -> dict[str, Any]:
    told = {"uuid": job.pk, "status": job.state, "count": job.row_count}
    return told | ({"error": job.error} if job.error else {})
