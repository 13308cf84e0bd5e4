"""Refresh tokens work exactly once; a replay, a sign-out or the end of an account ends what hangs on them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import AuditEntry, RefreshToken, User
from accounts.principals import SYSTEM
from accounts.services.sessions import TokenPair, session_open
from accounts.services.users import user_deactivate, user_update
from accounts.tasks import clean_up

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]


def refresh(token: str, field: str = "refresh_token") -> Any:
    return APIClient().post("/auth/refresh", {field: token}, format="json")


@pytest.fixture
def pair(member: User) -> TokenPair:
    return session_open(user=member, method="test")


def test_a_refresh_token_gives_the_next_pair(pair: TokenPair) -> None:
    answer = refresh(pair.refresh)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["refresh_token"] != pair.refresh
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
    assert client.get("/auth/me").json()["email"] == "member@example.com"
    assert refresh(body["refresh_token"], "refresh").status_code == 200


def test_a_replay_is_401_and_ends_the_family(pair: TokenPair) -> None:
    successor = refresh(pair.refresh).json()["refresh_token"]
    replay = refresh(pair.refresh)
    assert (replay.status_code, replay.json()["error"]) == (401, "invalid_token")
    assert refresh(successor).status_code == 401
    assert not RefreshToken.objects.filter(revoked_at=None).exists()
    assert AuditEntry.objects.filter(action="session.replayed").count() == 1


def test_a_replay_leaves_the_persons_other_sign_ins(pair: TokenPair, member: User) -> None:
    other = session_open(user=member, method="test")
    refresh(pair.refresh)
    refresh(pair.refresh)
    assert refresh(other.refresh).status_code == 200


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_of_eight_uses_at_once_one_succeeds(member: User) -> None:
    for _ in range(3):
        pair = session_open(user=member, method="test")
        gate = Barrier(8)

        def use(token: str, gate: Barrier = gate) -> Any:
            gate.wait()
            answer = refresh(token)
            connection.close()
            return answer

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(use, [pair.refresh] * 8))

        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
        successor = next(a for a in answers if a.status_code == 200).json()["refresh_token"]
        assert refresh(successor).status_code == 401
    assert not RefreshToken.objects.filter(revoked_at=None).exists()


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_no_successor_outlives_a_sign_out_at_the_same_moment(member: User) -> None:
    for _ in range(5):
        pair = session_open(user=member, method="test")
        gate = Barrier(2)

        def call(path: str, token: str = pair.refresh, gate: Barrier = gate) -> Any:
            gate.wait()
            answer = APIClient().post(path, {"refresh_token": token}, format="json")
            connection.close()
            return answer

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(call, ["/auth/refresh", "/auth/logout"]))
        assert not RefreshToken.objects.filter(revoked_at=None).exists()


def test_signing_out_ends_the_family_and_only_that(pair: TokenPair, member: User) -> None:
    other = session_open(user=member, method="test")
    successor = refresh(pair.refresh).json()["refresh_token"]
    for _ in range(2):
        answer = APIClient().post("/auth/logout", {"refresh_token": successor}, format="json")
        assert answer.status_code == 204
    assert refresh(successor).status_code == 401
    assert refresh(other.refresh).status_code == 200
    assert AuditEntry.objects.filter(action="session.ended").count() == 1


def test_a_family_ends_in_time_however_often_renewed(member: User) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
        token = session_open(user=member, method="test").refresh
        clock.shift(settings.REFRESH_TOKEN_LIFETIME - timedelta(minutes=1))
        token = refresh(token).json()["refresh_token"]
        clock.shift(timedelta(minutes=2))
        assert refresh(token).status_code == 401
        clean_up()
        assert not RefreshToken.objects.exists()


def test_a_deactivated_person_is_out_at_once(pair: TokenPair, client_for: Client) -> None:
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert client.get("/auth/me").status_code == 200
    user_deactivate(by=SYSTEM, user=pair.user)
    assert (client.get("/auth/me").status_code, client.get("/auth/me").json()["error"]) == (
        401,
        "invalid_token",
    )
    assert refresh(pair.refresh).status_code == 401


def test_a_new_password_ends_every_sign_in(pair: TokenPair) -> None:
    user_update(by=SYSTEM, user=pair.user, changes={"password": "another fine password"})
    assert refresh(pair.refresh).status_code == 401


def test_a_password_set_on_the_command_line_ends_every_sign_in(pair: TokenPair) -> None:
    pair.user.set_password("another fine password")
    pair.user.save()
    assert refresh(pair.refresh).status_code == 401
    assert not AuditEntry.objects.filter(action="session.replayed").exists()


def forged(**changes: Any) -> str:
    config = settings.SIMPLE_JWT
    claims = {**AccessToken().payload, "sub": "00000000-0000-0000-0000-000000000000", **changes}
    claims |= {"aud": changes.get("aud", config["AUDIENCE"]), "iss": changes.get("iss", config["ISSUER"])}
    return jwt.encode(claims, config["SIGNING_KEY"], algorithm="HS256")


def test_only_our_own_access_tokens_are_good(member: User, pair: TokenPair) -> None:
    good = {"sub": str(member.pk), "pwd": member.password_mark}
    head, body, _ = forged(**good).split(".")
    wrong_key = jwt.encode({**good, "exp": 2**33}, "k" * 64, algorithm="HS256")
    unsigned = jwt.encode({**AccessToken().payload, **good}, "", algorithm="none")
    bad = {
        "foreign audience": forged(**good, aud="other"),
        "foreign issuer": forged(**good, iss="other"),
        "expired": forged(**good, exp=1),
        "unknown person": forged(),
        "no uuid": forged(sub="1"),
        "another password": forged(**{**good, "pwd": "0" * 16}),
        "no password": forged(sub=good["sub"]),
        "refresh token": pair.refresh,
        "wrong key": wrong_key,
        "unsigned": unsigned,
        "no signature": f"{head}.{body}.",
        "not one at all": "é.b.c",
    }
    for reason, token in bad.items():
        answer = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/auth/me")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), reason
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {forged(**good)}").get("/auth/me").status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "sky_abc"])
def test_what_is_no_refresh_token_is_401(db: None, token: str) -> None:
    assert refresh(token).status_code == 401
    assert APIClient().post("/auth/logout", {"refresh_token": token}, format="json").status_code == 401


def test_an_access_token_does_not_refresh(pair: TokenPair) -> None:
    assert refresh(pair.access).status_code == 401
    assert refresh(pair.refresh).status_code == 200
