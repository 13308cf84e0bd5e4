"""Answers that may be files."""

from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.errors import ValidationFailed

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES: Final = {"csv": "text/csv", "xlsx": XLSX}
FORMAT: Final = OpenApiParameter(
    "format", OpenApiTypes.STR, enum=["json", *MEDIA_TYPES], description="Or by Accept; default: json."
)


def wanted_file(request: Request) -> str | None:
    """`csv` or `xlsx` when the call asks for one, by parameter or by Accept."""
    form = request.query_params.get("format")
    if form is not None and form not in {"json", *MEDIA_TYPES}:
        raise ValidationFailed.field("format", "give json, csv or xlsx.")
    if form is not None:
        return form if form in MEDIA_TYPES else None
    accepted = request.headers.get("Accept", "")
    return next((name for name, media_type in MEDIA_TYPES.items() if media_type in accepted), None)
