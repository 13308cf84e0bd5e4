"""Signing in with a password, and what a caller learns from being refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import AuditEntry, RefreshToken, User
from tests.builders import PASSWORD, make_user

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]

PAIR = {"access_token", "refresh_token", "token_type", "expires_in"}
DOORS = ["/api/v1/token", "/token", "/auth/login", "/auth/password"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("field", ["email", "username"])
def test_either_name_signs_in_at_every_door(client_for: Client, member: User, path: str, field: str) -> None:
    answer = client_for(None).post(path, {field: "Member@Example.com", "password": PASSWORD}, format="json")

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body.keys() >= PAIR
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == settings.ACCESS_TOKEN_LIFETIME.total_seconds()
    assert answer["Cache-Control"] == "no-store"
    me = APIClient(HTTP_AUTHORIZATION=f"Bearer {body['access_token']}").get("/auth/me").json()
    assert me["email"] == "member@example.com"


def test_a_username_signs_in_in_any_case(client_for: Client, db: None) -> None:
    make_user("ada", username="Ada.L")
    answer = client_for(None).post("/token", {"username": "ada.l", "password": PASSWORD}, format="json")
    assert answer.status_code == 200


def test_a_form_signs_in(client_for: Client, member: User) -> None:
    form = {"grant_type": "password", "username": member.email, "password": PASSWORD}
    answer = client_for(None).post(
        "/token",
        "&".join(f"{k}={v}" for k, v in form.items()),
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200
    assert answer.json().keys() == PAIR


def test_the_password_door_says_who_signed_in(client_for: Client, member: User) -> None:
    answer = client_for(None).post(
        "/auth/password", {"username": member.email, "password": PASSWORD}, format="json"
    )
    assert answer.json()["user"] == {
        "id": str(member.pk),
        "user_id": str(member.pk),
        "username": None,
        "email": "member@example.com",
        "is_superuser": False,
    }


def test_unknown_wrong_and_deactivated_are_answered_alike(client_for: Client, member: User) -> None:
    make_user("gone", is_active=False)

    def refusal(name: str, password: str) -> dict[str, Any]:
        answer = client_for(None).post("/auth/login", {"email": name, "password": password}, format="json")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="skyledger"'
        body: dict[str, Any] = answer.json()
        body.pop("request_id")
        return body

    unknown = refusal("nobody@example.com", PASSWORD)
    assert unknown == refusal("member@example.com", "wrong password")
    assert unknown == refusal("gone@example.com", PASSWORD)
    assert unknown["error"] == "authentication_required"
    assert not RefreshToken.objects.exists()


def test_success_and_failure_are_audited_without_what_was_typed(client_for: Client, member: User) -> None:
    for password in ["my-secret-guess", PASSWORD]:
        client_for(None).post("/token", {"username": member.email, "password": password}, format="json")

    refused, started = AuditEntry.objects.order_by("id")
    assert (refused.action, refused.actor, refused.address) == ("session.refused", "anonymous", "127.0.0.1")
    assert (started.action, started.actor, started.object_id) == (
        "session.started", "user:member@example.com", str(member.pk),
    )  # fmt: skip
    assert "my-secret-guess" not in str(AuditEntry.objects.values_list())


def test_a_stale_credential_does_not_bar_the_door(member: User) -> None:
    client = APIClient(HTTP_AUTHORIZATION="Bearer a.b.c", HTTP_X_API_KEY="sky_gone")
    assert (
        client.post("/token", {"username": member.email, "password": PASSWORD}, format="json").status_code
        == 200
    )


@pytest.mark.parametrize(
    "body", [{}, {"password": "x"}, {"username": "x"}, [], "x", {"username": "a\u0000b", "password": "x"}]
)
def test_an_unfit_body_is_400(client_for: Client, db: None, body: Any) -> None:
    answer = client_for(None).post("/token", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["error"] == "validation_error"


def test_sign_in_attempts_are_limited_per_address_and_account(
    client_for: Client, member: User, settings: Any
) -> None:
    settings.RATE_LIMIT_SIGN_IN = 3

    def attempt(name: str, **headers: Any) -> Any:
        body = {"username": name, "password": "wrong password"}
        return client_for(None).post("/token", body, format="json", **headers)

    assert [attempt("member@example.com").status_code for _ in range(3)] == [401] * 3
    last = attempt(" MEMBER@example.com ")
    assert last.status_code == 429
    assert last.json()["error"] == "rate_limit_exceeded"
    assert int(last["Retry-After"]) >= 1
    # A forged address is no way around it; another account or a real other address is another count.
    assert attempt("member@example.com", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 429
    assert attempt("other@example.com").status_code == 401
    assert attempt("member@example.com", REMOTE_ADDR="203.0.113.9").status_code == 401


def test_registration_opens_an_account_without_power(client_for: Client, db: None, settings: Any) -> None:
    settings.ALLOW_PUBLIC_REGISTRATION = True
    body = {
        "username": "New.Person", "email": "New@Example.com", "password": "a long enough one",
        "is_superuser": True, "is_staff": True, "email_verified": True, "role": "admin",
    }  # fmt: skip
    answer = client_for(None).post("/auth/register", body, format="json")

    assert answer.status_code == 201
    user = User.objects.get()
    assert answer.json() == {
        "id": str(user.pk),
        "email": "new@example.com",
        "username": "New.Person",
        "role": "user",
        "is_active": True,
    }
    assert (user.is_staff, user.is_superuser, user.email_verified) == (False, False, False)
    assert not user.memberships.exists()


@pytest.mark.parametrize(
    ("email", "username"),
    [("MEMBER@example.com", "free"), ("free@example.com", "TAKEN"), ("member@example.com", None)],
)
def test_what_is_taken_is_409_in_any_case(
    client_for: Client, member: User, settings: Any, email: str, username: str | None
) -> None:
    settings.ALLOW_PUBLIC_REGISTRATION = True
    make_user("other", username="taken")
    body = {"email": email, "username": username, "password": "a long enough one"}
    answer = client_for(None).post("/auth/register", body, format="json")
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert User.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("password", "password123"),
        ("username", "x"),
        ("username", "member@example.com"),
        ("email", "no address"),
    ],
)
def test_registration_says_what_is_wrong(
    client_for: Client, db: None, settings: Any, field: str, value: str
) -> None:
    settings.ALLOW_PUBLIC_REGISTRATION = True
    body = {"email": "new@example.com", "password": "a long enough one", field: value}
    answer = client_for(None).post("/auth/register", body, format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not User.objects.exists()


def test_closed_registration_is_403(client_for: Client, db: None, settings: Any) -> None:
    settings.ALLOW_PUBLIC_REGISTRATION = False
    body = {"email": "new@example.com", "password": "a long enough one"}
    assert client_for(None).post("/auth/register", body, format="json").status_code == 403
    assert not User.objects.exists()
