"""Gcore's API as the platform uses it. Transport only: it knows no database.

Every method may raise TransientError (it may go well later) or PermanentError, with Gcore's own words.
Periods are given by their first and last day, both included, in UTC.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, BinaryIO, Final, TypeVar

import requests
from django.conf import settings

from gcore.client import paths, reading
from gcore.client.credentials import Credentials
from gcore.client.shapes import (
    CloudTask,
    CloudUsage,
    Customer,
    Expense,
    Feature,
    Instance,
    Point,
    Price,
    Product,
    ReportFormat,
    ReportTask,
)
from gcore.client.tokens import Pair, TokenKeeper
from gcore.client.transport import CHUNK, Call, Transport
from gcore.errors import PermanentError, TimedOut, TransientError, Unauthorized

PAGE: Final = 100
MOST_PAGES: Final = 10_000
FALLBACK_TEMPLATE: Final = "ResellerStatistics"
T = TypeVar("T")


class GcoreClient:
    """One account at Gcore. Cheap to make; not for use by several threads at once."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._transport = Transport(credentials.base, credentials.secrets)
        self._paths = paths.PATHS[credentials.generation]
        self._keeper = TokenKeeper(credentials.key, self._sign_in, self._exchange)

    def who_am_i(self) -> Customer:
        """The account that the credentials open: the cheapest proof that they work."""
        return reading.read("account", reading.customer, self._ask(Call("who_am_i", "GET", paths.WHO_AM_I)))

    def clients(self) -> Iterator[Customer]:
        """The reseller's customers."""
        return self._items("clients", paths.CLIENTS, {}, reading.customer)

    def features(self, product: Product) -> list[Feature]:
        """What Gcore bills of a product; empty when it knows none. Never another product's."""
        found = self._items("features", self._paths.features, {}, reading.feature)
        mine = {feature.id: feature for feature in found if feature.product == product}
        return [mine[id] for id in sorted(mine)]

    def template(self) -> str:
        """The code of the usage report: the account's own, or the newest that Gcore lists."""
        if self.credentials.template:
            return self.credentials.template
        listed = self._items("templates", self._paths.templates, {}, lambda item: str(item["code"]))
        return max((code for code in listed if code.startswith(FALLBACK_TEMPLATE)), default=FALLBACK_TEMPLATE)

    def report_create(
        self,
        *,
        features: Sequence[int],
        date_from: date,
        date_to: date,
        client_id: int | None = None,
        group_by: Sequence[str] = ("client",),
    ) -> str:
        """Ask for a report of these features; the id of Gcore's task.

        Not idempotent: after a broken connection Gcore may make a second report, which harms nobody.
        Errors: PermanentError also for no features, which Gcore would take for all of them.
        """
        if not features:
            raise PermanentError("Gcore lists no features to report on.")
        last = date_to + timedelta(days=self.credentials.end_is_exclusive)
        wanted: dict[str, Any] = {"date_from": f"{date_from:%Y-%m-%d}", "date_to": f"{last:%Y-%m-%d}"}
        wanted |= {"features": list(features), "group_by": list(group_by)}
        if client_id is not None:
            wanted["client_id"] = client_id
        body = {"template_code": self.template(), "parameters": wanted}
        answer = self._ask(Call("report_create", "POST", self._paths.create, json=body))
        return reading.read("report task", lambda item: str(item["uuid"]), answer)

    def report_status(self, task_id: str) -> ReportTask:
        """How far Gcore is with it. Errors: PermanentError, its `upstream_status` 404 when it is gone."""
        call = Call("report_status", "GET", self._paths.task.format(task_id=task_id))
        return reading.read("report task", reading.task, self._ask(call))

    def report_download(
        self,
        task_id: str,
        into: BinaryIO,
        *,
        format: ReportFormat = ReportFormat.CSV,
        most: int | None = None,
    ) -> int:
        """Write the file of a completed report from where `into` (seekable) stands; how many bytes it has.

        Errors: PermanentError when it has more than `most` bytes (GCORE_MAX_REPORT_BYTES); TimedOut after
        GCORE_DOWNLOAD_SECONDS. What was written before an error stays; a second call writes anew from there.
        """
        start, bound = into.tell(), settings.GCORE_MAX_REPORT_BYTES if most is None else most

        def save(response: requests.Response) -> int:
            into.seek(start)
            into.truncate()
            return _copy(response, into, bound)

        path = self._paths.download.format(task_id=task_id)
        return int(self._send(Call("report_download", "GET", path, accept=format.value), save))

    def report_delete(self, task_id: str) -> None:
        """Remove the report at Gcore; one that is gone already is no error."""
        try:
            self._ask(Call("report_delete", "DELETE", self._paths.task.format(task_id=task_id)))
        except PermanentError as error:
            if error.upstream_status != requests.codes.not_found:
                raise

    def expenses(
        self, *, date_from: date, date_to: date, client_ids: Sequence[int] = ()
    ) -> Iterator[Expense]:
        """Lines of costs for these days, those that were taken back among them, in pages."""
        params: dict[str, Any] = {
            "for_date_after": f"{date_from:%Y-%m-%d}",
            "for_date_before": f"{date_to:%Y-%m-%d}",
            "money_decimals": "max",
            "rounding": "false",
            "order_by": "id.asc",
        }
        if client_ids:
            params["client_id"] = list(client_ids)
        return self._items("expenses", self._paths.expenses, params, reading.expense)

    def prices(self) -> dict[int, Price]:
        """The features that have one price each, by id; none on the older paths, which list no prices."""
        if self._paths.prices is None:
            return {}
        found: dict[int, set[Price | None]] = {}
        listed = self._items("prices", self._paths.prices, {}, reading.price)
        for feature_id, price in listed:
            found.setdefault(feature_id, set()).add(price)
        single = (next(iter(prices)) for prices in found.values() if len(prices) == 1)
        return {price.feature_id: price for price in single if price is not None}

    def cdn_statistics(
        self,
        *,
        date_from: date,
        date_to: date,
        metrics: Sequence[str] = ("total_bytes", "requests"),
        client_ids: Sequence[int] = (),
        granularity: str = "1d",
    ) -> list[Point]:
        """CDN traffic by customer; Gcore keeps a year of it, and counts on for a day or two."""
        params: dict[str, Any] = {
            "service": "CDN",
            "from": f"{date_from:%Y-%m-%d}T00:00:00Z",
            "to": f"{date_to + timedelta(days=1):%Y-%m-%d}T00:00:00Z",
            "granularity": granularity,
            "metrics": list(metrics),
            "group_by": "client",
        }
        if client_ids:
            params["client"] = list(client_ids)
        answer = self._ask(Call("cdn_statistics", "GET", paths.CDN_SERIES, params=params))
        return reading.read("CDN statistics", reading.cdn_points, answer) if answer else []

    def waap_statistics(
        self, metric: str, *, date_from: date, date_to: date, client_ids: Sequence[int] = ()
    ) -> Iterator[Point]:
        """`domains`, `volume` or `requests` of WAAP by customer and day."""
        params: dict[str, Any] = {
            "from": f"{date_from:%Y-%m-%d}",
            "to": f"{date_to + timedelta(days=1):%Y-%m-%d}",
        }
        if client_ids:
            params["client_ids"] = list(client_ids)
        for offset in range(0, PAGE * MOST_PAGES, PAGE):
            page = {**params, "limit": PAGE, "offset": offset}
            path = paths.WAAP_BREAKDOWN.format(metric=metric)
            answer = self._ask(Call("waap_statistics", "GET", path, params=page))
            points = reading.read("WAAP statistics", lambda a: list(reading.waap_points(metric, a)), answer)
            yield from points
            if not points or offset + PAGE >= answer.get("count", 0):
                return

    def cloud_usage(self, client_id: int, *, date_from: date, date_to: date) -> list[CloudUsage]:
        """A customer's cloud usage by metric and region, read in the customer's own name. At most 31 days."""
        body = {
            "time_from": f"{date_from:%Y-%m-%d}T00:00:00Z",
            "time_to": f"{date_to + timedelta(days=1):%Y-%m-%d}T00:00:00Z",
        }
        call = Call("cloud_usage", "POST", paths.CLOUD_USAGE, json=body)
        answer = self._send(call, None, keeper=self._customer(client_id))
        return reading.read("cloud usage", lambda a: [reading.cloud_usage(i) for i in a["totals"]], answer)

    def instance(self, client_id: int, place: str, instance_id: str) -> Instance:
        """A customer's machine, read in the customer's own name; `place` is `<project id>/<region id>`."""
        path = paths.INSTANCE.format(place=place, instance_id=instance_id)
        answer = self._send(Call("instance", "GET", path), None, keeper=self._customer(client_id))
        return reading.read("instance", reading.instance, answer)

    def instance_act(self, client_id: int, place: str, instance_id: str, action: str) -> str:
        """Ask once for `start` or `stop`; the id of Gcore's task.

        After a TransientError nobody knows whether Gcore heard it: look at the machine before asking again.
        """
        path = paths.INSTANCE_ACTION.format(place=place, instance_id=instance_id)
        call = Call("instance_act", "POST", path, json={"action": action}, once=True)
        answer = self._send(call, None, keeper=self._customer(client_id))
        try:
            return reading.read("instance task", lambda item: str(item["tasks"][0]), answer)
        except PermanentError as error:  # it was heard, whatever this is
            raise TransientError(error.message) from error

    def cloud_task(self, client_id: int, task_id: str) -> CloudTask:
        """How far Gcore is with something that a customer's cloud was asked for."""
        call = Call("cloud_task", "GET", paths.CLOUD_TASK.format(task_id=task_id))
        answer = self._send(call, None, keeper=self._customer(client_id))
        return reading.read("cloud task", reading.cloud_task, answer)

    def _items(
        self, operation: str, path: str, params: Mapping[str, Any], reader: Callable[[Any], T]
    ) -> Iterator[T]:
        """All items of a list, page by page; a bare array is the whole list."""
        done = 0
        for _ in range(MOST_PAGES):
            page = {**params, "limit": PAGE, "offset": done}
            answer = self._ask(Call(operation, "GET", path, params=page))
            items, count = reading.read(operation, reading.page_of, answer)
            for item in items:
                yield reading.read(operation, reader, item)
            done += len(items)
            if count is None or not items or done >= count:
                return

    def _ask(self, call: Call) -> Any:
        return self._send(call, None)

    def _send(
        self, call: Call, read: Callable[[requests.Response], Any] | None, keeper: TokenKeeper | None = None
    ) -> Any:
        """One call as ourselves or as a customer; a token that is refused is replaced once."""

        def send(authorization: str) -> Any:
            if read is None:
                return self._transport.ask(call, authorization=authorization)
            return self._transport.send(call, read, authorization=authorization)

        if keeper is None and self.credentials.api_token:
            return send(f"APIKey {self.credentials.api_token}")
        keeper = keeper or self._keeper
        access = keeper.access()
        try:
            return send(f"Bearer {access}")
        except Unauthorized:
            return send(f"Bearer {keeper.access(instead_of=access)}")

    def _sign_in(self) -> Pair:
        body = {"username": self.credentials.username, "password": self.credentials.password}
        return Pair.of(self._transport.ask(Call("login", "POST", paths.LOGIN, json=body)))

    def _exchange(self, refresh: str) -> Pair:
        return Pair.of(self._transport.ask(Call("refresh", "POST", paths.REFRESH, json={"refresh": refresh})))

    def _customer(self, client_id: int) -> TokenKeeper:
        def act() -> Pair:
            path = paths.ADMIN_TOKEN.format(client_id=client_id)
            return Pair.of(self._ask(Call("admin_token", "GET", path)))

        return TokenKeeper(f"{self.credentials.key}:{client_id}", act, self._exchange)


def _copy(response: requests.Response, into: BinaryIO, most: int) -> int:
    deadline = time.monotonic() + settings.GCORE_DOWNLOAD_SECONDS
    size = 0
    for chunk in response.iter_content(CHUNK):
        size += len(chunk)
        if size > most:
            raise PermanentError(f"Gcore's report has more than {most} bytes.")
        if time.monotonic() > deadline:
            raise TimedOut(f"Gcore sent {size} bytes of a report in the time that it may take.")
        into.write(chunk)
    return size
