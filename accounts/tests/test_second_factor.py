"""A code of an app beside the password: who needs one, that each works once, and that none can be guessed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.errors import SignInRefused
from accounts.models import AuditEntry, RefreshToken, SecondFactor, User
from accounts.services.second_factor import (
    RECOVERY_CODES,
    second_factor_begin,
    second_factor_check,
    second_factor_confirm,
    second_factor_wanted,
)
from accounts.signing import unseal
from accounts.totp import totp_code, totp_uri
from tests.browser import Page, browser
from tests.builders import PASSWORD

SIGN_IN = "/console/sign-in"
SECOND = "/console/second-factor"
NOON = datetime(2026, 3, 10, 12, 0, 5, tzinfo=UTC)
Clock = Any


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """It ticks, as clocks do: two looks at it are never the same."""
    caches["local"].clear()
    with time_machine.travel(NOON) as clock:
        yield clock


def code_of(user: User, *, steps: int = 0) -> str:
    """The code of now, or of so many steps from now."""
    step = int(datetime.now(UTC).timestamp()) // 30 + steps
    return totp_code(unseal(SecondFactor.objects.get(user=user).secret), step).decode()


def enrolled(user: User, clock: Clock) -> list[str]:
    second_factor_begin(user=user)
    codes = second_factor_confirm(user=user, code=code_of(user))
    clock.shift(30)
    return codes


def first_step(user: User, password: str = PASSWORD) -> Client:
    client = browser()
    client.post(f"{SIGN_IN}?next=/admin/", {"account": user.email, "password": password})
    return client


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_codes_are_those_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890", the RFC's own
    assert [totp_code(secret, at // 30) for at in (59, 1111111109, 2000000000)] == [
        b"287082",
        b"081804",
        b"279037",
    ]
    assert totp_uri(secret, "ada@acme.test").startswith("otpauth://totp/Skyledger:ada%40acme.test?")


@pytest.mark.django_db
@pytest.mark.parametrize(("required", "wanted"), [(False, False), (True, True)])
def test_staff_need_one_where_the_setting_says_so_and_others_never(
    staff: User, owner: User, settings: Any, required: bool, wanted: bool
) -> None:
    settings.STAFF_SECOND_FACTOR = required
    assert second_factor_wanted(staff) is wanted
    assert not second_factor_wanted(owner)
    assert signed_in(first_step(staff)) is not wanted
    assert signed_in(first_step(owner))


@pytest.mark.django_db
def test_staff_set_it_up_at_the_first_sign_in_and_keep_recovery_codes(staff: User, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True
    client = first_step(staff)
    shown = client.get(f"{SECOND}?next=/admin/")
    page = Page(shown)
    assert (page.elements["svg"], page.blocked) == (1, [])
    assert client.get("/admin/").status_code == 302
    assert "is not the code" in client.post(SECOND, {"code": "000000"}).content.decode()
    assert not signed_in(client)
    answer = client.post(SECOND, {"code": code_of(staff), "next": "/admin/"})
    assert [len(code) for code in answer.context["recovery"]] == [30] * RECOVERY_CODES
    assert all(code in answer.content.decode() for code in answer.context["recovery"])
    assert client.get("/admin/").status_code == 200
    assert actions() == ["second_factor.confirmed", "session.opened"]
    kept = SecondFactor.objects.get()
    assert not set(answer.context["recovery"]) & set(kept.recovery_hashes)
    assert kept.secret not in shown.content.decode()


@pytest.mark.django_db
def test_the_second_sign_in_takes_the_code_once(staff: User, settings: Any, clock: Clock) -> None:
    settings.STAFF_SECOND_FACTOR = True
    enrolled(staff, clock)
    client = first_step(staff)
    assert "picture" not in client.get(SECOND).context
    code = code_of(staff)
    assert client.post(SECOND, {"code": code, "next": "/admin/"}).headers["Location"] == "/admin/"
    assert signed_in(client)
    again = first_step(staff)
    assert "used before" in again.post(SECOND, {"code": code}).content.decode()
    assert not signed_in(again)
    assert actions()[-2:] == ["session.opened", "session.refused"]


@pytest.mark.django_db
@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_one_step(owner: User, clock: Clock, steps: int, right: bool) -> None:
    enrolled(owner, clock)
    clock.shift(300)
    code = code_of(owner, steps=steps)
    if right:
        second_factor_check(user=owner, code=code)
    else:
        with pytest.raises(SignInRefused):
            second_factor_check(user=owner, code=code)


@pytest.mark.django_db
def test_a_recovery_code_works_once(owner: User, clock: Clock) -> None:
    first, *_ = enrolled(owner, clock)
    second_factor_check(user=owner, code=first)
    with pytest.raises(SignInRefused):
        second_factor_check(user=owner, code=first)
    assert len(SecondFactor.objects.get().recovery_hashes) == RECOVERY_CODES - 1
    assert "second_factor.recovery_used" in actions()


@pytest.mark.django_db
def test_wrong_codes_cost_time_and_the_right_one_ends_the_wait(owner: User, clock: Clock) -> None:
    enrolled(owner, clock)
    for _ in range(3):
        with pytest.raises(SignInRefused):
            second_factor_check(user=owner, code="000000")
    with pytest.raises(SignInRefused):  # too soon, though right; and it is not counted as wrong
        second_factor_check(user=owner, code=code_of(owner))
    assert SecondFactor.objects.get().failures == 3
    clock.shift(8)
    second_factor_check(user=owner, code=code_of(owner))
    assert SecondFactor.objects.get().failures == 0


@pytest.mark.django_db
def test_the_right_password_alone_does_not_last(staff: User, settings: Any, clock: Clock) -> None:
    settings.STAFF_SECOND_FACTOR = True
    enrolled(staff, clock)
    late, changed = first_step(staff), first_step(staff)
    staff.set_password("another-password-1")
    staff.save()
    assert changed.post(SECOND, {"code": code_of(staff)}).headers["Location"] == SIGN_IN
    clock.shift(301)
    assert late.get(SECOND).headers["Location"] == SIGN_IN
    assert browser().get(SECOND).headers["Location"] == SIGN_IN


@pytest.mark.django_db
@pytest.mark.parametrize("door", ["/token", "/auth/login", "/auth/password"])
def test_the_api_asks_too(
    staff: User, settings: Any, clock: Clock, client_for: Callable[..., APIClient], door: str
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    sent = {"username": staff.email, "password": PASSWORD}
    assert client_for(None).post(door, sent).status_code == 403  # set it up in the console first
    enrolled(staff, clock)
    refused = client_for(None).post(door, sent)
    assert (refused.status_code, "one-time code" in refused.json()["message"]) == (401, True)
    assert (
        client_for(None).post(door, {**sent, "password": "wrong"}).json()["message"].startswith("The e-mail")
    )
    assert RefreshToken.objects.count() == 0
    assert client_for(None).post(door, {**sent, "code": code_of(staff)}).status_code == 200


@pytest.mark.django_db
def test_anybody_may_have_one_and_then_needs_it(owner: User, clock: Clock) -> None:
    client = first_step(owner)
    assert client.get(SECOND).context["picture"]
    client.post(SECOND, {"code": code_of(owner)})
    assert client.get(SECOND).headers["Location"] == "/console/profile"
    assert not signed_in(first_step(owner))


@pytest.mark.django_db
def test_a_lost_one_is_taken_away_by_the_operator(owner: User, clock: Clock) -> None:
    enrolled(owner, clock)
    out = StringIO()
    call_command("remove_second_factor", "OWNER@example.com", stdout=out)
    assert (SecondFactor.objects.count(), actions()[-1]) == (0, "second_factor.removed")
    with pytest.raises(CommandError):
        call_command("remove_second_factor", "owner@example.com", stdout=out)
