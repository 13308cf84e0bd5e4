"""ID tokens of OpenID Connect issuers, checked against the keys that the issuer publishes."""

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jwt
import msgspec
import requests
from django.conf import settings

from accounts.errors import InvalidToken, UpstreamFailed, UpstreamTimeout

ALGORITHMS: Final = frozenset({"RS256", "ES256"})
TIMEOUT: Final = (3.05, 5.0)  # seconds to connect, and to wait for each read
MAX_BYTES: Final = 512 * 1024
KEEP_SECONDS: Final = 3600.0
REFETCH_SECONDS: Final = 60.0  # at most once in this time for a key id that nobody has seen
REST_SECONDS: Final = 5.0  # how long an issuer that did not answer is left alone
LEEWAY_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Issuer:
    """`jwks_uri` is empty where the issuer's discovery document names it."""

    issuer: str
    audience: str
    jwks_uri: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an ID token speaks of."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


class KeySet:
    """An issuer's public keys, remembered for an hour and past it while the issuer is away."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = self._failed_at = float("-inf")

    def key(self, kid: str) -> jwt.PyJWK:
        """The key of that id, or InvalidToken; UpstreamFailed or UpstreamTimeout when nobody can tell."""
        with self._lock:
            now = time.monotonic()
            old = now - self._fetched_at > KEEP_SECONDS
            if (old or kid not in self._keys) and now - self._asked_at > REFETCH_SECONDS:
                self._fetch(now, kid)
            if kid not in self._keys:
                raise InvalidToken("The ID token is signed with a key that its issuer does not publish.")
            return self._keys[kid]

    def _fetch(self, now: float, kid: str) -> None:
        if now - self._failed_at < REST_SECONDS:
            if kid not in self._keys:
                raise UpstreamFailed("The identity provider did not answer; try again shortly.")
            return
        try:
            self._keys = fetch_keys(self._issuer)
            self._fetched_at = self._asked_at = now
        except (UpstreamFailed, UpstreamTimeout):
            self._failed_at = time.monotonic()
            if kid not in self._keys:
                raise


@cache
def key_set(issuer: Issuer) -> KeySet:
    return KeySet(issuer)


def verify(token: str) -> Identity:
    """The identity in an ID token of one of OIDC_ISSUERS.

    Errors: InvalidToken (401) for any fault of the token; UpstreamFailed (502) or UpstreamTimeout (504)
    when the issuer's keys cannot be had.
    """
    try:
        header = jwt.get_unverified_header(token)
        named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        issuer = _configured(named)
        key = key_set(issuer).key(str(header.get("kid", "")))
        claims = jwt.decode(
            token,
            key.key,
            # The key decides, so that no token can have its signature checked by another method.
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.PyJWTError as error:
        raise InvalidToken("The ID token is not valid or has expired.") from error
    return _identity(claims)


def fetch_keys(issuer: Issuer) -> dict[str, jwt.PyJWK]:
    """Key id → signing key, of the kinds that we accept."""
    uri = issuer.jwks_uri or _discover(issuer)
    published = _get(uri).get("keys")
    keys: dict[str, jwt.PyJWK] = {}
    for item in published if isinstance(published, list) else []:
        try:
            key = jwt.PyJWK(item)
        except jwt.PyJWTError:  # a kind of key that we do not know is none of ours
            continue
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in {None, "sig"}:
            keys[key.key_id] = key
    return keys


def _configured(named: Any) -> Issuer:
    for item in settings.OIDC_ISSUERS:
        if item["issuer"] == named:
            return Issuer(**item)
    raise InvalidToken("The ID token comes from an issuer that is not configured here.")


def _discover(issuer: Issuer) -> str:
    document = _get(f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
    uri = document.get("jwks_uri")
    scheme = issuer.issuer.partition("://")[0]
    if document.get("issuer") != issuer.issuer or not str(uri).startswith(f"{scheme}://"):
        raise UpstreamFailed("The identity provider's discovery document does not fit its name.")
    return str(uri)


def _get(url: str) -> dict[str, Any]:
    """A JSON object from an issuer; no redirects, since the address is the operator's word."""
    try:
        with requests.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
            body, status = _bounded(response), response.status_code
        found = msgspec.json.decode(body)
    except requests.Timeout as error:
        raise UpstreamTimeout("The identity provider did not answer in time; try again shortly.") from error
    except (requests.RequestException, msgspec.DecodeError) as error:
        raise UpstreamFailed("The identity provider could not be asked; try again shortly.") from error
    if status != requests.codes.ok or not isinstance(found, dict):
        raise UpstreamFailed("The identity provider did not answer as it should; try again shortly.")
    return found


def _bounded(response: requests.Response) -> bytes:
    body = b""
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > MAX_BYTES:
            raise UpstreamFailed("The identity provider sent more than it should.")
    return body


def _identity(claims: dict[str, Any]) -> Identity:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        raise InvalidToken("The ID token names no subject.")
    return Identity(
        issuer=claims["iss"],
        subject=subject,
        email=str(claims.get("email") or "").strip().lower(),
        email_verified=claims.get("email_verified") is True,
        name=str(claims.get("name") or ""),
    )
