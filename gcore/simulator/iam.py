"""Logins: RS256 tokens of one hour and one day, refresh tokens that work once, permanent tokens."""

import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from gcore.simulator.state import API_TOKEN, CUSTOMER_TOKEN, PASSWORD, USERNAME, State
from gcore.simulator.wire import Answer, Refusal, Request, Route, page, said
from gcore.simulator.world import CLIENTS, RESELLER, client

ACCESS_SECONDS: Final = 3600
REFRESH_SECONDS: Final = 86_400
PERMANENT: Final = {API_TOKEN: RESELLER, CUSTOMER_TOKEN: CLIENTS[0].id}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the reseller, who sees all customers, or one of them, who sees itself."""

    client_id: int

    @property
    def is_reseller(self) -> bool:
        return self.client_id == RESELLER

    def sees(self, client_id: int) -> bool:
        return self.is_reseller or client_id == self.client_id

    def require_reseller(self) -> None:
        if not self.is_reseller:
            raise Refusal(403, {"detail": "You do not have permission to perform this action."})


@cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def caller(state: State, request: Request) -> Caller:
    """Whoever the Authorization names, or a 401 in Gcore's words."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:
        raise Refusal(401, {"detail": "Authentication credentials were not provided."})
    if scheme.lower() == "apikey":
        if token not in PERMANENT:
            raise Refusal(401, {"detail": f"Bad token: {token.partition('_')[2] or token}"})
        return Caller(PERMANENT[token])
    return Caller(int(_claims(state, token, "access")["client_id"]))


def _claims(state: State, token: str, kind: str) -> dict[str, Any]:
    try:
        options: Any = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, signing_key().public_key(), ["RS256"], options=options)
    except jwt.PyJWTError as error:
        raise Refusal(401, {"detail": "Given token not valid for any token type"}) from error
    ended = claims["jti"] in state.ended_tokens or claims["made_at"] < state.revoked_before
    if claims["token_type"] != kind or ended or claims["exp"] <= state.now():
        raise Refusal(401, {"detail": "Token is invalid or expired"})
    return claims


def _pair(state: State, client_id: int) -> Answer:
    now = state.now()
    kinds = {"refresh": REFRESH_SECONDS, "access": ACCESS_SECONDS}
    return said({kind: _token(kind, client_id, now, seconds) for kind, seconds in kinds.items()})


def _token(kind: str, client_id: int, now: float, seconds: int) -> str:
    claims = {
        "token_type": kind,
        "exp": int(now) + seconds,
        "jti": secrets.token_hex(16),
        "made_at": now,
        "user_id": 1001,
        "user_type": "common",
        "client_id": client_id,
        "email": USERNAME,
        "username": USERNAME,
        "is_admin": False,
    }
    return jwt.encode(claims, signing_key(), "RS256")


def login(state: State, request: Request) -> Answer:
    body = request.json()
    missing = [name for name in ("username", "password") if not body.get(name)]
    if missing:
        raise Refusal(400, {"errors": {name: ["This field is required"] for name in missing}})
    if (body["username"], body["password"]) != (USERNAME, PASSWORD):
        text = "No active account found with the given credentials."
        raise Refusal(400, {"errors": {"errors": [text]}})
    return _pair(state, RESELLER)


def refresh(state: State, request: Request) -> Answer:
    token = request.json().get("refresh")
    if not token:
        raise Refusal(400, {"errors": {"refresh": ["This field is required"]}})
    with state.lock:
        claims = _claims(state, str(token), "refresh")
        state.ended_tokens.add(claims["jti"])
    return _pair(state, claims["client_id"])


def act_as(state: State, request: Request, client_id: str) -> Answer:
    caller(state, request).require_reseller()
    if not client_id.isdecimal() or client(int(client_id)) is None:
        raise Refusal(404, {"detail": "Not found."})
    return _pair(state, int(client_id))


def me(state: State, request: Request) -> Answer:
    who = caller(state, request)
    found = client(who.client_id)
    return said(_shown(who.client_id, found.name if found else "Skyledger Reseller", is_reseller=not found))


def clients(state: State, request: Request) -> Answer:
    who = caller(state, request)
    shown = [_shown(one.id, one.name) for one in CLIENTS if who.sees(one.id)]
    return page(request, shown, envelope=state.knobs.envelopes)


def _shown(client_id: int, name: str, *, is_reseller: bool = False) -> dict[str, Any]:
    found = client(client_id)
    has = found.products if found else ()
    return {
        "id": client_id,
        "email": f"billing@{client_id}.example.com",
        "name": name,
        "companyName": name,
        "status": "paused" if found and not found.size else "active",
        "custom_id": None,
        "client_type": "reseller" if is_reseller else "common",
        "serviceStatuses": {
            service: {"enabled": service in has, "status": "active" if service in has else "new"}
            for service in ("CDN", "CLOUD", "WAAP")
        },
        "is_test": False,
        "deleted": False,
    }


ROUTES: Final = [
    Route("POST", "/iam/auth/jwt/login", login),
    Route("POST", "/iam/auth/jwt/refresh", refresh),
    Route("GET", "/iam/auth/jwt/clients/{client_id}/login", act_as),
    Route("GET", "/iam/auth/jwt/clients/{client_id}/admin_token", act_as),
    Route("GET", "/iam/clients/me", me),
    Route("GET", "/iam/clients", clients),
]
