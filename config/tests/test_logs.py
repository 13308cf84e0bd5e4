"""One line for each call, who called, and never a secret."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from config.redaction import HIDDEN, redact, redact_text
from config.sentry import scrub
from tests.builders import PASSWORD

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
KEY = "sky_abcdefghijkl_0123456789abcdefghijklmnopqrstuv01234567"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """What is written to standard error from now on, line by line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"bad key {KEY}!", f"bad key sky_abcdefghijkl_{HIDDEN}!"),
        (f"Authorization: Bearer {JWT}", f"Authorization: Bearer {HIDDEN}"),
        (JWT, HIDDEN),
        ("GET /ws?since=1&token=s3cret&x=1", f"GET /ws?since=1&token={HIDDEN}&x=1"),
        ("postgresql://sky:hunter2@db:5432/sky", f"postgresql://sky:{HIDDEN}@db:5432/sky"),
        ("redis://:hunter2@cache/0", f"redis://:{HIDDEN}@cache/0"),
        ("GET /console/invitation/IjAxYTI:1xV6ab:r9t-_x 200", f"GET /console/invitation/{HIDDEN} 200"),
        ("GET /console/new-password/01ab.d5x-9f 200", f"GET /console/new-password/{HIDDEN} 200"),
        ('{"path":"/console/unsubscribe/Wy:1:x"}', f'{{"path":"/console/unsubscribe/{HIDDEN}"}}'),
        ("a plain line, 1=1, https://example.com/x", "a plain line, 1=1, https://example.com/x"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, clean: str) -> None:
    assert redact_text(text) == clean


def test_named_fields_are_hidden_at_any_depth() -> None:
    event = {"user": "ada", "password": "x", "headers": [{"Authorization": "y", "accept": "z"}]}
    hidden = {"user": "ada", "password": HIDDEN, "headers": [{"Authorization": HIDDEN, "accept": "z"}]}
    assert redact(event) == hidden
    assert scrub({"request": {"cookies": "a", "headers": {"X-API-Key": KEY}}, "message": JWT}, {}) == {
        "request": {"cookies": "a", "headers": {"X-API-Key": HIDDEN}},
        "message": HIDDEN,
    }


@pytest.mark.django_db
def test_one_line_says_who_called_and_how_it_went(
    lines: Callable[[], list[dict[str, Any]]], key: Callable[..., str], client_for: Callable[..., APIClient]
) -> None:
    sent = key("read")
    answer = client_for(sent).get("/api/v1/usage?user_id=u1")
    (line,) = [line for line in lines() if line["event"] == "request_finished"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/usage", 200)
    assert (line["tenant"], line["actor"]) == ("acme", f"key:{sent.split('_')[1]}")
    assert line["address"] == "127.0.0.1"
    assert line["ms"] >= 0


@pytest.mark.django_db
def test_a_tour_leaves_no_secret_in_the_log(
    lines: Callable[[], list[dict[str, Any]]],
    key: Callable[..., str],
    client_for: Callable[..., APIClient],
    owner: User,
) -> None:
    sent, browser = key("admin"), Client(raise_request_exception=False)
    credentials = {"username": owner.email, "password": PASSWORD}
    pair = browser.post("/api/v1/token", credentials, content_type="application/json").json()
    browser.post("/api/v1/token", {**credentials, "password": "wr0ng-pass"}, content_type="application/json")
    new = client_for(sent).post("/api/v1/api-keys", {"name": "n", "scopes": ["read"]}).json()
    client_for(sent).post("/api/v1/events", {"tenant_id": "acme"})
    client_for(owner).get("/api/v1/auth/me")
    browser.get(f"/api/v1/usage?token={pair['access_token']}", headers={"X-API-Key": "no-such-key"})
    browser.get(f"/nope/{sent}/{pair['refresh_token']}")
    text = json.dumps(lines())
    secrets = {sent, PASSWORD, "wr0ng-pass", "no-such-key", pair["access_token"], pair["refresh_token"]}
    secrets |= {value for value in new.values() if isinstance(value, str) and value.startswith("sky_")}
    assert len(secrets) == 7
    assert [secret for secret in secrets if secret in text] == []
    assert text.count("request_finished") == 7


@pytest.mark.django_db
def test_a_failure_is_logged_with_the_request_and_without_locals(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        password_in_a_local = "hunter2"  # noqa: F841
        raise RuntimeError(f"bad key {KEY}")

    monkeypatch.setattr("config.system.Health.get", broken)
    answer = Client(raise_request_exception=False).get("/health")
    assert answer.status_code == 500
    (failure,) = [line for line in lines() if line.get("level") == "error"]
    assert failure["request_id"] == answer["X-Request-ID"]
    assert failure["exception"][0]["exc_type"] == "RuntimeError"
    assert "hunter2" not in json.dumps(failure)
    assert KEY not in json.dumps(failure)
