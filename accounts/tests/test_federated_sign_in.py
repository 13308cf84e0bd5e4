"""ID tokens of an issuer that really answers over HTTP."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rest_framework.test import APIClient

from accounts import oidc
from accounts.models import AuditEntry, FederatedIdentity, Tenant, User
from accounts.tests.issuer import LocalIssuer
from tests.builders import PASSWORD, make_key, make_user

pytestmark = pytest.mark.django_db
Sign = Callable[..., Any]


@pytest.fixture
def issuer(settings: Any) -> Iterator[LocalIssuer]:
    local = LocalIssuer()
    settings.OIDC_ISSUERS = [local.config()]
    oidc.key_set.cache_clear()  # an earlier issuer may have had the same port
    yield local
    local.close()


def sign_in(token: str) -> Any:
    return APIClient().post("/auth/firebase", {"id_token": token}, format="json")


def test_the_first_sign_in_makes_the_person_known(issuer: LocalIssuer) -> None:
    answer = sign_in(issuer.token())
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    me = APIClient(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}").get("/auth/me").json()
    assert (me["email"], me["role"], me["tenants"]) == ("fed@example.com", "user", [])
    user = User.objects.get()
    assert (user.email_verified, user.has_usable_password(), user.is_staff) == (True, False, False)

    assert sign_in(issuer.token(email="moved@example.com", email_verified=False)).status_code == 200
    assert (User.objects.count(), FederatedIdentity.objects.count()) == (1, 1)
    assert issuer.paths == ["/.well-known/openid-configuration", "/jwks"]


def test_an_issuer_may_name_its_keys_itself(issuer: LocalIssuer, settings: Any) -> None:
    settings.OIDC_ISSUERS = [{**issuer.config(), "jwks_uri": f"{issuer.url}/jwks"}]
    assert sign_in(issuer.token()).status_code == 200
    assert issuer.paths == ["/jwks"]


def test_es256_is_good_too(issuer: LocalIssuer) -> None:
    issuer.keys["e1"] = ec.generate_private_key(ec.SECP256R1())
    assert sign_in(issuer.token(kid="e1", algorithm="ES256")).status_code == 200


def _public_pem(issuer: LocalIssuer) -> bytes:
    return issuer.keys["k1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signed_with_the_public_key(issuer: LocalIssuer) -> str:
    """HS256 with the published key as the secret, put together by hand: PyJWT refuses to."""
    import base64
    import hashlib
    import hmac

    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"k1"}').rstrip(b"=")
    signed = header + b"." + issuer.token().split(".")[1].encode()
    mac = hmac.new(_public_pem(issuer), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


BAD: dict[str, Callable[[LocalIssuer], str]] = {
    "wrong audience": lambda i: i.token(aud="another app"),
    "no audience": lambda i: i.token(aud=None),
    "wrong issuer": lambda i: i.token(iss="https://evil.example.com"),
    "expired": lambda i: i.token(exp=int(time.time()) - 60),
    "without end": lambda i: i.token(exp=None),
    "from the future": lambda i: i.token(iat=int(time.time()) + 600),
    "without time": lambda i: i.token(iat=None),
    "no subject": lambda i: i.token(sub=None),
    "empty subject": lambda i: i.token(sub=""),
    "unsigned": lambda i: i.token(key="", algorithm="none"),
    "public key as secret": _signed_with_the_public_key,
    "another hash": lambda i: i.token(algorithm="RS512"),
    "foreign key": lambda i: i.token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "unknown key id": lambda i: i.token(kid="k9", key=i.keys["k1"]),
    "cut off": lambda i: i.token()[:-10],
    "nonsense": lambda i: "a.b.c",
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_token_is_401_and_audited(issuer: LocalIssuer, reason: str) -> None:
    answer = sign_in(BAD[reason](issuer))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert not User.objects.exists()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["session.refused"]


def test_an_unknown_key_id_is_looked_up_once_a_minute(issuer: LocalIssuer, monkeypatch: Any) -> None:
    assert sign_in(issuer.token()).status_code == 200
    issuer.keys["k2"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer.paths.clear()
    assert sign_in(issuer.token(kid="k2")).status_code == 401
    assert issuer.paths == []

    monkeypatch.setattr(oidc, "REFETCH_SECONDS", 0)
    assert sign_in(issuer.token(kid="k2")).status_code == 200
    assert issuer.paths.count("/jwks") == 1


def test_a_withdrawn_key_is_refused_after_the_next_fetch(issuer: LocalIssuer, monkeypatch: Any) -> None:
    token = issuer.token()
    assert sign_in(token).status_code == 200
    issuer.keys = {"k2": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
    monkeypatch.setattr(oidc, "REFETCH_SECONDS", 0)
    monkeypatch.setattr(oidc, "KEEP_SECONDS", 0)
    assert sign_in(token).status_code == 401
    assert sign_in(issuer.token(kid="k2")).status_code == 200


@pytest.mark.parametrize("broken", ["500", "html", "redirect", "huge"])
def test_an_issuer_that_fails_is_502_and_left_alone_for_a_while(issuer: LocalIssuer, broken: str) -> None:
    issuer.broken = broken
    answer = sign_in(issuer.token())
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    issuer.broken = ""
    issuer.paths.clear()
    assert sign_in(issuer.token()).status_code == 502
    assert issuer.paths == []


def test_an_issuer_that_is_silent_is_504(issuer: LocalIssuer, monkeypatch: Any) -> None:
    issuer.broken = "silent"
    monkeypatch.setattr(oidc, "TIMEOUT", (1, 0.1))
    answer = sign_in(issuer.token())
    assert (answer.status_code, answer.json()["error"]) == (504, "upstream_timeout")


def test_known_keys_outlive_their_issuer(issuer: LocalIssuer, monkeypatch: Any) -> None:
    assert sign_in(issuer.token()).status_code == 200
    monkeypatch.setattr(oidc, "REFETCH_SECONDS", 0)
    monkeypatch.setattr(oidc, "KEEP_SECONDS", 0)
    issuer.broken = "500"
    assert sign_in(issuer.token()).status_code == 200


def test_a_discovery_document_of_another_issuer_is_not_believed(
    issuer: LocalIssuer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        issuer,
        "document",
        lambda path: {"issuer": "https://evil.example.com", "jwks_uri": f"{issuer.url}/jwks"},
    )
    assert sign_in(issuer.token()).status_code == 502


def test_a_verified_address_links_to_the_account_that_is_there(issuer: LocalIssuer) -> None:
    user = make_user("fed", email_verified=True)
    assert sign_in(issuer.token(email="FED@example.com")).status_code == 200
    assert FederatedIdentity.objects.get().user == user
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_who_opened_an_account_in_anothers_name_loses_it(issuer: LocalIssuer, acme: Tenant) -> None:
    user = make_user("fed", acme)
    own, _ = make_key(acme, "read", user=user)
    shared, _ = make_key(acme, "read", created_by=user)
    before = APIClient().post("/token", {"username": user.email, "password": PASSWORD}, format="json").json()
    assert sign_in(issuer.token()).status_code == 200
    user.refresh_from_db()
    assert (user.email_verified, user.has_usable_password()) == (True, False)
    again = APIClient().post("/auth/refresh", {"refresh_token": before["refresh_token"]}, format="json")
    assert again.status_code == 401
    own.refresh_from_db()
    shared.refresh_from_db()
    assert own.revoked_at is not None
    assert shared.revoked_at is None
    assert AuditEntry.objects.get(action="api_key.revoked").object_id == str(own.pk)


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_unverified_address_links_to_nobody(issuer: LocalIssuer, verified: Any) -> None:
    make_user("fed")
    assert sign_in(issuer.token(email_verified=verified)).status_code == 403
    assert sign_in(issuer.token(email_verified=verified, email="free@example.com")).status_code == 403
    assert not FederatedIdentity.objects.exists()
    assert User.objects.count() == 1


def test_a_token_without_an_address_makes_nobody(issuer: LocalIssuer) -> None:
    assert sign_in(issuer.token(email=None)).status_code == 403
    assert not User.objects.exists()


def test_a_deactivated_person_stays_out(issuer: LocalIssuer) -> None:
    sign_in(issuer.token())
    User.objects.update(is_active=False)
    assert sign_in(issuer.token()).status_code == 401
    make_user("other", is_active=False)
    assert sign_in(issuer.token(sub="subject-2", email="other@example.com")).status_code == 401
    assert FederatedIdentity.objects.count() == 1


def test_idm_takes_the_token_and_says_who(issuer: LocalIssuer) -> None:
    body = {"username": "fed@example.com", "idm_token": issuer.token()}
    answer = APIClient().post("/auth/idm", body, format="json")
    assert answer.status_code == 200
    user = User.objects.get()
    assert answer.json()["user"] == {
        "id": str(user.pk), "user_id": str(user.pk), "username": None, "email": "fed@example.com",
        "is_superuser": False, "type": "idm",
    }  # fmt: skip


def test_idm_refuses_a_token_of_somebody_else(issuer: LocalIssuer) -> None:
    body = {"username": "somebody", "idm_token": issuer.token()}
    assert APIClient().post("/auth/idm", body, format="json").status_code == 401
    assert not User.objects.exists()


def test_idm_takes_a_password_where_a_provider_is_configured(issuer: LocalIssuer) -> None:
    make_user("ada", username="ada")
    body = {"username": "ada", "password": PASSWORD}
    assert APIClient().post("/auth/idm", body, format="json").status_code == 200
    assert APIClient().post("/auth/idm", {**body, "password": "wrong"}, format="json").status_code == 401


def test_without_a_provider_both_are_off(settings: Any) -> None:
    settings.OIDC_ISSUERS = []
    make_user("ada", username="ada")
    for path, body in [
        ("/auth/firebase", {"id_token": jwt.encode({"iss": "x"}, "k" * 32)}),
        ("/auth/idm", {"username": "ada", "password": PASSWORD}),
    ]:
        answer = APIClient().post(path, body, format="json")
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
