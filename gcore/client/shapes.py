"""What the client answers: Gcore's objects, with exact numbers and no field that we do not use."""

import enum
from datetime import date, datetime
from decimal import Decimal

import msgspec


class Product(enum.StrEnum):
    CDN = "CDN"
    CLOUD = "CLOUD"
    WAAP = "WAAP"


class ReportFormat(enum.StrEnum):
    """Its value is the media type that Gcore renders."""

    JSON = "application/json"
    CSV = "text/csv"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ReportState(enum.StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Feature(msgspec.Struct, frozen=True):
    """Something that Gcore bills by the unit, e.g. CDN delivery in GB."""

    id: int
    name: str
    product: str
    unit: str


class ReportTask(msgspec.Struct, frozen=True):
    """A report in the making. `said` is Gcore's own word for the state; `errors` say why it failed."""

    id: str
    state: ReportState
    said: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def notes(self) -> str:
        return "; ".join((*self.errors, *self.warnings))


class Customer(msgspec.Struct, frozen=True):
    """A client of the reseller's."""

    id: int
    name: str
    email: str
    status: str


class Expense(msgspec.Struct, frozen=True):
    """A line of costs. `deleted` lines were taken back; the same `id` is the same line, perhaps changed.

    The period is half-open: from `period_start` until before `period_end`.
    """

    id: str
    client_id: int
    client_name: str
    product: str
    feature_id: int | None
    feature_name: str
    region: str
    for_date: date
    period_start: date
    period_end: date
    money: Decimal
    tax: Decimal
    currency: str
    usage: Decimal | None
    unit: str
    rule: str
    deleted: bool


class Price(msgspec.Struct, frozen=True):
    """What one unit of a feature costs, whatever the amount."""

    feature_id: int
    unit: str
    currency: str
    value: Decimal


class Point(msgspec.Struct, frozen=True):
    """One number of a series: what `metric` amounted to in the time that begins `at`."""

    client_id: int
    metric: str
    at: datetime
    value: Decimal


class Instance(msgspec.Struct, frozen=True):
    """A virtual machine in a customer's cloud. `task` names what Gcore is doing with it, if anything."""

    id: str
    name: str
    state: str
    task: str


class CloudTask(msgspec.Struct, frozen=True):
    """A job of Gcore's cloud: NEW, RUNNING, FINISHED or ERROR."""

    id: str
    state: str
    error: str


class CloudUsage(msgspec.Struct, frozen=True):
    """What a customer used of one billing metric in one cloud region."""

    type: str
    metric: str
    value: Decimal
    unit: str
    region: str
    region_id: int
