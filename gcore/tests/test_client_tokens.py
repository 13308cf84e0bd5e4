"""How the client signs in: once, for as long as its token lasts, and again when it is refused."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.core.cache import caches

from accounts.redis_link import breaker
from gcore.client import Credentials, GcoreClient, tokens
from gcore.errors import PermanentError, TransientError, Unauthorized
from gcore.simulator import API_TOKEN, Simulator

pytestmark = pytest.mark.django_db  # so that both runs have them: with Redis, and without
START = "2026-11-20T12:00:00+00:00"


@pytest.fixture
def signed_in(credentials: Callable[..., Credentials]) -> Callable[..., GcoreClient]:
    """A new client with a name and password."""
    return lambda **given: GcoreClient(credentials(**given))


@pytest.fixture
def asked(gcore_simulator: Simulator) -> Callable[[str], int]:
    """How often a path that ends so was called."""
    return lambda end: sum(call.path.endswith(end) for call in gcore_simulator.state.calls)


def together(count: int, work: Callable[[], Any]) -> list[Any]:
    """What so many threads got that began at once."""
    barrier = Barrier(count)

    def one(_: int) -> Any:
        barrier.wait()
        try:
            return work()
        except PermanentError as error:
            return type(error)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_cold_calls_at_once_sign_in_once(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    names = together(12, lambda: signed_in().who_am_i().name)
    assert names == ["Skyledger Reseller"] * 12
    assert (asked("/login"), asked("/me")) == (1, 12)


def test_a_later_client_uses_the_same_token(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    for _ in range(3):
        signed_in().who_am_i()
    assert asked("/login") == 1


def test_other_credentials_have_a_token_of_their_own(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    signed_in().who_am_i()
    with pytest.raises(PermanentError, match="No active account"):
        signed_in(password="another").who_am_i()
    assert asked("/login") == 2


def test_a_token_lasts_until_its_exp_and_is_then_exchanged(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    seen = []
    with time_machine.travel(START, tick=False) as clock:
        for seconds in (0, 3539, 2, 3541, 90_000):
            clock.shift(seconds)
            signed_in().who_am_i()
            seen.append((asked("/login"), asked("/refresh")))
    # Fresh; still good; a minute before its end, by refresh; once more, by the new one; all expired.
    assert seen == [(1, 0), (1, 0), (1, 1), (1, 2), (2, 2)]


def test_a_refresh_token_that_is_used_up_costs_a_login(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int], gcore_simulator: Simulator
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        signed_in().who_am_i()
        clock.shift(3541)
        gcore_simulator.state.revoke()
        signed_in().who_am_i()
    assert (asked("/login"), asked("/refresh")) == (2, 1)


def test_a_token_that_is_refused_in_the_middle_is_replaced_once(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int], gcore_simulator: Simulator
) -> None:
    client = signed_in()
    client.who_am_i()
    gcore_simulator.state.revoke()
    assert together(6, lambda: signed_in().who_am_i().name) == ["Skyledger Reseller"] * 6
    assert (asked("/login"), asked("/refresh")) == (2, 0)


def test_a_second_refusal_is_the_answer(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int], gcore_simulator: Simulator
) -> None:
    body = '{"detail": "Token is invalid or expired"}'
    gcore_simulator.state.add_fault(path=".*/me", status=401, body=body, times=9)
    with pytest.raises(Unauthorized, match="401: Token is invalid or expired"):
        signed_in().who_am_i()
    assert (asked("/login"), asked("/me")) == (2, 2)


def test_wrong_credentials_are_tried_once_in_a_while(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    results = together(8, lambda: signed_in(password="wrong").who_am_i())
    assert Counter(results) == {PermanentError: 8}
    assert asked("/login") == 1


def test_a_permanent_token_is_sent_as_it_is(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int], gcore_simulator: Simulator
) -> None:
    signed_in(api_token=API_TOKEN).who_am_i()
    assert asked("/login") == 0
    assert gcore_simulator.state.calls[0].headers["authorization"] == f"APIKey {API_TOKEN}"


def test_a_permanent_token_that_is_refused_is_not_tried_again(
    signed_in: Callable[..., GcoreClient], gcore_simulator: Simulator
) -> None:
    with pytest.raises(Unauthorized) as refused:
        signed_in(api_token="1001_averysecretpart").who_am_i()
    assert refused.value.message == "Gcore answered who_am_i with 401: Bad token: [hidden]"
    assert len(gcore_simulator.state.calls) == 1


def test_a_customers_token_is_kept_apart(
    signed_in: Callable[..., GcoreClient], gcore_simulator: Simulator
) -> None:
    client = signed_in()
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    for client_id in (829449, 829517, 829449):
        assert client.cloud_usage(client_id, date_from=first, date_to=last)
    paths = [call.path.rpartition("clients/")[2] for call in gcore_simulator.state.calls]
    assert [path for path in paths if "admin_token" in path] == ["829449/admin_token", "829517/admin_token"]
    assert client.who_am_i().name == "Skyledger Reseller"


def test_it_works_while_redis_is_away(
    signed_in: Callable[..., GcoreClient], asked: Callable[[str], int]
) -> None:
    breaker.trip()
    signed_in().who_am_i()
    breaker.trip()
    signed_in().who_am_i()
    assert asked("/login") == 1


def test_tokens_are_kept_encrypted(
    signed_in: Callable[..., GcoreClient], credentials: Callable[..., Credentials]
) -> None:
    signed_in().who_am_i()
    key = f"gcore-token:{credentials().key}"
    kept = [caches[name].get(key) for name in ("default", "local")]
    assert sum(text is not None for text in kept) == 1
    assert not any("access" in text or "eyJ" in text for text in kept if text)


def test_a_lock_left_by_a_dead_process_delays_and_does_not_stop(
    signed_in: Callable[..., GcoreClient],
    credentials: Callable[..., Credentials],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = f"gcore-token:{credentials().key}:lock"
    shelf = caches["default"] if breaker.closed else caches["local"]
    shelf.set(lock, "dead")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            shelf.delete(lock)  # as its own expiry does

    monkeypatch.setattr(tokens, "sleep", sleep)
    assert signed_in().who_am_i().name == "Skyledger Reseller"
    assert len(waited) == 3
    monkeypatch.setattr(tokens, "LOCK_SECONDS", -1)
    caches["default"].clear()
    caches["local"].clear()
    shelf.set(lock, "alive")
    with pytest.raises(TransientError, match="signing in"):
        signed_in().who_am_i()
