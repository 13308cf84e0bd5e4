"""The columns that rows of resources and costs have, and reading a whole row by them.

The names are those of the older service's files; costs may add FOCUS's columns in snake case.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from inventory import reading
from inventory.models.resources import ID_LENGTH
from inventory.reading import MONEY, QUANTITY, BadValue, Read
from inventory.rows import CHARGE_FIELDS, CostRow, ResourceRow

Accounts = Callable[[str, str], str]
ZERO: Final = Decimal(0)
TEXTS: Final = frozenset(CHARGE_FIELDS) - {"provider", "service_name", "charge_category", "tags", "other"}


class RowError(NamedTuple):
    """What is wrong with one field of a row; an empty field is the row as a whole."""

    field: str
    message: str


class BadRow(ValueError):
    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = list(errors)


class Column(NamedTuple):
    read: Read
    required: bool = False


RESOURCE_COLUMNS: Final[dict[str, Column]] = {
    "cloud_account_id": Column(reading.text(255)),
    "provider": Column(reading.provider, required=True),
    "resource_id": Column(reading.text(ID_LENGTH), required=True),
    "resource_type": Column(reading.text(255), required=True),
    "region": Column(reading.text(255), required=True),
    "state": Column(reading.text(63), required=True),
    "name": Column(reading.text(255)),
    "tags": Column(reading.tags),
    "utilization": Column(reading.figures),
    "details": Column(reading.tags),
    "cost_daily": Column(reading.number(MONEY, ZERO)),
    "cost_monthly": Column(reading.number(MONEY, ZERO)),
    "currency": Column(reading.currency),
    "created_at": Column(reading.moment),
}
COST_COLUMNS: Final[dict[str, Column]] = {
    "cloud_account_id": Column(reading.text(255)),
    "provider": Column(reading.provider, required=True),
    "service_name": Column(reading.text(255), required=True),
    "cost_date": Column(reading.day, required=True),
    "usage_quantity": Column(reading.number(QUANTITY)),
    "usage_unit": Column(reading.text(255)),
    "cost_amount": Column(reading.number(MONEY), required=True),
    "currency": Column(reading.currency),
    "effective_cost": Column(reading.number(MONEY)),
    "list_cost": Column(reading.number(MONEY)),
    "contracted_cost": Column(reading.number(MONEY)),
    "pricing_quantity": Column(reading.number(QUANTITY)),
    "charge_category": Column(reading.category),
    "invoice_id": Column(reading.text(255)),
    "tags": Column(reading.tags),
    **{name: Column(reading.charge_text(name)) for name in sorted(TEXTS - {"consumed_unit"})},
}


def read_columns(columns: Mapping[str, Column], item: Any) -> dict[str, Any]:
    """The values that a row gives, by column; BadRow with everything that is wrong.

    What is null, empty or not among the columns was not told.
    """
    if not isinstance(item, Mapping):
        raise BadRow([RowError("", "Give an object.")])
    found: dict[str, Any] = {}
    errors = []
    for name, column in columns.items():
        value = item.get(name)
        if value is None or value == "":
            if column.required:
                errors.append(RowError(name, "It is required."))
            continue
        try:
            found[name] = column.read(value)
        except BadValue as error:
            errors.append(RowError(name, error.message))
    if errors:
        raise BadRow(errors)
    return found


def resource_row(item: Any, accounts: Accounts) -> ResourceRow:
    """A resource as the bulk API and plain files tell it. `accounts` names the account of an id; BadRow."""
    told = read_columns(RESOURCE_COLUMNS, item)
    account = accounts(told["provider"], told.pop("cloud_account_id", ""))
    return ResourceRow(account_id=account, **told)


def cost_row(item: Any, accounts: Accounts, currency: str) -> CostRow:
    """A day's cost as the bulk API and plain files tell it, by default in `currency`; BadRow."""
    told = read_columns(COST_COLUMNS, item)
    account = accounts(told["provider"], told.pop("cloud_account_id", ""))
    start = midnight(told.pop("cost_date"))
    renamed = {
        "billed_cost": told.pop("cost_amount"),
        "consumed_quantity": told.pop("usage_quantity", None),
        "consumed_unit": told.pop("usage_unit", ""),
        "currency": told.pop("currency", currency),
    }
    told.setdefault("sub_account_id", account)
    return CostRow(charge_start=start, charge_end=start + timedelta(days=1), **renamed, **told)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
