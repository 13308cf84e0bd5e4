"""From Gcore's JSON to our shapes. Lists come bare or in an envelope; fields nested or flat."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from accounts.wire import exact_number
from gcore.client.shapes import (
    CloudTask,
    CloudUsage,
    Customer,
    Expense,
    Feature,
    Instance,
    Point,
    Price,
    ReportState,
    ReportTask,
)
from gcore.errors import PermanentError

# The older services' words for the same states are taken too.
_STATES: Final = {
    "pending": ReportState.PENDING,
    "inprogress": ReportState.IN_PROGRESS,
    "failed": ReportState.FAILED,
    "error": ReportState.FAILED,
    "cancelled": ReportState.CANCELLED,
    "canceled": ReportState.CANCELLED,
} | dict.fromkeys(
    ("completed", "complete", "ready", "finished", "done", "success", "succeeded", "available"),
    ReportState.COMPLETED,
)
T = TypeVar("T")


def read(what: str, reader: Callable[[Any], T], value: Any) -> T:
    """`reader(value)`, or PermanentError when Gcore's object has another form."""
    try:
        return reader(value)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise PermanentError(f"Gcore's {what} has another form than expected: {str(value)[:200]}") from error


def page_of(value: Any) -> tuple[list[Any], int | None]:
    """The items of a page, and how many there are in all; None when Gcore sent them all at once."""
    if isinstance(value, list):
        return value, None
    return list(value["results"]), int(value["count"])


def feature(item: Any) -> Feature:
    """From the list of report features, or from a line of the price list."""
    if "feature" not in item:
        return Feature(
            int(item["id"]),
            item["name_en"],
            str(item["product_name_en"]).upper(),
            item.get("report_statistics_unit_name_en") or "",
        )
    inner = item["feature"]
    product = item.get("product") or inner["product"]
    unit = (item.get("unit") or {}).get("name") or ""
    return Feature(int(inner["id"]), inner["name"], _product(product), unit)


def price(item: Any) -> tuple[int, Price | None]:
    """From a line of the price list; without a price where it is in stages or there is none."""
    feature_id, told = int(item["feature"]["id"]), item.get("price") or {}
    if told.get("price_stages") or told.get("money_value") is None:
        return feature_id, None
    unit = (item.get("unit") or {}).get("name") or ""
    return feature_id, Price(feature_id, unit, told["currency"]["char_code"], _number(told["money_value"]))


def task(item: Any) -> ReportTask:
    notes = item.get("processing_notes") or {}
    said = str(item["status"])
    return ReportTask(
        id=str(item["uuid"]),
        state=_STATES.get(said.lower().replace("_", ""), ReportState.UNKNOWN),
        said=said,
        errors=_texts(notes.get("errors")),
        warnings=_texts(notes.get("warnings")),
    )


def customer(item: Any) -> Customer:
    return Customer(
        int(item["id"]),
        item.get("companyName") or item.get("name") or "",
        item.get("email") or "",
        item.get("status") or "",
    )


def expense(item: Any) -> Expense:
    return (_nested_expense if isinstance(item.get("client"), dict) else _flat_expense)(item)


def _nested_expense(item: Mapping[str, Any]) -> Expense:
    usage, feature = item.get("usage") or {}, item.get("feature") or {}
    for_date = _day(item["for_date"])
    span = item.get("period_range") or {}
    start, end = _span(span.get("start"), span.get("end"), for_date)
    return Expense(
        id=str(item["id"]),
        client_id=int(item["client"]["id"]),
        client_name=item["client"].get("company_name") or "",
        product=_product(item.get("product") or {}),
        feature_id=feature.get("id"),
        feature_name=feature.get("name") or "",
        region=(item.get("region") or {}).get("name") or "",
        for_date=for_date,
        period_start=start,
        period_end=end,
        money=_number(item["money_value"]),
        tax=_number(item.get("tax_value") or 0),
        currency=item["currency"]["char_code"],
        usage=_perhaps(usage.get("amount")),
        unit=usage.get("unit_name") or "",
        rule=item.get("calc_rule_type") or "",
        deleted=bool(item.get("deleted")),
    )


def _flat_expense(item: Mapping[str, Any]) -> Expense:
    for_date = _day(item["for_date"])
    start, end = _span(item.get("period_date"), None, for_date)
    return Expense(
        id=str(item["id"]),
        client_id=int(item["client_id"]),
        client_name=item.get("client_company") or "",
        product=str(item.get("product_name") or "").upper(),
        feature_id=item.get("feature_id"),
        feature_name=item.get("feature_name_en") or "",
        region=item.get("region_name") or "",
        for_date=for_date,
        period_start=start,
        period_end=end,
        money=_number(item["money_value"]),
        tax=_number(item.get("tax_value") or 0),
        currency=item["currency_char_code"],
        usage=_perhaps(item.get("usage")),
        unit=item.get("unit_name_en") or "",
        rule=item.get("calc_rule_type") or "",
        deleted=bool(item.get("deleted")),
    )


def cdn_points(value: Any) -> list[Point]:
    """From series nested as {"client": {"<id>": {"metrics": {"<metric>": [[unix, number], …]}}}}."""
    return [
        Point(int(client), metric, datetime.fromtimestamp(int(at), UTC), _number(amount))
        for client, inner in value["client"].items()
        for metric, series in inner["metrics"].items()
        for at, amount in series
    ]


def waap_points(metric: str, value: Any) -> Iterator[Point]:
    for client, series in value["results"]["clients"].items():
        for point in series:
            at = datetime.combine(_day(point["date"]), datetime.min.time(), UTC)
            yield Point(int(client), metric, at, _number(point["amount"]))


def cloud_usage(item: Any) -> CloudUsage:
    return CloudUsage(
        type=item["type"],
        metric=item["billing_metric_name"],
        value=_number(item["billing_value"]),
        unit=item["billing_value_unit"],
        region=item.get("region") or "",
        region_id=int(item["region_id"]),
    )


def instance(item: Any) -> Instance:
    return Instance(
        id=str(item["instance_id"]),
        name=str(item.get("instance_name") or ""),
        state=str(item["vm_state"]),
        task=str(item.get("task_state") or item.get("task_id") or ""),
    )


def cloud_task(item: Any) -> CloudTask:
    return CloudTask(id=str(item["id"]), state=str(item["state"]), error=str(item.get("error") or ""))


def _product(item: Mapping[str, Any]) -> str:
    return str(item.get("internal_name") or item.get("name") or "").upper()


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value] if value else []
    return tuple(str(item) for item in items)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise TypeError("not a number")
    return exact_number(str(value))


def _perhaps(value: Any) -> Decimal | None:
    return None if value is None else _number(value)


def _day(value: str) -> date:
    return date.fromisoformat(value[:10])


def _span(start: str | None, end: str | None, for_date: date) -> tuple[date, date]:
    """The period of an expense; a line that gives its start alone is of that month."""
    first = _day(start) if start else for_date.replace(day=1)
    if end:
        return first, _day(end)
    return first, (first.replace(day=1) + timedelta(days=32)).replace(day=1)
