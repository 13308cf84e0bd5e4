"""Answers that may be files."""

from collections.abc import Mapping
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
    return accepted_file(request, MEDIA_TYPES)


def accepted_file(request: Request, media_types: Mapping[str, str]) -> str | None:
    """The file that Accept names and likes no less than JSON, the first of those that it likes best.

    A wildcard names none.
    """
    likes = {str(accepted).partition(";")[0]: accepted.quality for accepted in request.accepted_types}
    best = max(media_types, key=lambda name: likes.get(media_types[name], 0))
    liking = likes.get(media_types[best], 0)
    return best if liking and liking >= likes.get("application/json", 0) else None
