"""Forecasts: right for steady costs, not moved by one odd day, and told with their accuracy."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest

from accounts.models import Tenant
from inventory import forecasting
from inventory.models import ExchangeRate
from inventory.tests.bills import bill, load

URL: Final = "/api/v1/costs/forecast"
LAST: Final = date(2026, 3, 20)


def week(count: int, odd: dict[int, float] | None = None) -> list[float]:
    """Days that cost 100, and 50 on each sixth and seventh; `odd` days cost something else."""
    return [(odd or {}).get(n, 50 if n % 7 in (5, 6) else 100) for n in range(count)]


def bills(amounts: Iterable[Any], **fields: Any) -> list[Any]:
    told = list(amounts)
    return [
        bill(LAST - timedelta(days=len(told) - 1 - n), str(amount), **fields) for n, amount in enumerate(told)
    ]


def expected(first: int, count: int) -> list[float]:
    return week(first + count)[first:]


@pytest.mark.parametrize("length", [28, 35, 60, 200])
def test_a_steady_week_goes_on(length: int) -> None:
    found = forecasting.forecast(np.array(week(length)), 30)
    assert found.days == pytest.approx(np.array(expected(length, 30)), abs=0.5)
    assert found.method != "run_rate"
    assert found.errors[found.method] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("method", ["weekday_median", "holt_winters"])
def test_one_odd_day_moves_nothing(method: str) -> None:
    odd = forecasting.clean(np.array(week(84, {80: 5000, 40: 0})))
    rng = np.random.default_rng(7)
    noisy = np.array(week(84)) + rng.normal(0, 2, 84)
    noisy_odd = noisy.copy()
    noisy_odd[80] = 5000
    plain, moved = (
        getattr(forecasting, method)(forecasting.clean(series), 14) for series in (noisy, noisy_odd)
    )
    assert moved == pytest.approx(plain, abs=6)
    assert odd.shape == (84,)


def test_what_grows_is_forecast_best_by_holt_and_winters() -> None:
    series = np.array([200 + 2 * n + (30 if n % 7 < 2 else 0) for n in range(120)], dtype=float)
    found = forecasting.forecast(series, 28)
    assert found.method == "holt_winters"
    truth = sum(200 + 2 * n + (30 if n % 7 < 2 else 0) for n in range(120, 148))
    assert abs(found.days.sum() - truth) / truth < 0.03
    assert min(found.errors, key=lambda name: found.errors[name]) == "holt_winters"
    assert (found.low <= found.days).all()
    assert (found.days <= found.high).all()
    assert (np.diff(found.high - found.low) >= -1e-9).all()  # what is further ahead is never surer


def test_the_interval_holds_what_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(8):
        series = np.array(week(140)) + rng.normal(0, 8, 140)
        found = forecasting.forecast(series[:112], 28)
        inside.append(np.mean((series[112:] >= found.low) & (series[112:] <= found.high)))
        assert found.covered is not None
    assert 0.65 < np.mean(inside) < 0.97


@pytest.mark.parametrize(
    ("length", "method", "errors"), [(1, "run_rate", 0), (13, "run_rate", 0), (14, "weekday_median", 0)]
)
def test_with_little_history_the_plainest_way_is_taken(length: int, method: str, errors: int) -> None:
    found = forecasting.forecast(np.array(week(length)), 10)
    assert (found.method, len(found.errors), found.covered) == (method, errors, None)


def test_it_is_told_with_its_accuracy(api: Any, acme: Tenant, rival: Tenant) -> None:
    load(acme, bills(week(70)))
    load(rival, bills([9999] * 70))
    found = api.get(URL, {"days": 7}).json()
    assert (found["currency"], found["complete_through"], found["history_days"]) == ("USD", "2026-03-20", 70)
    assert [day["day"] for day in found["days"]] == [f"2026-03-{day}" for day in range(21, 28)]
    assert [round(float(day["amount"])) for day in found["days"]] == expected(70, 7)
    assert round(float(found["total"]["amount"])) == 600
    assert (found["confidence"], found["month"]["month"]) == ("normal", "2026-03")
    month = week(70)[-20:]
    assert Decimal(found["month"]["actual"]) == Decimal(sum(month))
    rest = sum(expected(70, 11))
    assert round(float(found["month"]["total"]["amount"])) == sum(month) + rest
    assert set(found["accuracy"]["method_errors"]) == {"run_rate", "weekday_median", "holt_winters"}


def test_what_is_bought_once_says_nothing_and_what_is_bought_monthly_comes_again(
    api: Any, acme: Tenant
) -> None:
    once = bill("2026-03-19", "9000", charge_category="Purchase", charge_frequency="One-Time")
    setup = bill("2026-03-18", "700", charge_frequency="One-Time")
    monthly = bill("2026-02-25", "300", charge_category="Purchase", charge_frequency="Recurring")
    load(acme, [*bills(week(70)), once, setup, monthly])
    days = {day["day"]: round(float(day["amount"])) for day in api.get(URL).json()["days"]}
    assert days["2026-03-25"] == round(expected(70, 30)[4]) + 300
    assert sum(days.values()) == sum(expected(70, 30)) + 300


def test_currencies_are_converted_or_left_out(api: Any, acme: Tenant) -> None:
    load(acme, [*bills(week(30)), *bills([10] * 30, currency="EUR"), *bills([7] * 30, currency="JPY")])
    assert round(float(api.get(URL, {"days": 7}).json()["total"]["amount"])) == 600
    ExchangeRate.objects.create(
        tenant=acme, currency="EUR", to_currency="USD", valid_from="2026-01-01", rate=Decimal(2)
    )
    found = api.get(URL, {"days": 7, "reporting_currency": "USD"}).json()
    assert (round(float(found["total"]["amount"])), found["missing_rates"]) == (740, ["JPY"])
    assert round(float(api.get(URL, {"days": 7, "currency": "EUR"}).json()["total"]["amount"])) == 70


def test_without_history_there_is_no_forecast(api: Any) -> None:
    found = api.get(URL).json()
    assert (found["method"], found["days"], found["total"], found["month"]) == (None, [], None, None)
    assert (found["confidence"], found["accuracy"]) == ("low", {"method_errors": {}, "coverage": None})
    assert api.get(URL, {"days": 366}).json()["errors"][0]["field"] == "days"
