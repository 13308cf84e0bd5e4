"""Values of rows as people write them, read into what is kept: the value, or BadValue with the reason."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError

from accounts.exact import text_of
from accounts.models.fields import NumericField
from accounts.wire import exact_number
from inventory.models import Charge
from inventory.providers import provider_of

Read = Callable[[Any], Any]
MOST_TAGS: Final = 200
LONGEST_TAG: Final = 1024
YEARS: Final = range(1970, 2200)
MONEY: Final = NumericField()
QUANTITY: Final = NumericField(places=18)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class BadValue(ValueError):
    """`message` is for the person who sent the value."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def text(most: int) -> Read:
    """A text of 1 to `most` characters; a number is taken as it is written."""

    def read(value: Any) -> str:
        found = text_of(value) if not isinstance(value, bool) else None
        if found is None:
            raise BadValue("Give a text.")
        if not found.strip():
            raise BadValue("It must not be blank.")
        if len(found) > most:
            raise BadValue(f"Give at most {most} characters.")
        if "\x00" in found:
            raise BadValue("It holds the NUL character.")
        return found.strip()

    return read


def provider(value: Any) -> str:
    name: str = text(32)(value)
    return provider_of(name)


def currency(value: Any) -> str:
    code: str = text(16)(value).upper()
    if not _CURRENCY.fullmatch(code):
        raise BadValue("Give an ISO 4217 code such as EUR.")
    return code


def number(field: NumericField, least: Decimal | None = None) -> Read:
    """A decimal number that the column holds without rounding."""

    def read(value: Any) -> Decimal:
        if isinstance(value, bool | float) or not isinstance(value, int | Decimal | str):
            raise BadValue("Give a decimal number.")
        try:
            found = _exact(value.strip()) if isinstance(value, str) else Decimal(value)
            checked = field.to_python(found)
        except ValidationError as error:
            raise BadValue(error.messages[0]) from error
        except (ValueError, ArithmeticError) as error:
            raise BadValue("Give a decimal number.") from error
        if checked is None or (least is not None and checked < least):
            raise BadValue(f"It must not be below {least}.")
        return checked

    return read


def _exact(written: str) -> Decimal:
    """Decimal itself would take digits of other scripts, underscores and NaN."""
    if not _NUMBER.fullmatch(written):
        raise ValueError(written)
    return exact_number(written)


def day(value: Any) -> date:
    """`2026-03-10`, also with a midnight after it."""
    written = value.removesuffix("T00:00:00Z").removesuffix(" 00:00:00") if isinstance(value, str) else ""
    if not _DATE.fullmatch(written.strip()):
        raise BadValue("Give a date such as 2026-03-10.")
    return _moment(written.strip()).date()


def moment(value: Any) -> datetime:
    """An ISO 8601 moment; without a zone it is UTC."""
    if not isinstance(value, str) or not _DATE.match(value.strip()):
        raise BadValue("Give a moment such as 2026-03-10T12:00:00Z.")
    return _moment(value.strip())


def _moment(written: str) -> datetime:
    try:
        found = datetime.fromisoformat(written)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadValue("There is no such date.") from error
    if found.year not in YEARS:
        raise BadValue(f"Give a year from {YEARS[0]} to {YEARS[-1]}.")
    return found


def tags(value: Any) -> dict[str, Any]:
    """An object of texts, numbers and booleans, or text such as `env=prod; team:core`."""
    found = _pairs(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise BadValue('Give an object such as {"env": "prod"}.')
    if len(found) > MOST_TAGS:
        raise BadValue(f"Give at most {MOST_TAGS} tags.")
    for key, item in found.items():
        told = text_of(item)
        if item is not None and told is None:
            raise BadValue(f"The tag {key[:80]!r} is neither text nor number.")
        if len(key) > LONGEST_TAG or len(told or "") > LONGEST_TAG:
            raise BadValue(f"A tag has at most {LONGEST_TAG} characters.")
    return {key: item for key, item in found.items() if item is not None}


def _pairs(written: str) -> dict[str, Any]:
    """Keys and values split by = or :, pairs by ; or a comma; a key alone is true."""
    pairs = (re.split("[=:]", part, maxsplit=1) for part in re.split("[;,]", written) if part.strip())
    return {pair[0].strip(): pair[1].strip() if len(pair) > 1 else True for pair in pairs}


def figures(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MOST_TAGS:
        raise BadValue('Give an object such as {"cpu": 3.5}.')
    return {text(63)(key): number(QUANTITY)(item) for key, item in value.items()}


def category(value: Any) -> str:
    """One of FOCUS's charge categories, in any case."""
    known = {name.lower(): name for name in Charge.Category.values}
    found = known.get(text(16)(value).lower())
    if found is None:
        raise BadValue(f"Give one of {', '.join(Charge.Category.values)}.")
    return found


def charge_text(name: str) -> Read:
    """A text of a Charge's column."""
    column: Any = Charge._meta.get_field(name)
    return text(column.max_length)
