"""Django itself: apps, middleware, templates, static files, time and mail."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.env import BASE_DIR, STRICT, VAR_DIR, env

VERSION = "0.1.0"
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and STRICT:
    raise ImproperlyConfigured(
        "DEBUG shows code and settings to everybody; it is for ENVIRONMENT=development."
    )

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "accounts",
    "usage",
    "builds",
    "inventory",
    "gcore",
    "config.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

# Those before SessionMiddleware see static files and every error too.
MIDDLEWARE = [
    "config.middleware.EdgeMiddleware",
    "config.door.DoorMiddleware",
    "usage.lane.LaneMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.cors.TenantCorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.RequestMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.api.idempotency.IdempotencyMiddleware",
    "accounts.row_security.RowSecurityMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False  # every path answers with and without the slash itself, so nothing redirects

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Files that are kept; nobody fetches one but through a view that asks who they are.
MEDIA_ROOT = VAR_DIR / "files"
WHITENOISE_USE_FINDERS = not STRICT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STRICT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Mail with its codes is printed on a developer's console alone; in production without SMTP_HOST it waits and
# fails in sight (the outbox in the back office).
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if STRICT or env.str("SMTP_HOST", default="")
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.str("SMTP_HOST", default="")
EMAIL_PORT = env.int("SMTP_PORT", default=587)
EMAIL_HOST_USER = env.str("SMTP_USER", default="")
EMAIL_HOST_PASSWORD = env.str("SMTP_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("SMTP_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAILS_FROM_EMAIL", default="Skyledger <noreply@localhost>")

# Where `manage.py serve` listens.
SERVE_HOST: str = env.str("APP_HOST", default="127.0.0.1")
SERVE_PORT: int = env.int("PORT", default=env.int("APP_PORT", default=8000))

# Every request body, API or form, is bounded; uploads to disk get their own limit where they exist.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=5 * 1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
STATUS_PEERS: dict[str, str] = {
    name: url for name, _, url in (peer.partition("=") for peer in env.list("STATUS_PEERS", default=[]))
}
