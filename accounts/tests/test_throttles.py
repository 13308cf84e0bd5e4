"""Limits admit exactly what they promise, in Redis and in the process, and say how they stand."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from rest_framework.test import APIClient

from accounts import throttles
from accounts.errors import RateLimited, Unavailable
from accounts.models import Tenant, User
from accounts.principals import Principal
from accounts.throttles import Lease, Verdict, limiter, limits_of, throttle_at_once, throttle_sign_in
from tests.builders import make_key

Client = Callable[..., APIClient]
WINDOWS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"}


@pytest.fixture(params=[pytest.param("redis", marks=pytest.mark.full), "process"])
def storage(request: Any, settings: Any) -> str:
    """Each of the two places that count."""
    if request.param == "process":
        settings.REDIS_URL = ""
    return str(request.param)


def admitted(calls: int, limit: int, identity: str = "x") -> int:
    return sum(limiter.hit("test", identity, limit).allowed for _ in range(calls))


def pass_time(clock: Any, seconds: int) -> None:
    """The wall clock alone would move; what is timed by the other one is over as well."""
    clock.shift(seconds)
    limiter._leases.clear()


def test_exactly_the_limit_is_admitted(storage: str) -> None:
    assert admitted(30, 20) == 20
    assert admitted(30, 20, "somebody else") == 20


def test_remaining_counts_down_to_nothing(storage: str) -> None:
    verdicts = [limiter.hit("test", "x", 3) for _ in range(4)]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0]
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
    assert all(0 < verdict.reset - time.time() <= 62 for verdict in verdicts)


def test_the_window_slides(settings: Any) -> None:
    """A fixed window would admit twice the limit around its boundary."""
    import time_machine

    settings.REDIS_URL = ""
    with time_machine.travel(1_800_000_055, tick=False) as clock:
        assert admitted(20, 20) == 20
        pass_time(clock, 10)  # five seconds into the next fixed minute
        assert admitted(20, 20) <= 3
        pass_time(clock, 120)
        assert admitted(20, 20) == 20


@pytest.mark.parametrize("jump", [3600, -3600, 86_400 * 365])
def test_a_clock_that_jumps_locks_nobody_out(settings: Any, jump: int) -> None:
    import time_machine

    settings.REDIS_URL = ""
    with time_machine.travel(1_800_000_020, tick=False) as clock:
        assert admitted(30, 20) == 20
        pass_time(clock, jump)
        assert admitted(30, 20) == 20
        pass_time(clock, 120)
        assert admitted(30, 20) == 20


@pytest.mark.full
def test_eight_threads_are_admitted_no_more_than_the_limit() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: admitted(50, 100), range(8))) == 100


@pytest.mark.full
def test_redis_and_not_the_process_has_counted() -> None:
    assert admitted(10, 10) == 10
    throttles._local.cache_clear()
    limiter._leases.clear()
    assert admitted(1, 10) == 0


@pytest.mark.django_db
def test_answers_say_how_the_limit_stands(storage: str, client_for: Client, acme: Tenant) -> None:
    _, text = make_key(acme, "read", rate_limit=2)
    client = client_for(text)
    answers = [client.get("/activity") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    for answer, remaining in zip(answers, ["1", "0", "0"], strict=True):
        assert set(answer.headers) >= WINDOWS
        assert (answer["X-RateLimit-Limit"], answer["X-RateLimit-Remaining"]) == ("2", remaining)
        assert answer["RateLimit-Policy"] == '"key";q=2;w=60'
    body = answers[2].json()
    assert (body["error"], body["limit"], body["remaining"]) == ("rate_limit_exceeded", 2, 0)
    assert body["message"] == body["detail"] == "Rate limit of 2 requests per minute exceeded"
    assert int(answers[2]["Retry-After"]) == body["retry_after"] >= 1
    assert abs(body["reset_time"] - time.time()) < 63


@pytest.mark.django_db
def test_a_tenants_own_limit_holds_all_its_keys(client_for: Client, acme: Tenant, rival: Tenant) -> None:
    Tenant.objects.filter(pk=acme.pk).update(rate_limit=3)
    keys = [make_key(acme, "read")[1] for _ in range(2)]
    codes = [client_for(keys[n % 2]).get("/activity").status_code for n in range(4)]
    assert codes == [200, 200, 200, 429]
    assert client_for(make_key(rival, "read")[1]).get("/activity").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "setting", "name"),
    [("member", "RATE_LIMIT_DEFAULT", "user"), ("staff", "RATE_LIMIT_ADMIN", "admin")],
)
def test_people_and_the_platform_have_limits_of_their_own(
    request: Any, client_for: Client, settings: Any, who: str, setting: str, name: str
) -> None:
    setattr(settings, setting, 2)
    client = client_for(request.getfixturevalue(who))
    answers = [client.get("/auth/me") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == f'"{name}";q=2;w=60'


@pytest.mark.django_db
def test_two_people_do_not_share_a_limit(
    client_for: Client, settings: Any, member: User, viewer: User
) -> None:
    settings.RATE_LIMIT_DEFAULT = 1
    assert [client_for(who).get("/auth/me").status_code for who in (member, viewer, member)] == [
        200,
        200,
        429,
    ]


def taken(attempts: list[tuple[str, str]], **options: bool) -> int:
    """How many attempts to sign in, each an address and an account, come before the first refusal."""
    for number, (address, account) in enumerate(attempts):
        try:
            throttle_sign_in(address, account, **options)
        except RateLimited:
            return number
    return len(attempts)


def test_one_address_may_not_try_many_accounts_at_any_door(storage: str, settings: Any) -> None:
    settings.RATE_LIMIT_SIGN_IN = 2
    assert taken([("203.0.113.9", f"person-{n}") for n in range(10)]) == 6
    assert taken([("203.0.113.8", "person-1")]) == 1


def test_many_addresses_may_not_try_one_account_at_any_door(storage: str, settings: Any) -> None:
    settings.RATE_LIMIT_SIGN_IN = 2
    assert taken([(f"203.0.113.{n}", "ada") for n in range(10)]) == 6
    assert taken([("203.0.113.99", "bob")]) == 1


def test_a_door_for_everybody_is_closed_to_nobody_else(storage: str, settings: Any) -> None:
    settings.RATE_LIMIT_SIGN_IN = 2
    assert taken([(f"203.0.113.{n}", "federated") for n in range(10)], guessed=False) == 10
    assert taken([("203.0.113.1", "federated")] * 10, guessed=False) == 1


@pytest.fixture
def redis_away(settings: Any, monkeypatch: Any) -> None:
    """Configured, but nobody listens there."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    def refuse() -> Any:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(throttles, "_shared", refuse)


def test_an_open_scope_counts_in_the_process_meanwhile(redis_away: None, settings: Any) -> None:
    settings.RATE_LIMIT_FAIL_OPEN = {"api": True, "sign_in": False}
    assert admitted(10, 5) == 5


def test_a_closed_scope_refuses_meanwhile(redis_away: None, settings: Any) -> None:
    settings.RATE_LIMIT_FAIL_OPEN = {"api": True, "sign_in": False}
    for _ in range(2):  # the first failure, and while the breaker rests
        with pytest.raises(Unavailable) as caught:
            throttle_sign_in("203.0.113.9", "ada")
        assert caught.value.headers["Retry-After"] == "5"


def test_without_redis_at_all_a_closed_scope_counts_here(settings: Any) -> None:
    settings.REDIS_URL, settings.RATE_LIMIT_SIGN_IN = "", 2
    for _ in range(2):
        throttle_sign_in("203.0.113.9", "Ada")
    with pytest.raises(RateLimited):
        throttle_sign_in("203.0.113.9", " ada ")
    throttle_sign_in("203.0.113.8", "ada")


def leased(left: int, remaining: int, seconds: float = 60, *, allowed: bool = True) -> Lease:
    verdict = Verdict("test", allowed=allowed, limit=5000, remaining=remaining, reset=0)
    return Lease(left, time.monotonic() + seconds, verdict)


def test_a_call_that_all_limits_have_counted_already() -> None:
    limits = [("key", "a", 5000), ("tenant", "b", 5000)]
    limiter._leases |= {limits[0]: leased(1, 7), limits[1]: leased(3, 4)}
    assert [verdict.remaining for verdict in limiter.take_leased(limits)] == [7, 4]
    assert [limiter._leases[limit].left for limit in limits] == [0, 2]
    assert limiter.take_leased(limits) == []  # the first has none left, and of the second none is taken
    assert [limiter._leases[limit].left for limit in limits] == [0, 2]
    assert limiter.take_leased([*limits[1:], ("tenant", "unknown", 5000)]) == []
    limiter._leases[limits[0]] = leased(5, 7, seconds=-1)
    assert limiter.take_leased(limits) == []
    limiter._leases[limits[0]] = leased(0, 0, allowed=False)
    assert [verdict.allowed for verdict in limiter.take_leased(limits)] == [False]
    assert limiter._leases[limits[1]].left == 2


def test_the_tightest_limit_is_told_and_a_refusal_repeated_at_once(settings: Any) -> None:
    settings.RATE_LIMIT_API_KEY = settings.RATE_LIMIT_TENANT = 5000
    tenant = Tenant(slug="acme")
    caller = Principal(kind="api_key", actor="key:a", tenant=tenant, key_id=tenant.pk)
    assert throttle_at_once(caller) is None
    of_key, of_tenant = limits_of(caller)
    limiter._leases |= {of_key: leased(5, 7), of_tenant: leased(5, 4)}
    verdict = throttle_at_once(caller)
    assert verdict is not None
    assert verdict.remaining == 4
    limiter._leases[of_tenant] = leased(0, 0, allowed=False)
    with pytest.raises(RateLimited):
        throttle_at_once(caller)
    assert limiter._leases[of_key].left == 4
