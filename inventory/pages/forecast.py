"""What costs may become."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.errors import AppError
from accounts.models import Tenant
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.principals import SHARED, Principal
from inventory.models import SavedView
from inventory.pages.asking import Question, question
from inventory.pages.counting import EXAMPLES, CountForm
from inventory.pages.drawing import forecast_chart
from inventory.queries.costs import lines_matching
from inventory.queries.daily import daily_costs
from inventory.queries.forecast import HISTORY_DAYS, cost_forecast
from inventory.queries.owners import cost_properties
from inventory.queries.spans import DAY, Span, told_span

DAYS: Final = 30
METHODS: Final = {
    "run_rate": "the average of the last days",
    "weekday_median": "the median of each weekday",
    "holt_winters": "trend and week, smoothed (Holt-Winters)",
}


@require_safe
@tenant_page(SHARED)
def forecast(request: HttpRequest, principal: Principal) -> HttpResponse:
    told = told_span(principal.home)
    names = sorted(cost_properties(principal.home))
    context: dict[str, Any] = {"told": told, "examples": EXAMPLES, "properties": names}
    status = 200
    try:
        asked = question(request, principal.home, SavedView.Kind.COSTS)
        form = CountForm(principal.home, request.GET, alone=f"{principal.home.currency} alone")
        context |= {"asked": asked, "form": form}
        if told is not None and form.is_valid():
            context |= _expected(principal.home, told, asked, form.cleaned_data)
    except AppError as error:
        context |= {"error": error, "pointer": pointer(error)}
        status = error.status
    return show(request, "inventory/forecast.html", principal, status=status, **context)


def _expected(tenant: Tenant, told: Span, asked: Question, chosen: dict[str, Any]) -> dict[str, Any]:
    read = Span(told.ends[1] - HISTORY_DAYS * DAY, None)
    daily = daily_costs(
        tenant=tenant,
        lines=lines_matching(tenant, read, asked.filter),
        cost=chosen["cost"],
        reporting_currency=chosen["currency"] or None,
    )
    found = cost_forecast(daily, DAYS)
    if found is None:
        return {"daily": daily}
    errors = [(METHODS[name], error, name == found.method) for name, error in sorted(found.errors.items())]
    return {
        "daily": daily,
        "found": found,
        "chart": forecast_chart(daily, found),
        "method": METHODS[found.method],
        "errors": errors,
        "days": DAYS,
    }
