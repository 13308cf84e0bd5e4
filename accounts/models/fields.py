"""Columns that keep numbers exact and texts in byte order."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.exact import EXACT
from accounts.sqlite import COLLATION
from accounts.wire import encode

_read = msgspec.json.Decoder(float_hook=Decimal).decode


class ExactJSONEncoder(json.JSONEncoder):
    def encode(self, o: Any) -> str:
        return encode(o).decode()


class ExactJSONDecoder(json.JSONDecoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": Decimal})


class ExactJSONField(models.JSONField):
    """JSON whose numbers come back as the Decimals that went in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "encoder": ExactJSONEncoder, "decoder": ExactJSONDecoder})

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """As the base would, in a fifth of the time: the base makes a decoder for each value."""
        try:
            return _read(value) if isinstance(value, str) else value
        except msgspec.DecodeError:
            return value


class ByteOrderedCharField(models.CharField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Text compared byte by byte: on PostgreSQL a fifth of the cost of a linguistic order in an index."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        plain = super().db_type(connection) or ""
        return f'{plain} COLLATE "C"' if connection.vendor == "postgresql" else plain


class ExactDecimalField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A Decimal of any size, kept digit by digit: numeric on PostgreSQL, text on SQLite.

    Compare and sort such a column in Python only.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "numeric" if connection.vendor == "postgresql" else "text"

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else Decimal(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        number = self.get_prep_value(value)
        return format(number, "f") if number is not None and connection.vendor == "sqlite" else number

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(value)

    def to_python(self, value: Any) -> Decimal | None:
        try:
            number = None if value is None else Decimal(value)
        except (InvalidOperation, TypeError, ValueError) as error:
            raise ValidationError("Give a decimal number.") from error
        if number is not None and not number.is_finite():
            raise ValidationError("Give a finite number.")
        return number

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.DecimalField, **kwargs})


class NumericField(ExactDecimalField):
    """A Decimal of at most `digits` digits, `places` of them after the point, on SQLite too.

    What does not fit is refused with ValidationError, never rounded. The databases compare and sort it as a
    number; add it up with accounts.sql.ExactSum, for SQLite's own sum is a binary fraction.
    """

    def __init__(self, *, digits: int = 38, places: int = 14, **kwargs: Any) -> None:
        self.digits, self.places = digits, places
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "digits": self.digits, "places": self.places}

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        if connection.vendor == "postgresql":
            return f"numeric({self.digits}, {self.places})"
        return f"text COLLATE {COLLATION}"

    def fits(self, number: Decimal) -> bool:
        _, digits, exponent = number.normalize(EXACT).as_tuple()
        return (
            isinstance(exponent, int)
            and -exponent <= self.places
            and len(digits) + exponent <= self.digits - self.places
        )

    def to_python(self, value: Any) -> Decimal | None:
        number = super().to_python(value)
        if number is not None and not self.fits(number):
            whole = self.digits - self.places
            raise ValidationError(f"Give at most {whole} digits before and {self.places} after the point.")
        return number

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        return super().get_db_prep_save(self.to_python(value), connection)
