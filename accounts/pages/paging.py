"""Long lists, the newest first, a page at a time: each page begins after the last row of the one before."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.errors import ValidationFailed

SIZE: Final = 50
BEFORE: Final = "before"


class Slice(NamedTuple):
    """`following` is the query of the next page; empty: this is the last."""

    rows: list[Any]
    following: str


def newest(
    rows: QuerySet[Any], request: HttpRequest, size: int = SIZE, *, beside: Sequence[QuerySet[Any]] = ()
) -> Slice:
    """The rows with the highest ids, which are UUIDv7 and so the newest, also of those listed `beside` them.

    Errors: 400 `before` is no id.
    """
    try:
        before = request.GET.get(BEFORE)
        older = [few.filter(pk__lt=UUID(before)) if before else few for few in (rows, *beside)]
    except ValueError as error:
        raise ValidationFailed.field(BEFORE, "it is not a page that this service gave.") from error
    found = [row for few in older for row in few.order_by("-pk")[: size + 1]]
    found.sort(key=lambda row: row.pk, reverse=True)
    following = request.GET.copy()
    following[BEFORE] = str(found[size - 1].pk) if len(found) > size else ""
    return Slice(found[:size], following.urlencode() if following[BEFORE] else "")
