"""Columns of exact numbers with a fixed number of places, on both databases."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from accounts.models.fields import NumericField

FIELD = NumericField(digits=38, places=14)


@pytest.mark.parametrize(
    "text",
    ["0", "-0.00000000000001", "999999999999999999999999.99999999999999", "1.500000000000000000", "1E+23"],
)
def test_what_fits_is_kept_to_the_last_digit(text: str) -> None:
    assert FIELD.to_python(text) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["0.000000000000001", "1000000000000000000000000", "1E+24", "NaN", "Infinity", "", "1,5"]
)
def test_what_does_not_fit_is_refused_and_not_rounded(text: str) -> None:
    with pytest.raises(ValidationError):
        FIELD.to_python(text)
