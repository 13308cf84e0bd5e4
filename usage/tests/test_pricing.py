"""The five ways to price, their bounds, and what must hold of all of them."""

import decimal
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.exact import canonical, exact_sum
from usage.pricing import Scheme, Terms, Tier, charge, rounded, total

BOUNDS = [("10", "0.5"), ("100", "0.2"), (None, "0.1")]


def tiers(*pairs: tuple[str | None, str]) -> tuple[Tier, ...]:
    return tuple(Tier(Decimal(rate), None if up_to is None else Decimal(up_to)) for up_to, rate in pairs)


FLAT = Terms(Scheme.FLAT, (Tier(Decimal("9.90")),))
UNIT = Terms(Scheme.PER_UNIT, (Tier(Decimal("0.00002")),))
PACKAGE = Terms(Scheme.PACKAGE, (Tier(Decimal(5), size=Decimal(1000)),))
VOLUME = Terms(Scheme.VOLUME, tiers(*BOUNDS))
GRADUATED = Terms(Scheme.GRADUATED, tiers(*BOUNDS))


def cost(terms: Terms, quantity: str | Decimal, before: str | Decimal = "0") -> Decimal:
    return total(charge(terms, Decimal(quantity), Decimal(before)))


@pytest.mark.parametrize(
    ("terms", "quantity", "amount"),
    [
        (FLAT, "0", "0"),
        (FLAT, "0.001", "9.90"),
        (FLAT, "1000000", "9.90"),
        (UNIT, "150", "0.00300"),
        (UNIT, "-150", "0"),
        (PACKAGE, "0", "0"),
        (PACKAGE, "1", "5"),
        (PACKAGE, "1000", "5"),
        (PACKAGE, "1000.000000000000000000001", "10"),
        (VOLUME, "10", "5.0"),
        (VOLUME, "10.5", "2.10"),
        (VOLUME, "100", "20.0"),
        (VOLUME, "101", "10.1"),
        (GRADUATED, "10", "5.0"),
        (GRADUATED, "11", "5.2"),
        (GRADUATED, "100", "23.0"),
        (GRADUATED, "150", "28.0"),
    ],
)
def test_amounts(terms: Terms, quantity: str, amount: str) -> None:
    assert cost(terms, quantity) == Decimal(amount)


def test_a_charge_tells_how_many_units_at_which_rate() -> None:
    steps = charge(GRADUATED, Decimal(150))
    assert [(step.units, step.rate, step.amount, step.up_to) for step in steps] == [
        (Decimal(10), Decimal("0.5"), Decimal("5.0"), Decimal(10)),
        (Decimal(90), Decimal("0.2"), Decimal("18.0"), Decimal(100)),
        (Decimal(50), Decimal("0.1"), Decimal("5.0"), None),
    ]


@pytest.mark.parametrize(
    ("terms", "before", "quantity", "amount"),
    [(FLAT, "1", "100", "0"), (PACKAGE, "999", "2", "5"), (PACKAGE, "500", "500", "0"),
     (GRADUATED, "5", "110", "22"), (VOLUME, "1", "100", "10"), (UNIT, "7", "100", "0.002")],
)  # fmt: skip
def test_units_of_the_same_month_count_and_are_not_charged_again(
    terms: Terms, before: str, quantity: str, amount: str
) -> None:
    assert cost(terms, quantity, before) == Decimal(amount)


def test_no_digit_is_lost_in_a_narrow_context() -> None:
    rate, quantity = "12345678901234567890123456789012345678", "98765432109876543210987654321098765432"
    terms = Terms(Scheme.PER_UNIT, (Tier(Decimal(f"0.{rate}")),))
    with decimal.localcontext(prec=3):
        found = canonical(cost(terms, quantity))
    assert found.replace(".", "") == str(int(rate) * int(quantity))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("0.005", "EUR", "0.01"), ("-0.005", "EUR", "-0.01"), ("0.0049", "USD", "0.00"), ("2.5", "JPY", "3"),
     ("1.2345", "KWD", "1.235"), ("1.2345", "as they say", "1.23")],
)  # fmt: skip
def test_a_line_is_rounded_to_the_minor_unit_half_away_from_zero(
    amount: str, currency: str, text: str
) -> None:
    assert str(rounded(Decimal(amount), currency)) == text


numbers = st.decimals(min_value=0, max_value=10**12, places=6)
rates = st.decimals(min_value=0, max_value=1000, places=9)
bounds = st.lists(st.decimals(min_value="0.001", max_value=10**9, places=3), unique=True, max_size=5)


@st.composite
def tiered(draw: st.DrawFn) -> tuple[Tier, ...]:
    tops = [*sorted(draw(bounds)), None]
    return tuple(Tier(draw(rates), top) for top in tops)


@given(tiered(), numbers)
def test_graduated_is_the_sum_of_its_parts(found: tuple[Tier, ...], quantity: Decimal) -> None:
    expected, floor = Decimal(0), Decimal(0)
    with decimal.localcontext(prec=200):
        for tier in found:
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            expected += max(top - floor, Decimal(0)) * tier.rate
            floor = tier.up_to or floor
    steps = charge(Terms(Scheme.GRADUATED, found), quantity)
    assert total(steps) == expected
    assert exact_sum(step.units for step in steps) == quantity


@given(tiered())
def test_graduated_does_not_jump_at_a_bound(found: tuple[Tier, ...]) -> None:
    terms, little = Terms(Scheme.GRADUATED, found), Decimal("1E-20")
    for tier, following in pairwise(found):
        assert tier.up_to is not None
        at = cost(terms, tier.up_to)
        with decimal.localcontext(prec=200):
            assert cost(terms, tier.up_to + little) - at == little * following.rate


@given(tiered())
def test_volume_at_a_bound_is_still_the_lower_tier(found: tuple[Tier, ...]) -> None:
    terms = Terms(Scheme.VOLUME, found)
    for tier, following in pairwise(found):
        assert tier.up_to is not None
        (at,) = charge(terms, tier.up_to)
        (above,) = charge(terms, tier.up_to + Decimal("0.000001"))
        assert (at.rate, above.rate) == (tier.rate, following.rate)


@given(numbers, rates, st.integers(min_value=1, max_value=10**6))
def test_packages_never_cost_less_than_their_units(quantity: Decimal, rate: Decimal, size: int) -> None:
    with decimal.localcontext(prec=200):
        packed = Terms(Scheme.PACKAGE, (Tier(rate * size, size=Decimal(size)),))
    single = Terms(Scheme.PER_UNIT, (Tier(rate),))
    assert cost(packed, quantity) >= cost(single, quantity)


@given(tiered(), numbers, numbers)
def test_a_month_in_two_parts_costs_what_it_costs_in_one(
    found: tuple[Tier, ...], first: Decimal, second: Decimal
) -> None:
    packed = Terms(Scheme.PACKAGE, (Tier(found[0].rate, size=Decimal("7.5")),))
    for terms in (Terms(Scheme.GRADUATED, found), packed, FLAT, UNIT):
        parts = [cost(terms, first), cost(terms, second, before=first)]
        assert exact_sum(parts) == cost(terms, first + second)


@given(st.lists(st.decimals(places=9, min_value=-(10**20), max_value=10**20)), st.randoms())
def test_the_order_of_a_sum_changes_nothing(amounts: list[Decimal], chance: Random) -> None:
    shuffled = list(amounts)
    chance.shuffle(shuffled)
    assert exact_sum(shuffled) == exact_sum(amounts)
