"""The explorer of costs: a span of days, a filter, and what the costs are made of."""

from typing import Any, Final, NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.errors import AppError, ValidationFailed
from accounts.exact import quotient
from accounts.models import Scope, Tenant
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.principals import SHARED, Principal
from inventory.focus_export import DEFAULT
from inventory.models import SavedView
from inventory.pages.asking import Question, question
from inventory.pages.counting import EXAMPLES, CountForm
from inventory.pages.drawing import costs_chart
from inventory.queries.analytics import Analytics, Part, Savings, cost_analytics, savings_of
from inventory.queries.costs import lines_matching
from inventory.queries.dimensions import Dimension, dimension_names, narrowed, read_dimensions
from inventory.queries.owners import cost_properties
from inventory.queries.series import cost_series
from inventory.queries.spans import DAY, Span, spans_near, told_span
from inventory.reading import YEARS

PARTS: Final = 100  # rows of the table; the others are added up in one
CHOICES: Final = 3  # of what to group by, and one more than are chosen
USUAL: Final = "30 days"
BY: Final = "service"


class SpanForm(CountForm):
    """Whole days (UTC), both included."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    field_order = ("first", "last", "cost", "currency")

    def __init__(self, tenant: Tenant, span: Span, data: Any) -> None:
        start, end = span.ends
        super().__init__(tenant, data, first=start, last=end - DAY)

    def span(self) -> Span:
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        if last < first:
            raise ValidationFailed("The days end before they begin.")
        if first.year < YEARS[0] or last.year > YEARS[-1]:
            raise ValidationFailed(f"Give days of the years {YEARS[0]} to {YEARS[-1]}.")
        return Span(first, last + DAY)


class Row(NamedTuple):
    """A part, with its share of the total of its currency, and the filters that ask for it alone."""

    part: Part
    cells: list[tuple[str, str, str]]
    savings: Savings
    share: Any


@require_safe
@tenant_page(SHARED)
def costs(request: HttpRequest, principal: Principal) -> HttpResponse:
    tenant = principal.home
    told = told_span(tenant)
    context: dict[str, Any] = {"told": told, "may_write": principal.allows(Scope.WRITE), "examples": EXAMPLES}
    status = 200
    try:
        asked = question(request, tenant, SavedView.Kind.COSTS)
        context |= {"asked": asked, "properties": sorted(cost_properties(tenant))}
        if told is not None:
            status = _explored(request, tenant, told, asked, context)
    except AppError as error:
        context |= {"error": error, "pointer": pointer(error)}
        status = error.status
    return show(request, "inventory/costs.html", principal, status=status, **context)


def _explored(
    request: HttpRequest, tenant: Tenant, told: Span, asked: Question, context: dict[str, Any]
) -> int:
    """Put what there is to see into the context; the status."""
    near = spans_near(told)
    form = SpanForm(tenant, near[USUAL], request.GET)
    names = asked.group_by or ([] if "group_by" in request.GET or asked.view else [BY])
    context |= {"form": form, "near": _links(request, near), **_choices(tenant, names)}
    if not form.is_valid():
        return 400
    dimensions, span, cost = read_dimensions([",".join(names)]), form.span(), form.cleaned_data["cost"]
    lines = lines_matching(tenant, span, asked.filter)
    chosen = {"tenant": tenant, "lines": lines, "span": span, "dimensions": dimensions, "cost": cost}
    found = cost_analytics(currency=form.cleaned_data["currency"] or None, limit=PARTS, **chosen)
    series = cost_series(found=found, **chosen)
    context |= {
        "found": found,
        "span": span,
        "last": span.ends[1] - DAY,
        "cost": cost,
        "dimensions": dimensions,
        "charts": [(one, costs_chart(one, found.completeness.incomplete)) for one in series],
        "totals": [(total, savings_of(total.sums)) for total in found.totals],
        "rows": _rows(found, dimensions, asked.filter, cost),
        "exports": _exports(tenant, span, asked, names, form),
    }
    return 200


def _rows(found: Analytics, dimensions: list[Dimension], filter: str, cost: str) -> list[Row]:
    totals = {total.currency: getattr(total.sums, cost) for total in found.totals}
    rows = []
    for part in found.parts:
        amount, whole = getattr(part.sums, cost), totals[part.currency]
        share = quotient(100 * amount, whole) if amount is not None and whole else None
        cells = [
            (dimension.name, label, narrowed(filter, dimension.name, label))
            for dimension, label in zip(dimensions, part.group, strict=True)
        ]
        rows.append(Row(part, cells, savings_of(part.sums), share))
    return rows


def _choices(tenant: Tenant, names: list[str]) -> dict[str, Any]:
    """What may be grouped by, for as many choices as are made and one more."""
    known = dimension_names(tenant)
    known += [name for name in names if name not in known]
    wanted = max(CHOICES, len(names) + 1)
    return {"known": known, "chosen": [*names, *[""] * (wanted - len(names))]}


def _links(request: HttpRequest, near: dict[str, Span]) -> list[tuple[str, str, bool]]:
    """For each usual span its name, its address, and whether it is the one that is shown."""
    now = (request.GET.get("first"), request.GET.get("last"))
    links = []
    for name, span in near.items():
        start, end = span.ends
        days = (start.isoformat(), (end - DAY).isoformat())
        query = request.GET.copy()
        query["first"], query["last"] = days
        links.append((name, query.urlencode(), days == now or (now == (None, None) and name == USUAL)))
    return links


def _exports(tenant: Tenant, span: Span, asked: Question, names: list[str], form: SpanForm) -> dict[str, str]:
    """Queries of files: of the table, and of the lines behind it."""
    start, end = span.ends
    same = {"tenant_id": tenant.slug, "start": start.isoformat(), "end": end.isoformat()}
    if asked.filter:
        same["filter"] = asked.filter
    if currency := form.cleaned_data["currency"]:
        same["reporting_currency"] = currency
    table = {**same, "cost": form.cleaned_data["cost"], "group_by": ",".join(names)}
    return {"table": urlencode(table), "lines": urlencode(same), "focus": f"focus-{DEFAULT}"}
