"""Cells of files, which are texts, read into what the columns take. How dates and numbers look differs."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from accounts.errors import ValidationFailed
from accounts.wire import decode
from inventory import reading
from inventory.reading import MONEY, QUANTITY, BadValue

NULLS: Final = frozenset({"", "NULL", "null", "Null"})
KEPT: Final = 20_000  # of the moments that were read, for they repeat
EXAMPLES: Final = 5
MOST_NOTES: Final = 500  # that are told apart
ORDERS: Final = {"mdy": (2, 0, 1), "dmy": (2, 1, 0)}
_MONEY: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,14})?").fullmatch
_QUANTITY: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,18})?").fullmatch
_GROUPED: Final = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_PARTS: Final = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?!\d)(.*)", re.DOTALL)
_BASIC: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_HOUR: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](2[4-9]|[34][0-9])(:.*)", re.ASCII)
_ZONED: Final = re.compile(r"(?:[Zz]|[+-]\d{2}:?\d{2})$")


# Prices repeat from row to row, and costs within one.
@lru_cache(8192)
def _plain_money(text: str) -> Decimal | None:
    return Decimal(text) if _MONEY(text) else None


@lru_cache(8192)
def _plain_quantity(text: str) -> Decimal | None:
    return Decimal(text) if _QUANTITY(text) else None


# Told by the name of what was seen; each but once, with the rows at which it was.
WORDS: Final = {
    "no zone": "Times without a zone were read as UTC.",
    "hour": "Hours beyond 23 were counted on into the next day.",
    "cleaned": "Currency signs and thousands separators were taken out of numbers.",
    "more": "There is more that is odd, and not told one by one.",
    "month first": "Dates such as 3/4/26 were read with the month first; say date_order if they are not.",
}


class Notes:
    """What is worth knowing about rows that are kept: each rule once, with how often and where."""

    def __init__(self) -> None:
        self.number = 0
        self._counts: Counter[str] = Counter()
        self._rows: dict[str, list[int]] = {}

    def add(self, rule: str) -> None:
        if len(self._counts) >= MOST_NOTES and rule not in self._counts:
            rule = WORDS["more"]
        self._counts[rule] += 1
        rows = self._rows.setdefault(rule, [])
        if len(rows) < EXAMPLES and self.number not in rows:
            rows.append(self.number)

    def document(self) -> list[dict[str, Any]]:
        return [
            {"message": rule, "count": count, "rows": [row for row in self._rows[rule] if row]}
            for rule, count in self._counts.most_common()
        ]


class Cells:
    """Reads cells of one file. Every method takes a text that is not null; errors: BadValue."""

    def __init__(
        self,
        notes: Notes,
        *,
        date_order: str = "",
        decimal_comma: bool = False,
        values: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.notes = notes
        self._order = date_order
        self._comma = decimal_comma
        self._values = values
        self._moments: dict[str, tuple[datetime, list[str]]] = {}

    def money(self, text: str) -> Decimal:
        found = None if self._comma else _plain_money(text)
        return self._number(text, MONEY) if found is None else found

    def quantity(self, text: str) -> Decimal:
        found = None if self._comma else _plain_quantity(text)
        return self._number(text, QUANTITY) if found is None else found

    def _number(self, text: str, field: Any) -> Decimal:
        bare = text.strip().replace("\xa0", "")
        if self._comma:
            bare = bare.replace(".", "").replace(" ", "").replace(",", ".")
        plain = bare.strip("$€£¥ ").replace("-$", "-")
        if plain.startswith("(") and plain.endswith(")"):
            plain = "-" + plain[1:-1].strip("$€£¥ ")
        if _GROUPED.fullmatch(plain):
            plain = plain.replace(",", "")
        if plain != bare:
            self.notes.add(WORDS["cleaned"])
        found: Decimal = reading.number(field)(plain)
        return found

    def moment(self, text: str) -> datetime:
        """An ISO moment, or a date as spreadsheets write them; without a zone it is UTC."""
        known = self._moments.get(text)
        if known is not None and not known[1]:
            return known[0]
        if known is None:
            if len(self._moments) >= KEPT:
                self._moments.clear()
            known = self._moments[text] = self._read_moment(text.strip())
        found, rules = known
        for rule in rules:
            self.notes.add(rule)
        return found

    def _read_moment(self, text: str) -> tuple[datetime, list[str]]:
        rules: list[str] = []
        parts = _PARTS.fullmatch(text)
        if parts:
            text = self._turned(parts, rules)
        elif basic := _BASIC.fullmatch(text):
            text = "-".join(basic.groups())
        later = _HOUR.fullmatch(text)
        if later:
            rules.append(WORDS["hour"])
            text = f"{later[1]}T{int(later[2]) % 24:02}{later[3]}"
        if ":" in text and not _ZONED.search(text):
            rules.append(WORDS["no zone"])
        found: datetime = reading.moment(text.removesuffix(" UTC"))
        return found + timedelta(days=int(later[2]) // 24 if later else 0), rules

    def _turned(self, parts: re.Match[str], rules: list[str]) -> str:
        """`3/31/26` as `2026-03-31`."""
        order = "dmy" if parts[2] == "." else self._order
        if not order:
            rules.append(WORDS["month first"])
        numbers = (parts[1], parts[3], parts[4])
        year, month, day = (numbers[place] for place in ORDERS.get(order, ORDERS["mdy"]))
        if not 1 <= int(month) <= 12:
            raise BadValue("There is no such month. Does the day come first? Say date_order.")
        century = "20" if len(year) == 2 else ""
        return f"{century}{year}-{int(month):02}-{int(day):02}{parts[5]}"

    def text(self, name: str, read: Callable[[Any], Any]) -> Callable[[str], Any]:
        """How to read the texts of a column, by what the layout says that they mean."""
        known = self._values.get(name)
        if not known:
            return read
        return lambda text: read(known.get(text.strip().lower().replace(" ", ""), text))

    def tags(self, text: str) -> dict[str, Any]:
        """A JSON object, its inside alone, or pairs such as `env=prod; team:core`."""
        return reading.tags(self.document(text) if text.lstrip().startswith(("{", '"')) else text)

    def document(self, text: str) -> Any:
        bare = text.strip()
        if bare.startswith('"'):
            bare = "{" + bare + "}"
        try:
            return decode(bare.encode())
        except (ValidationFailed, UnicodeEncodeError) as error:
            raise BadValue("Give a JSON object.") from error


def date_order_of(texts: Iterable[str]) -> str:
    """Whether the day or the month comes first in dates, as far as some of them tell; else empty."""
    for text in texts:
        parts = _PARTS.fullmatch(text.strip())
        if parts and parts[2] != ".":
            if int(parts[1]) > 12:
                return "dmy"
            if int(parts[3]) > 12:
                return "mdy"
    return ""


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
