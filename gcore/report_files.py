"""Reports as JSON, CSV and XLSX, written while their rows are read: memory does not grow with them.

Every form has the same rows in the same order, and numbers with every digit that Gcore sent.
"""

import base64
import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.errors import ValidationFailed
from accounts.sheets import Cell
from accounts.snapshot import snapshot
from accounts.streams import PART, Parts, csv_parts, file_parts, streamed
from accounts.wire import encode
from gcore.models import ReportJob, ReportRow
from gcore.queries.reports import Report

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FETCHED: Final = 2000
XLSX_MAX_ROWS: Final = 1_048_575  # of a sheet, and the header
STREAMED: Final = 5000  # rows from which on an answer is sent in parts
BASE64_PART: Final = 3 * 16 * 1024
PRODUCT: Final = "Product"
# As Gcore orders and writes them, and where the older service put the product.
COLUMNS: Final = {
    "Client ID": "client_id",
    "Company name": "company_name",
    "Feature ID": "feature_id",
    "Feature name": "feature_name",
    "Metric value": "metric_value",
    PRODUCT: "",
    "Region ID": "region_id",
    "Region name": "region_name",
    "Resource ID": "resource_id",
    "Resource name": "resource_name",
    "Unit name": "unit_name",
}
USUAL: Final = ("Client ID", "Company name", "Feature ID", "Feature name", "Metric value", "Unit name")


def report_csv(report: Report) -> Parts:
    names = _names(report)
    with snapshot():
        yield from csv_parts(names, (row for job in report.completed for row in _rows(job, names)))


def report_xlsx(report: Report) -> IO[bytes]:
    """A workbook, a sheet for each product; it is written whole before its first byte can be sent.

    Errors: ValidationFailed when a product has more rows than a sheet.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    from accounts.workbooks import long_sheet, xlsx_cell

    if any(job.row_count > XLSX_MAX_ROWS for job in report.completed):
        raise ValidationFailed.field("format", f"a sheet of XLSX holds {XLSX_MAX_ROWS:,} rows; take CSV.")
    names = [name for name in _names(report) if name != PRODUCT]
    book = Workbook(write_only=True)
    with snapshot():
        for job in report.completed:
            sheet = long_sheet(book, job.get_product_display(), names)
            for row in _rows(job, names):
                sheet.append([xlsx_cell(sheet, value) for value in row])
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(names))}{job.row_count + 1}"
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by whoever reads it)
    book.save(file)
    return file


def xlsx_parts(report: Report) -> Parts:
    return file_parts(report_xlsx(report))


FILES: Final[dict[str, tuple[str, Callable[[Report], Parts]]]] = {
    "xlsx": (XLSX, xlsx_parts),
    "csv": ("text/csv", report_csv),
}


def report_file(request: HttpRequest, report: Report, form: str) -> HttpResponseBase:
    """The file itself, of FILES, under a name of its own."""
    media_type, write = FILES[form]
    job = report.jobs[0]
    name = f"gcore-{report.product}-{job.client_id}-{job.start_date}-{job.end_date}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return sent(request, report, write(report), content_type=media_type, headers=headers)


def sent(request: HttpRequest, report: Report, parts: Parts, **options: Any) -> HttpResponseBase:
    """A short answer at once, another in parts."""
    if report.count < STREAMED:
        return HttpResponse(b"".join(parts), **options)
    return streamed(request, parts, **options)


def envelope_parts(envelope: dict[str, Any], data: Parts) -> Parts:
    """The envelope as JSON, with `data` in it in place of its own."""
    before = {name: envelope[name] for name in ("uuid", "status", "count")}
    after = {name: value for name, value in envelope.items() if name not in (*before, "data")}
    yield encode(before)[:-1] + b',"data":'
    yield from data
    yield b"," + encode(after)[1:] if after else b"}"


def rows_json(report: Report) -> Parts:
    """A list of objects by the columns' names; what is empty is left out."""
    names = _names(report)
    part = bytearray(b"[")
    between = b""
    with snapshot():
        for job in report.completed:
            for row in _rows(job, names):
                told = {name: _text(value) for name, value in zip(names, row, strict=True) if value != ""}
                part += between + encode(told)
                between = b","
                if len(part) >= PART:
                    yield bytes(part)
                    part.clear()
    yield bytes(part) + b"]"


def csv_json(report: Report) -> Parts:
    """The CSV as one JSON string."""
    yield b'"'
    for part in report_csv(report):
        yield encode(part.decode())[1:-1]
    yield b'"'


def xlsx_json(report: Report) -> Parts:
    """The workbook as the older service told it: base64 with its type and size."""
    with report_xlsx(report) as file:
        size = file.tell()
        yield encode({"content_type": XLSX, "size_bytes": size, "format": "excel"})[:-1] + b',"data":"'
        file.seek(0)
        while part := file.read(BASE64_PART):
            yield base64.b64encode(part)
    yield b'"}'


def _text(value: Cell) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _names(report: Report) -> list[str]:
    """The usual columns, and those in which some row has something."""
    held = {*USUAL, *([PRODUCT] if report.bundle else [])}
    fields = {field for job in report.completed for field in job.columns}
    return [name for name, field in COLUMNS.items() if name in held or field in fields]


def _rows(job: ReportJob, names: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    fields = [COLUMNS[name] for name in names if name != PRODUCT]
    rows = ReportRow.objects.for_tenant(job.tenant).filter(job=job).order_by("position")
    found = rows.values_list(*fields).iterator(chunk_size=FETCHED)
    if PRODUCT not in names:
        return found
    place, product = list(names).index(PRODUCT), job.get_product_display()
    return ((*row[:place], product, *row[place:]) for row in found)
