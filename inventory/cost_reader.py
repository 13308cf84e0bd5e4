"""Rows of a file of costs, read one by one into lines: what they are for once, their numbers each time."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from accounts.models import Tenant
from accounts.principals import is_named
from inventory import focus, reading
from inventory.cells import NULLS, Cells, Notes
from inventory.columns import TEXTS, Accounts, BadRow, RowError
from inventory.focus import UNKNOWN
from inventory.focus_checks import charge_faults, line_faults
from inventory.layouts import ORGANIZATION, Layout
from inventory.reading import BadValue
from inventory.rows import CostRow, month_of

MONEY: Final = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
QUANTITIES: Final = (
    "pricing_quantity", "consumed_quantity", "list_unit_price", "contracted_unit_price",
    "commitment_discount_quantity",
)  # fmt: skip
MOMENTS: Final = ("charge_start", "charge_end", "period_start", "period_end")
OTHER_NUMBERS: Final = tuple(
    name for name in focus.OTHERS if name.startswith("PricingCurrency") and name[15:]
)
DOCUMENTS: Final = (
    "AllocatedMethodDetails", "AllocatedTags", "CommitmentProgramEligibilityDetails", "ContractApplied",
    "SkuPriceDetails",
)  # fmt: skip
PER_LINE: Final = "PricingCurrencyEffectiveCost"
REQUIRED: Final = ("charge_start", "billed_cost")
REQUIRED_PLAIN: Final = (*REQUIRED, "service_name", "provider")
KEPT: Final = 100_000  # charges that are remembered
DAY: Final = timedelta(days=1)


class Part:
    """What lines of a file are for. `row` has it all until the charge is stored, `id` from then on."""

    __slots__ = ("account", "category", "commitment", "faults", "id", "provider", "row", "units")

    def __init__(self, row: CostRow, faults: Sequence[str]) -> None:
        self.row: CostRow | None = row
        self.id: str | None = None
        self.provider = row.provider
        self.account = row.billing_account_id or row.sub_account_id
        self.category = row.charge_category
        self.commitment = row.commitment_discount_id and (row.commitment_discount_status or "-")
        self.units = (bool(row.pricing_unit), bool(row.consumed_unit), row.charge_class == "Correction")
        self.faults = faults


class Line(NamedTuple):
    """The numbers of a row, in the order of rows.LINE_FIELDS from `charge_start` on."""

    number: int
    part: Part
    period_start: datetime
    period_end: datetime
    charge_start: datetime
    charge_end: datetime
    currency: str
    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    pricing_quantity: Decimal | None
    consumed_quantity: Decimal | None
    list_unit_price: Decimal | None
    contracted_unit_price: Decimal | None
    commitment_discount_quantity: Decimal | None
    invoice_id: str


class _Column(NamedTuple):
    name: str
    place: int
    read: Callable[[str], Any]


class CostReader:
    """Reads the rows of one file. `columns` has our name → the place of the cell."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        layout: Layout,
        header: Sequence[str],
        columns: dict[str, int],
        accounts: Accounts,
        notes: Notes,
    ) -> None:
        self.notes = notes
        self._tenant = tenant
        self._accounts = accounts
        self._layout = layout
        self._is_focus = layout.name.startswith("focus-")
        self._told = frozenset(columns)
        self._tags = layout.tags(header)
        self._cells = Cells(
            notes,
            date_order=layout.date_order,
            decimal_comma=layout.decimal_comma,
            values=layout.values,
        )
        charged = {name: place for name, place in columns.items() if name not in self._line_names()}
        self._charge_columns = [
            _Column(name, place, self._charge_read(name)) for name, place in charged.items()
        ]
        self._line_columns = [
            _Column(name, columns.get(name, -1), self._line_read(name)) for name in self._line_names()
        ]
        key = [place for name, place in charged.items() if name != PER_LINE] + list(self._tags) or [0]
        # No cell holds NUL, and two places make it a tuple even if nothing tells charges apart.
        self._key: Callable[[Sequence[str]], tuple[str, ...]] = itemgetter(
            *(key * 2 if len(key) == 1 else key)
        )
        self._foreign = (columns.get("PricingCurrency"), columns.get("currency"), columns.get(PER_LINE))
        self._parts: dict[bytes, Part] = {}
        self._assume()

    @staticmethod
    def _line_names() -> tuple[str, ...]:
        return (*MOMENTS, "currency", *MONEY, *QUANTITIES, "invoice_id")

    def _assume(self) -> None:
        """Say what the file leaves out."""
        default = self._layout.currency or self._tenant.currency
        said = {
            "provider": self._layout.provider or UNKNOWN,
            "service_name": UNKNOWN,
            "currency": default,
            "effective_cost": "what was billed",
            "charge_category": "Usage",
        }
        names = focus.THEIRS if self._is_focus else {}
        for name, assumed in said.items():
            if name not in self._told:
                self.notes.add(f"The file has no column {names.get(name, name)}: {assumed} is assumed.")

    def _charge_read(self, name: str) -> Callable[[str], Any]:
        cells = self._cells
        if name == "tags":
            return cells.tags
        if name in OTHER_NUMBERS:
            return cells.quantity
        if name in DOCUMENTS:
            return cells.document
        if name == "provider":
            return cells.text(name, reading.provider)
        if name == "charge_category":
            return cells.text(name, reading.category)
        if name in focus.ALLOWED:
            return cells.text(name, self._listed(name))
        if name in TEXTS or name == "service_name":
            return cells.text(name, reading.charge_text(name))
        return reading.text(1024)

    def _listed(self, name: str) -> Callable[[str], Any]:
        known = {value.lower(): value for value in focus.ALLOWED[name]}
        read = reading.charge_text(name)

        return lambda text: known.get(text.strip().lower()) or read(text)

    def _line_read(self, name: str) -> Callable[[str], Any]:
        if name in MOMENTS:
            return self._cells.moment
        if name in MONEY:
            return self._cells.money
        if name in QUANTITIES:
            return self._cells.quantity
        return lru_cache(1024)(reading.currency if name == "currency" else reading.text(255))

    def read(self, number: int, cells: Sequence[str]) -> Line:
        """The line that a row is; BadRow with everything that is wrong with it."""
        self.notes.number = number
        try:
            part = self._part(cells)
            values = [
                None if place < 0 or (cell := cells[place]) in NULLS else read(cell)
                for _, place, read in self._line_columns
            ]
            line = self._line(number, part, values)
        except BadValue as error:
            raise BadRow(self._errors(cells) or [RowError("", error.message)]) from error
        except BadRow as error:
            raise BadRow([*error.errors, *self._errors(cells)]) from error
        for fault in part.faults:
            self.notes.add(fault)
        if self._is_focus:
            for fault in line_faults(line, self._told):
                self.notes.add(fault)
        return line

    def _line(self, number: int, part: Part, values: list[Any]) -> Line:
        start, end, first, last, currency, billed, effective, *rest, invoice = values
        if start is None or billed is None:
            raise BadValue("It is required.")
        if end is None:
            end = start + DAY
        elif end <= start:
            raise BadRow([RowError(self.title("charge_end"), "It must be after the start.")])
        if first is None or last is None:
            first, last = month_of(start)
        currency = currency or self._layout.currency or self._tenant.currency
        effective = billed if effective is None else effective
        numbers = (currency, billed, effective, *rest, invoice or "")
        return Line._make((number, part, first, last, start, end, *numbers))

    def title(self, name: str) -> str:
        """What people know a column as."""
        return focus.their_name(name) if self._is_focus else name

    def _errors(self, cells: Sequence[str]) -> list[RowError]:
        """Everything that is wrong with a row."""
        errors = []
        for name, place, read in (*self._charge_columns, *self._line_columns):
            cell = cells[place] if place >= 0 else ""
            try:
                if cell not in NULLS:
                    read(cell)
                elif place >= 0 and name in (REQUIRED if self._is_focus else REQUIRED_PLAIN):
                    raise BadValue("It is required.")
            except BadValue as error:
                errors.append(RowError(self.title(name), error.message))
        return errors

    def _part(self, cells: Sequence[str]) -> Part:
        told = self._key(cells)
        pricing, billing, cost = self._foreign
        foreign = pricing is not None and billing is not None and cells[pricing] != cells[billing]
        if foreign and cost is not None:
            told = (*told, cells[cost])
        key = hashlib.blake2b("\x00".join(told).encode(), digest_size=16).digest()
        part = self._parts.get(key)
        if part is None:
            if len(self._parts) >= KEPT:
                self._parts.clear()
            part = self._parts[key] = self._new_part(cells, foreign)
        return part

    def _new_part(self, cells: Sequence[str], foreign: bool) -> Part:
        told: dict[str, Any] = {}
        other: dict[str, Any] = {}
        for name, place, read in self._charge_columns:
            if (cell := cells[place]) not in NULLS and (name != PER_LINE or foreign):
                (other if name in focus.OTHERS else told)[name] = read(cell)
        self._check_organization(told.pop(ORGANIZATION, ""))
        self._complete(told)
        tags = told.pop("tags", {})
        tags |= {tag: cells[place] for place, tag in self._tags.items() if cells[place] not in NULLS}
        row = CostRow(**_NUMBERS, **told, tags=reading.tags(tags), other=other)
        return Part(row, charge_faults(row, self._told) if self._is_focus else ())

    def _complete(self, told: dict[str, Any]) -> None:
        for name, default in (("provider", self._layout.provider or UNKNOWN), ("service_name", UNKNOWN)):
            if name not in told:
                if name in self._told and not self._is_focus:
                    raise BadValue("It is required.")
                told[name] = default
        if "sub_account_id" in told:
            told["sub_account_id"] = self._accounts(told["provider"], told["sub_account_id"])

    def _check_organization(self, name: str) -> None:
        if name and not is_named(self._tenant, name):
            raise BadRow([RowError(ORGANIZATION, f"It is not {self._tenant.slug}, whom this import is for.")])


def full_row(line: Line, row: CostRow) -> CostRow:
    """A line as the one row that it was; `row` is that of its part."""
    return dataclasses.replace(row, **{name: getattr(line, name) for name in Line._fields[2:]})


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS: Final[dict[str, Any]] = {
    "charge_start": _EPOCH, "charge_end": _EPOCH, "currency": "", "billed_cost": Decimal(0),
}  # fmt: skip
