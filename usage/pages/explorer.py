"""The usage explorer: what a meter or a metric counted, by window and group, drawn, listed and as files."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from accounts.errors import AppError, NotFound
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.streams import streamed
from accounts.tables import FORMATS
from usage.dimensions import DIMENSIONS
from usage.meter_files import meter_parts
from usage.models import Meter, UsageEvent
from usage.pages.asking import ExplorerForm
from usage.pages.drawing import Drawing, answer_drawing, group_name
from usage.queries.meters import Answer, Question, meter_query

LISTED: Final = 500
FILES: Final = ("csv", "xlsx")


@require_safe
@tenant_page()
def usage(request: HttpRequest, principal: Principal) -> HttpResponse:
    tenant = principal.home
    form = ExplorerForm(tenant, request.GET)
    error, context = None, dict[str, Any]()
    if form.is_valid():
        try:
            context = _found(*_asked(form))
        except AppError as refused:
            error = refused
    return show(
        request,
        "usage/explorer.html",
        principal,
        status=error.status if error else 400 if form.errors else 200,
        form=form,
        error=error,
        pointer=pointer(error) if error else None,
        properties=DIMENSIONS,
        any_event=UsageEvent.objects.for_tenant(tenant).exists(),
        **context,
    )


@require_safe
@tenant_page()
def usage_file(request: HttpRequest, principal: Principal, format: str) -> StreamingHttpResponse:
    """All rows of the same question. Errors: 400 a question that cannot be asked, 404 no such format."""
    form = ExplorerForm(principal.home, request.GET)
    if format not in FILES or not form.is_valid():
        raise NotFound("There is no such file.")
    meter, question, answer = _asked(form)
    parts = meter_parts(format, meter, question, answer)
    name = f"usage-{principal.home.slug}-{question.start:%Y%m%d}-{question.end:%Y%m%d}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return streamed(request, parts, content_type=FORMATS[format].media_type, headers=headers)


def _asked(form: ExplorerForm) -> tuple[Meter, Question, Answer]:
    meter, question = form.chosen_meter(), form.question()
    return meter, question, meter_query(meter=meter, question=question)


def _found(meter: Meter, question: Question, answer: Answer) -> dict[str, Any]:
    drawing = answer_drawing(meter, question, answer)
    drawn = isinstance(drawing, Drawing)
    values = [row.value for row in answer.rows if row.value is not None]
    return {
        "meter": meter,
        "question": question,
        "names": [".".join(path) for path in question.group_by],
        "rows": [
            (row, row.start.astimezone(question.zone), [group_name((text,)) for text in row.group])
            for row in answer.rows[:LISTED]
        ],
        "found": len(answer.rows),
        "is_empty": not any(values),
        "drawing": drawing if drawn else None,
        "not_drawn": "" if drawn else drawing,
        "mark": answer.watermark,
    }
