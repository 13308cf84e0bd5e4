"""Secrets, cookies and headers. Production has no default for anything secret."""

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import SERVE_PORT
from config.settings.env import ENVIRONMENT, STRICT, env, local_secret


def _missing() -> list[str]:
    required = {
        "SECRET_KEY": "at least 50 random characters",
        "DATABASE_URL": "postgresql://USER:PASSWORD@HOST:5432/NAME",
        "ALLOWED_HOSTS": "comma-separated host names that this service answers to",
    }
    absent = [f"{name} ({hint})" for name, hint in required.items() if not env.str(name, default="")]
    key = env.str("SECRET_KEY", default="")
    if key and (len(key) < 50 or len(set(key)) < 5):
        absent.append("SECRET_KEY (the one given is too short or too simple: at least 50 random characters)")
    return absent


if STRICT and (missing := _missing()):
    raise ImproperlyConfigured(
        "This environment needs real settings; missing: "
        + "; ".join(missing)
        + ". For a local trial set ENVIRONMENT=development or run `make run`."
    )

SECRET_KEY: str = env.str("SECRET_KEY", default="") or local_secret("secret_key")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])


def _derived(purpose: str, key: str = SECRET_KEY) -> str:
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


# Its own secret, so that SECRET_KEY can be rotated without ending every API key.
API_KEY_PEPPER: str = env.str("API_KEY_PEPPER", default="") or _derived("api-key-pepper")
# What webhook secrets are encrypted with: the first, and former ones that still open what they closed.
WEBHOOK_SECRET_KEYS: list[str] = env.list("WEBHOOK_SECRET_KEY", default=[]) + [
    _derived("webhook-secrets", key) for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)
]
# Webhooks into this network and over plain http, for trying them out.
WEBHOOK_ALLOW_PRIVATE: bool = env.bool("WEBHOOK_ALLOW_PRIVATE", default=ENVIRONMENT == "development")
if WEBHOOK_ALLOW_PRIVATE and STRICT:
    raise ImproperlyConfigured(
        "WEBHOOK_ALLOW_PRIVATE opens this network to every tenant; it is for ENVIRONMENT=development."
    )
API_KEYS: list[str] = env.list("API_KEYS", default=[])
MASTER_TOKEN: str = env.str("MASTER_TOKEN", default="")
ADMIN_EMAIL_DOMAINS: list[str] = [d.lower() for d in env.list("ADMIN_EMAIL_DOMAINS", default=[])]
ALLOW_PUBLIC_REGISTRATION: bool = env.bool("ALLOW_PUBLIC_REGISTRATION", default=not STRICT)

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
_HOST = next((host.lstrip(".") for host in ALLOWED_HOSTS if host != "*"), "localhost")
# Where people find us: links in mail begin with it.
PUBLIC_URL: str = env.str(
    "PUBLIC_URL", default=f"https://{_HOST}" if STRICT else f"http://localhost:{SERVE_PORT}"
).rstrip("/")
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Addresses or networks of the proxies in front; only they may name the client in X-Forwarded-For.
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailOrUsernameBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}.NumericPasswordValidator"},
]
# Platform staff need an authenticator app beside their password; everybody may have one.
STAFF_SECOND_FACTOR: bool = env.bool("STAFF_SECOND_FACTOR", default=STRICT)
LOGIN_URL = "/console/sign-in"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = "/console/sign-in"

ACCESS_TOKEN_LIFETIME = timedelta(
    minutes=env.int(
        "JWT_ACCESS_TOKEN_EXPIRE_MINUTES", default=env.int("ACCESS_TOKEN_EXPIRE_MINUTES", default=30)
    )
)
REFRESH_TOKEN_LIFETIME = timedelta(days=env.int("REFRESH_TOKEN_EXPIRE_DAYS", default=7))
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": env.str("ALGORITHM", default="HS256"),
    "SIGNING_KEY": env.str("JWT_SECRET_KEY", default="") or _derived("jwt"),
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "AUDIENCE": "skyledger",
    "ISSUER": "skyledger",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}
if SIMPLE_JWT["ALGORITHM"] not in {"HS256", "HS384", "HS512"}:
    raise ImproperlyConfigured("ALGORITHM must be HS256, HS384 or HS512.")

# Each issuer: {"issuer": URL, "audience": TEXT, "jwks_uri": URL or absent for discovery}.
OIDC_ISSUERS: list[dict[str, str]] = env.json("OIDC_ISSUERS", default=[])


def _firebase_project() -> str:
    """The project whose ID tokens count: named, or read from the service account (JSON, or its path)."""
    credentials: str = env.str("FIREBASE_CREDENTIALS", default="")
    named: str = env.str("FIREBASE_PROJECT_ID", default="")
    if named or not credentials:
        return named
    try:
        text = credentials if credentials.lstrip().startswith("{") else Path(credentials).read_text()
        return str(json.loads(text)["project_id"])
    except (OSError, ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            "FIREBASE_CREDENTIALS must be a service account's JSON with a project_id, or the path of one."
        ) from error


if _project := _firebase_project():
    _keys = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
    OIDC_ISSUERS += [
        {
            "issuer": f"https://securetoken.google.com/{_project}",
            "audience": _project,
            "jwks_uri": _keys,
        }
    ]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = STRICT
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 86400 if STRICT else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = STRICT
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=STRICT)
# The API never redirects a key that came in the clear; probes speak plain HTTP inside the network.
SECURE_REDIRECT_EXEMPT = [r"^(?!console/|admin/)"]
X_FRAME_OPTIONS = "DENY"

SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
SENTRY_TRACES_SAMPLE_RATE: float = env.float("SENTRY_TRACES_SAMPLE_RATE", default=0.0)
SENTRY_PROFILES_SAMPLE_RATE: float = env.float("SENTRY_PROFILES_SAMPLE_RATE", default=0.0)
SENTRY_SEND_PII: bool = env.bool("SENTRY_SEND_PII", default=False)
