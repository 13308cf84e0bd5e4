"""Long lists, the newest first, a page at a time: each page begins after the last row of the one before."""

from collections.abc import Callable, Sequence
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
    rows: QuerySet[Any],
    request: HttpRequest,
    size: int = SIZE,
    *,
    beside: Sequence[QuerySet[Any]] = (),
    by: str = "pk",
    read: Callable[[str], Any] = UUID,
) -> Slice:
    """The rows with the highest ids, which are UUIDv7 and so the newest, also of those listed `beside` them.

    `by` names a column that says better which is newest. Errors: 400 `before` is none of them.
    """
    try:
        before = request.GET.get(BEFORE)
        past = {f"{by}__lt": read(before)} if before else {}
    except ValueError as error:
        raise ValidationFailed.field(BEFORE, "it is not a page that this service gave.") from error
    found = [row for few in (rows, *beside) for row in few.filter(**past).order_by(f"-{by}")[: size + 1]]
    found.sort(key=lambda row: getattr(row, by), reverse=True)
    following = request.GET.copy()
    following[BEFORE] = str(getattr(found[size - 1], by)) if len(found) > size else ""
    return Slice(found[:size], following.urlencode() if following[BEFORE] else "")
