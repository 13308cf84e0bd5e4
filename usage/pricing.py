"""What a quantity costs by the terms of a price, and why. Pure arithmetic: exact until a line is rounded.

`up_to` of a tier is inclusive: the unit at the bound still belongs to the tier. Units that were charged
earlier in the same month (`before`) count for tiers, packages and flat fees, and are not charged again.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import Final

from accounts.exact import EXACT, exact_sum

ZERO: Final = Decimal(0)
ROUNDING: Final = Context(prec=EXACT.prec, rounding=ROUND_HALF_UP)
# ISO 4217 where it is not two digits.
MINOR_DIGITS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class Scheme(StrEnum):
    """How a rule prices.

    flat: one amount a month, when anything was used. per_unit: each unit at the rate. package: each
    started package of `size` units. volume: all units at the rate of the tier reached. graduated: the
    units of each tier at its own rate.
    """

    FLAT = "flat"
    PER_UNIT = "per_unit"
    PACKAGE = "package"
    VOLUME = "volume"
    GRADUATED = "graduated"


TIERED: Final = frozenset({Scheme.VOLUME, Scheme.GRADUATED})


@dataclass(frozen=True, slots=True)
class Tier:
    """A rate, for units up to and including the bound (None: without end), or for a package of `size`."""

    rate: Decimal
    up_to: Decimal | None = None
    size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A scheme with its tiers in rising order; all but the two tiered schemes have exactly one."""

    scheme: Scheme
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """`units` at `rate`; of packages, `units` counts the packages, of a flat fee it is 1."""

    units: Decimal
    rate: Decimal
    amount: Decimal
    up_to: Decimal | None = None


def charge(terms: Terms, quantity: Decimal, before: Decimal = ZERO) -> list[Step]:
    """What `quantity` units cost after `before` units of the same month. Below zero nothing is charged."""
    if quantity <= 0:
        return []
    after = EXACT.add(before, quantity)
    tier = terms.tiers[0]
    if terms.scheme == Scheme.FLAT:
        return [] if before else [_step(Decimal(1), tier)]
    if terms.scheme == Scheme.PACKAGE:
        started = EXACT.subtract(_packages(after, tier), _packages(before, tier))
        return [_step(started, tier)] if started else []
    if terms.scheme == Scheme.VOLUME:
        return [_step(quantity, _reached(terms.tiers, after))]
    if terms.scheme == Scheme.GRADUATED:
        return _graduated(terms.tiers, before, after)
    return [_step(quantity, tier)]


def total(steps: list[Step]) -> Decimal:
    return exact_sum(step.amount for step in steps)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's minor unit; a half goes away from zero."""
    return amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2)), context=ROUNDING)


def _graduated(tiers: tuple[Tier, ...], before: Decimal, after: Decimal) -> list[Step]:
    steps, floor = [], ZERO
    for tier in tiers:
        top = after if tier.up_to is None else min(after, tier.up_to)
        units = EXACT.subtract(top, max(before, floor))
        if units > 0:
            steps.append(_step(units, tier))
        floor = top
    return steps


def _reached(tiers: tuple[Tier, ...], quantity: Decimal) -> Tier:
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)


def _packages(quantity: Decimal, tier: Tier) -> Decimal:
    assert tier.size is not None  # noqa: S101  (a package without a size is refused with its rule)
    whole = EXACT.divide_int(quantity, tier.size)
    return whole if EXACT.multiply(whole, tier.size) == quantity else EXACT.add(whole, Decimal(1))


def _step(units: Decimal, tier: Tier) -> Step:
    return Step(units, tier.rate, EXACT.multiply(units, tier.rate), tier.up_to)
