"""Lists of the back office as files: the chosen rows, or all that the filters leave."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import lookup_field
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from accounts.admin.desk import Page, caller
from accounts.services.logs import audit
from accounts.streams import streamed
from accounts.tables import FORMATS, Column
from accounts.wire import encode

EXPORTED: Final = 100_000  # rows of one file
FETCHED: Final = 500
PLAIN: Final = (str, int, float, Decimal, date, type(None))


@admin.action(description="Export as CSV", permissions=["view"])
def export_csv(page: Page, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponseBase | None:
    return _file(page, request, rows, "csv")


@admin.action(description="Export as XLSX", permissions=["view"])
def export_xlsx(page: Page, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponseBase | None:
    return _file(page, request, rows, "xlsx")


def _file(page: Page, request: HttpRequest, rows: QuerySet[Any], format: str) -> HttpResponseBase | None:
    """The columns of the list, in its order. A file of so many rows that nobody waits for it is refused."""
    count = rows.order_by()[: EXPORTED + 1].count()
    if count > EXPORTED:
        page.message_user(request, f"Filter more: a file holds {EXPORTED:,} rows.", messages.ERROR)
        return None
    noun = str(page.opts.model_name)
    filters = request.GET.urlencode()
    changes = {"list": [None, page.opts.label_lower], "rows": [None, count], "filters": [None, filters]}
    audit(by=caller(request), action="office.exported", changes=changes)
    names = list(page.get_list_display(request))
    columns = [Column(noun if name == "__str__" else str(name)) for name in names]
    parts = FORMATS[format].parts(str(page.opts.verbose_name_plural)[:31], columns, _cells(page, rows, names))
    headers = {"Content-Disposition": f'attachment; filename="{noun}.{format}"'}
    return streamed(request, parts, content_type=FORMATS[format].media_type, headers=headers)


def _cells(page: Page, rows: QuerySet[Any], names: list[Any]) -> Iterator[list[Any]]:
    for row in rows.iterator(chunk_size=FETCHED):
        yield [_cell(lookup_field(name, row, page)[2]) for name in names]


def _cell(value: Any) -> Any:
    if isinstance(value, SafeString):
        return strip_tags(value).strip()
    if isinstance(value, list | dict):
        return encode(value).decode()
    return value if isinstance(value, PLAIN) and not isinstance(value, bool) else str(value)
