"""Which rule prices which usage, and what becomes of a price that changes inside a month."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from usage.billing import Line, Rule, Usage, bill, totals
from usage.differences import differences
from usage.pricing import Scheme, Terms, Tier

START, CHANGE, END = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 15, 31))


def rule(id: str, rate: str = "1", **fields: Any) -> Rule:
    values: dict[str, Any] = {
        "service_type": "llm_service",
        "service_provider": "",
        "model_or_tier": "",
        "event_type": "",
        "unit": "tokens",
        "currency": "USD",
        "terms": Terms(Scheme.PER_UNIT, (Tier(Decimal(rate)),)),
        "minimum": Decimal(0),
        "valid_from": START,
        "valid_until": None,
    }
    return Rule(id=id, **{**values, **fields})


def usage(
    tokens: str | None = "10", start: datetime = START, end: datetime = END, cost: str = "", **kind: Any
) -> Usage:
    return Usage(
        start=start,
        end=end,
        service_type=kind.get("service_type", "llm_service"),
        service_provider=kind.get("service_provider", "openai"),
        model=kind.get("model", "gpt-4"),
        event_type=kind.get("event_type", "completion"),
        count=2,
        metrics={} if tokens is None else {"tokens": Decimal(tokens)},
        costs={"USD": Decimal(cost)} if cost else {},
    )


def lines(rules: list[Rule], *uses: Usage) -> list[Line]:
    return bill(rules=rules, usage=uses, start=START, end=END, currency="EUR")


def told(found: list[Line]) -> list[tuple[str, str, str, str]]:
    return [(line.rule_id, str(line.quantity), str(line.amount), line.currency) for line in found]


def test_the_most_specific_rule_prices_the_usage() -> None:
    anything, event, provider = (
        rule("any"),
        rule("event", event_type="completion"),
        rule("provider", service_provider="openai"),
    )
    model = rule("model", model_or_tier="gpt-4")
    rules = [model, provider, event, anything]
    for winner in ("model", "provider", "event", "any"):
        for order in (rules, rules[::-1]):
            assert [line.rule_id for line in lines(order, usage())] == [winner]
        rules = rules[1:]
    assert [line.rule_id for line in lines([rule("other", model_or_tier="gpt-5")], usage())] == [""]


def test_each_unit_is_a_line_and_each_service_has_its_own() -> None:
    rules = [rule("tokens", "0.5"), rule("events", "2", unit="events")]
    found = lines(rules, usage(), usage("4", model="mini"))
    assert [(line.model, line.unit, str(line.amount)) for line in found] == [
        ("gpt-4", "events", "4.00"), ("gpt-4", "tokens", "5.00"),
        ("mini", "events", "4.00"), ("mini", "tokens", "2.00"),
    ]  # fmt: skip
    assert totals(found) == {"USD": "15.00"}


def test_event_types_of_one_rule_are_one_line() -> None:
    found = lines([rule("r", "0.5")], usage("3"), usage("4", event_type="chat"))
    assert told(found) == [("r", "7", "3.50", "USD")]


def test_usage_without_a_rule_is_billed_as_it_was_sent() -> None:
    sent = Usage(
        START, END, "compute", "aws", "", "vm", 3, {}, {"USD": Decimal("0.335"), "JPY": Decimal("12.5")}
    )
    found = lines([rule("r")], sent)
    assert told(found) == [("", "3", "13", "JPY"), ("", "3", "0.34", "USD")]
    assert [str(line.unrounded) for line in found] == ["12.5", "0.335"]
    assert totals(found) == {"JPY": "13", "USD": "0.34"}
    assert told(lines([], usage(cost=""))) == [("", "2", "0.00", "EUR")]


def test_a_rule_whose_unit_the_events_do_not_have_prices_nothing() -> None:
    assert told(lines([rule("r")], usage(None, cost="1.5"))) == [("", "2", "1.50", "USD")]


def test_what_the_senders_billed_stands_beside() -> None:
    (line,) = lines([rule("r")], usage(cost="0.70"), usage(cost="0.05", event_type="chat"))
    assert (line.amount, line.billed_by_sender) == (Decimal("20.00"), {"USD": "0.75"})


def changed(scheme: Scheme, *tiers: Tier, minimum: str = "0") -> list[Rule]:
    terms = Terms(scheme, tiers)
    return [
        rule("old", terms=terms, valid_until=CHANGE, minimum=Decimal(minimum)),
        rule("new", terms=terms, valid_from=CHANGE, minimum=Decimal(minimum)),
    ]


def halves(first: str, second: str) -> tuple[Usage, Usage]:
    return usage(first, end=CHANGE), usage(second, start=CHANGE)


def test_a_price_that_changes_splits_the_line_at_its_hour() -> None:
    rules = [rule("old", "1", valid_until=CHANGE), rule("new", "2", valid_from=CHANGE)]
    found = lines(rules, *halves("3", "4"))
    assert told(found) == [("old", "3", "3.00", "USD"), ("new", "4", "8.00", "USD")]
    assert [(line.starts_at, line.ends_at) for line in found] == [(START, CHANGE), (CHANGE, END)]


def test_a_price_that_changes_goes_on_counting() -> None:
    tiers = Tier(Decimal(1), Decimal(10)), Tier(Decimal("0.5"))
    found = lines(changed(Scheme.GRADUATED, *tiers), *halves("8", "4"))
    assert [str(line.amount) for line in found] == ["8.00", "3.00"]
    assert found[1].explanation == {
        "before": "8",
        "steps": [
            {"units": "2", "rate": "1", "amount": "2", "up_to": "10"},
            {"units": "2", "rate": "0.5", "amount": "1", "up_to": None},
        ],
        "minimum": "0",
    }
    flat = lines(changed(Scheme.FLAT, Tier(Decimal(9))), *halves("8", "4"))
    assert [str(line.amount) for line in flat] == ["9.00", "0.00"]


def test_the_minimum_is_of_the_month_and_on_the_last_line() -> None:
    rules = changed(Scheme.PER_UNIT, Tier(Decimal(1)), minimum="10")
    assert [str(line.amount) for line in lines(rules, *halves("3", "5"))] == ["3.00", "7.00"]
    assert [str(line.amount) for line in lines(rules, *halves("3", "50"))] == ["3.00", "50.00"]
    assert [str(line.amount) for line in lines(rules, halves("3", "5")[0])] == ["10.00"]
    assert lines(rules, usage("0", end=CHANGE))[0].amount == 0
    assert lines(rules, *halves("3", "5"))[1].explanation["minimum"] == "2"


def test_a_line_is_rounded_once() -> None:
    found = lines([rule("r", "0.004")], usage("1"), usage("1", event_type="chat"), usage("1", model="mini"))
    assert [(str(line.unrounded), str(line.amount)) for line in found] == [
        ("0.008", "0.01"),
        ("0.004", "0.00"),
    ]


uses = st.builds(
    usage,
    tokens=st.one_of(st.none(), st.decimals(0, 10**6, places=4).map(str)),
    cost=st.sampled_from(["", "0.1", "2.345"]),
    model=st.sampled_from(["gpt-4", "mini"]),
    event_type=st.sampled_from(["chat", "completion"]),
)
RULES = [
    rule("graduated", terms=Terms(Scheme.GRADUATED, (Tier(Decimal(1), Decimal(10)), Tier(Decimal("0.3"))))),
    rule("mini", model_or_tier="mini", terms=Terms(Scheme.PACKAGE, (Tier(Decimal(5), size=Decimal(7)),))),
    rule("events", "0.01", unit="events", currency="EUR"),
]


@given(st.lists(uses, max_size=8), st.randoms())
def test_the_order_of_usage_and_rules_changes_nothing(found: list[Usage], chance: Any) -> None:
    rules, shuffled = list(RULES), list(found)
    chance.shuffle(shuffled)
    chance.shuffle(rules)
    assert lines(rules, *shuffled) == lines(RULES, *found)


@given(st.lists(uses, max_size=6), st.lists(uses, max_size=6), st.lists(uses, max_size=6))
def test_bill_and_differences_are_the_later_bill(
    one: list[Usage], two: list[Usage], three: list[Usage]
) -> None:
    billed = lines(RULES, *one)
    for later in (two, three):
        known = lines(RULES, *later)
        billed = [*billed, *differences(billed, known)]
        assert differences(billed, known) == []
        sums = {currency: Decimal(amount) for currency, amount in totals(billed).items() if Decimal(amount)}
        assert sums == {c: Decimal(a) for c, a in totals(known).items() if Decimal(a)}
